"""The module under examination: a private copy in double precision, run again and again alike."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from plaingrad.module import Module, ModuleError
from plaingrad.nn import Loss
from plaingrad.parameter import Buffer, shape

Tensors = tuple[Tensor, ...]
Upstream = tuple[Tensor | None, ...]


class Subject:
    """A float64 copy of a module and of its inputs; nothing that happens to it reaches the caller's.

    Every `forward` starts from the same random state and the same buffers, so that a dropout mask or a
    running mean is the same each time and only what was changed on purpose makes a difference.

    Args:
        module: the module to copy.
        inputs: its inputs; integers and what is no tensor stay as they are.
        loss: a loss and its targets, through which the module is looked at; or None.
        training: True or False for training or evaluation mode, None for the mode the module is in.
        seed: for everything random.

    Attributes:
        inputs: the copies of the inputs.
        parameters: the copy's parameters by name.
        is_loss: whether only the first inputs have gradients, as with a prediction and its target.
    """

    def __init__(
        self,
        module: Module,
        inputs: Sequence[Any],
        loss: tuple[Any, ...] | None,
        training: bool | None,
        seed: int,
    ) -> None:
        if loss is not None and not (isinstance(loss, (tuple, list)) and len(loss) > 1):
            raise ValueError(f"check_gradients: expected loss as a pair (loss, target), got {loss!r}")
        self.module = _private(module)
        self.loss = None if loss is None else _private(loss[0])
        self.targets = () if loss is None else doubled(loss[1:])
        for part in self._parts():
            for child in part.modules():
                child.training = child.training if training is None else training
                child.saving = True
        self.inputs = doubled(inputs)
        self.seed = seed
        self.device = device_of(inputs)
        self.parameters = dict(self.module.named_parameters())
        self.name = self.module.signature() + (f" under {self.loss.signature()}" if self.loss else "")
        self._buffers = [(b, b.value) for part in self._parts() for b in _fields(part, Buffer)]
        self.takes_upstream = _takes_upstream(self._parts()[-1])
        self.is_loss = isinstance(self.module, Loss) or not (self.takes_upstream or self.loss)

    def _parts(self) -> list[Module]:
        return [self.module] if self.loss is None else [self.module, self.loss]

    def forward(self, inputs: Sequence[Any] | None = None, another: int = 0) -> Tensors:
        """The outputs, or the loss if there is one.

        Args:
            inputs: other inputs than the subject's own.
            another: 0 for the random state of every other forward, else for another one.
        """
        for buffer, value in self._buffers:
            buffer.value = value.clone()
        self._seed(self.seed + another)
        given = self.inputs if inputs is None else inputs
        outputs = as_tuple(self.module.forward(*given))
        return outputs if self.loss is None else as_tuple(self.loss.forward(*outputs, *self.targets))

    def _seed(self, seed: int) -> None:
        if self.device.type == "cuda":
            torch.cuda.manual_seed(seed)
        torch.default_generator.manual_seed(seed)  # torch.manual_seed asks every kind of device first

    def backward(self, dys: Upstream) -> tuple[Any, ...]:
        """What the module's backward returns for these upstream gradients, as a tuple."""
        dys = dys if self.takes_upstream else ()
        if self.loss is not None:
            dys = as_tuple(self.loss.backward(*dys))
        return as_tuple(self.module.backward(*dys))

    def upstream(self, outputs: Tensors, seed: int) -> Upstream:
        """Random gradients for the outputs, none near 0; None for an integer output.

        If the last backward takes none, it is that of a loss, and the gradient is 1.
        """
        generator = torch.Generator().manual_seed(seed)

        def drawn(y: Tensor) -> Tensor:
            normal = torch.randn(y.shape, generator=generator, dtype=torch.float64)
            return (normal + normal.sign() / 2).to(y.device)

        draw = drawn if self.takes_upstream else torch.ones_like
        return tuple(draw(y) if y.is_floating_point() else None for y in outputs)

    def zero_grad(self) -> None:
        """Set the gradients to zero and forget saved state."""
        for part in self._parts():
            part.zero_grad()

    def left_over(self) -> bool:
        """Whether a forward saved state that no backward has taken."""
        return any(child._saved for child in self.module.modules())


def as_tuple(value: Any) -> tuple[Any, ...]:
    """Several values as a tuple, one as a tuple of one."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def doubled(values: Sequence[Any]) -> tuple[Any, ...]:
    """Contiguous copies of tensors, real ones in double precision; anything else as it is."""

    def copied(value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        own = value.detach().clone(memory_format=torch.contiguous_format)
        return own.double() if own.is_floating_point() else own

    return tuple(copied(value) for value in values)


def device_of(inputs: Sequence[Any]) -> torch.device:
    """The device of the first tensor."""
    return next((x.device for x in inputs if isinstance(x, Tensor)), torch.device("cpu"))


@contextmanager
def alone(device: torch.device) -> Iterator[None]:
    """Without autograd, in double precision, on one thread; torch's global state is put back afterwards."""
    dtype, threads = torch.get_default_dtype(), torch.get_num_threads()
    with (
        torch.inference_mode(False),
        torch.no_grad(),
        torch.random.fork_rng([device] if device.type == "cuda" else []),
    ):
        torch.set_default_dtype(torch.float64)
        torch.set_num_threads(1)  # thousands of small forwards
        try:
            yield
        finally:
            torch.set_default_dtype(dtype)
            torch.set_num_threads(threads)


def _private(module: Module) -> Module:
    if not isinstance(module, Module):
        raise ValueError(f"check_gradients: expected a plaingrad Module, got {type(module).__name__}")
    # Saved state stays behind: it may be large, and the copy begins without any.
    own = copy.deepcopy(module, {id(child._saved): [] for child in module.modules()})
    own.to(torch.float64)
    for _, parameter in own.named_parameters():
        parameter.bind(*doubled(tuple(parameter)))
        parameter.grad.zero_()
    for child in own.modules():
        for name, field in vars(child).items():
            if isinstance(field, Tensor):  # a constant that the class keeps by itself
                setattr(child, name, doubled([field])[0])
    return own


def _fields(module: Module, kind: type) -> list[Any]:
    return [field for child in module.modules() for field in vars(child).values() if isinstance(field, kind)]


def _takes_upstream(module: Module) -> bool:
    return bool(inspect.signature(module.backward).parameters)


def described(inputs: Sequence[Any]) -> str:
    """Shapes of the inputs, for a message."""
    return ", ".join(str(shape(x)) if isinstance(x, Tensor) else repr(x) for x in inputs)


def first_forward(subject: Subject) -> Tensors:
    """The outputs, with an error that tells what the module was given if it cannot use it.

    Raises:
        ValueError: forward raised, or returned something else than tensors.
    """
    given = f"forward of input {described(subject.inputs)}"
    try:
        outputs = subject.forward(doubled(subject.inputs))
    except ModuleError:
        raise
    except Exception as error:
        raise ValueError(f"{subject.name}: {given} raised {type(error).__name__}: {error}") from error
    for y in outputs:
        if not isinstance(y, Tensor):
            raise ValueError(f"{subject.name}: {given} returned {type(y).__name__}, expected tensors")
    return outputs
