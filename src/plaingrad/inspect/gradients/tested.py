"""The module under test: a private copy in double precision, run repeatedly from the same state."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from plaingrad.contract.nest import filled, invalid_type, mapped, outline, tensors
from plaingrad.errors import InputError
from plaingrad.module import Module, ModuleError
from plaingrad.nn.loss.reduction import Reduction
from plaingrad.parameter import shape

Tensors = tuple[Tensor, ...]
Upstream = tuple[Tensor | None, ...]


class ModuleUnderTest:
    """A float64 copy of a module and of its inputs, which shares nothing with the caller's.

    Every `forward` starts from the same random state and the same buffers, so that a dropout mask or a
    running mean is the same each time and only deliberate changes make a difference.

    Args:
        module: the module to copy.
        arguments: the positional arguments of its forward: tensors, nests of them, anything else.
        options: its keywords.
        loss: a loss and its targets, to check the module together with it; or None.
        training: True or False for training or evaluation mode, None for the mode the module is in.
        seed: the seed of everything random.

    Attributes:
        arguments: copies of all arguments by name, keywords last.
        inputs: the tensors among them, in order.
        names: the name of each of these.
        differentiable: whether each of these has a gradient.
        parameters: the copy's parameters that are not frozen, by name.
        outputs: the outline of what the latest forward returned.
        invalid_type: the type of the first of these outputs that is no tensor, or None.
        is_loss: whether backward returns entries for some arguments only.
        seconds: the time that one forward or backward may take; None for any.
    """

    seconds: float | None = None

    def __init__(
        self,
        module: Module,
        arguments: Sequence[Any],
        options: Mapping[str, Any],
        loss: tuple[Any, ...] | None,
        training: bool | None,
        seed: int,
    ) -> None:
        if loss is not None and not (isinstance(loss, (tuple, list)) and len(loss) > 1):
            raise InputError(f"check_gradients: expected loss as a pair (loss, target), got {loss!r}")
        self.module = _private(module, arguments, options)
        self.loss = None if loss is None else _private(loss[0])
        self.targets = () if loss is None else doubled(loss[1:])
        for part in self._parts():
            for child in part.modules():
                child.training = child.training if training is None else training
                child.saving = True
        self._unused = copy.deepcopy(self.module)
        self.seed = seed
        self.device = device_of((*arguments, *options.values()))
        self.name = self.module.signature() + (f" under {self.loss.signature()}" if self.loss else "")
        self._note_state()
        self.takes_upstream = _takes_upstream(self._parts()[-1])
        self.is_loss = isinstance(self.module, Reduction) or not (self.takes_upstream or self.loss)
        self._positional = len(arguments)
        self.arguments: dict[str, Any] = dict(zip(self._argument_names(len(arguments)), doubled(arguments)))
        self.arguments |= dict(zip(options, doubled(list(options.values()))))
        entries = [entry for item in self.arguments.items() for entry in leaves(*item)]
        self.names = [name for name, _ in entries]
        self.inputs: Tensors = tuple(x for _, x in entries)
        self.expect_entries(len(self.arguments))

    def unused(self) -> ModuleUnderTest:
        """A copy of this object whose module has never been called."""
        twin = copy.copy(self)
        twin.module = copy.deepcopy(self._unused)
        twin._note_state()
        return twin

    def _note_state(self) -> None:
        self.parameters = {n: p for n, p in self.module.named_parameters() if not p.frozen}
        self._buffers = [(buffer, buffer.value) for part in self._parts() for buffer in part.buffers()]

    def _argument_names(self, count: int) -> list[str]:
        if self.is_loss:
            return _parameter_names(self.module.forward, count)
        return ["input"] if count == 1 else [f"input {k}" for k in range(count)]

    def _declared(self) -> list[str]:
        """The arguments that the module's class declares as differentiable; all if it declares none."""
        declared, own = type(self.module).differentiable, list(self.arguments)
        if declared is None:
            return own
        names = [*self._declaring_names(declared), *own[self._positional :]]
        chosen = [argument for argument, name in zip(own, names) if name in declared]
        return chosen or own[: len(declared)]  # of a loss of one's own that has other names for them

    def _declaring_names(self, declared: Sequence[str]) -> list[str]:
        """Forward's names for its arguments, as the class that declares them as differentiable has them.

        A subclass may have renamed them.
        """
        each = [_parameter_names(self.module.forward, self._positional)]
        each += [
            _parameter_names(cls.forward, self._positional + 1)[1:]
            for cls in type(self.module).__mro__
            if issubclass(cls, Module) and "forward" in vars(cls)
        ]
        return next((names for names in each if set(declared) & set(names)), each[0])

    def with_entries(self, count: int) -> list[str]:
        """The arguments for which backward returns an entry: all, or for a loss some.

        Args:
            count: the number of entries that a loss without declared arguments returned.
        """
        if not self.is_loss:
            return list(self.arguments)
        declared = type(self.module).differentiable
        return self._declared() if declared is not None else list(self.arguments)[:count]

    def expect_entries(self, count: int) -> list[str]:
        """Update ``differentiable`` for this number of entries; return the arguments that have an entry."""
        entries = self.with_entries(count)
        with_gradients = set(entries) & set(self._declared())
        self.differentiable = [
            x.is_floating_point() and argument in with_gradients
            for argument, value in self.arguments.items()
            for x in tensors(value)
        ]
        return entries

    def _parts(self) -> list[Module]:
        return [self.module] if self.loss is None else [self.module, self.loss]

    def forward(self, inputs: Sequence[Tensor] | None = None, another: int = 0) -> Tensors:
        """Run forward; return the tensors among the outputs, or the loss if there is one.

        Args:
            inputs: tensors in place of this object's own.
            another: 0 for the common random state, else a number that selects another one.
        """
        for buffer, value in self._buffers:
            buffer.value = value.clone()
        self.reseed(self.seed + another)
        outputs = self._call(self.inputs if inputs is None else inputs)
        if self.loss is not None:
            outputs = self.loss.forward(*as_tuple(outputs), *self.targets)
        self.outputs, self.invalid_type = outline(outputs), invalid_type(outputs)
        return tuple(tensors(outputs))

    def _call(self, inputs: Sequence[Tensor]) -> Any:
        each = iter(inputs)
        values = {name: mapped(lambda _: next(each), value) for name, value in self.arguments.items()}
        keywords = {name: values.pop(name) for name in list(values)[self._positional :]}
        return self.module.forward(*values.values(), **keywords)

    def reseed(self, seed: int) -> None:
        """Put PyTorch's generators into the random state of this seed."""
        if self.device.type == "cuda":
            torch.cuda.manual_seed(seed)
        torch.default_generator.manual_seed(seed)  # torch.manual_seed asks every kind of device first

    def backward(self, dys: Upstream) -> Any:
        """Run backward with these upstream gradients, one for each tensor of the outputs."""
        each = iter(dys)
        grads = as_tuple(filled(self.outputs, lambda: next(each))) if self.takes_upstream else ()
        if self.loss is not None:
            grads = as_tuple(self.loss.backward(*grads))
        return self.module.backward(*grads)

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
        """Set the gradients to zero and discard saved state."""
        for part in self._parts():
            part.zero_grad()

    def left_over(self) -> bool:
        """True if a forward has saved state that no backward has taken."""
        return any(child._saved for child in self.module.modules())


def as_tuple(value: Any) -> tuple[Any, ...]:
    """Values as a tuple; a single one as a tuple of one."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def leaves(name: str, nest: Any) -> Iterator[tuple[str, Tensor]]:
    """The tensors in a nest, each with the nest's name and its indices there."""
    if isinstance(nest, Tensor):
        yield name, nest
    elif isinstance(nest, (tuple, list)):
        for k, entry in enumerate(nest):
            yield from leaves(f"{name}[{k}]", entry)
    elif isinstance(nest, dict):
        for key, entry in nest.items():
            yield from leaves(f"{name}[{key!r}]", entry)


def doubled(values: Sequence[Any]) -> tuple[Any, ...]:
    """Contiguous copies of tensors, real ones in double precision; other values unchanged."""

    def copied(value: Tensor) -> Tensor:
        own = value.detach().clone(memory_format=torch.contiguous_format)
        return own.double() if own.is_floating_point() else own

    return tuple(mapped(copied, value) for value in values)


def device_of(inputs: Sequence[Any]) -> torch.device:
    """The device of the first tensor."""
    return next((x.device for x in tensors(list(inputs))), torch.device("cpu"))


def _private(
    module: Module, arguments: Sequence[Any] = (), options: Mapping[str, Any] | None = None
) -> Module:
    if not isinstance(module, Module):
        raise InputError(f"check_gradients: expected a plaingrad Module, got {type(module).__name__}")
    # Saved state stays behind: it may be large, and the copy begins without any.
    own = copy.deepcopy(module, {id(child._saved): [] for child in module.modules()})
    if not all(parameter.is_shaped for _, parameter in own.named_parameters()):
        own.forward(*arguments, **(options or {}))
        own.zero_grad()
    own.to(torch.float64)
    generator = torch.Generator().manual_seed(0)
    for _, parameter in own.named_parameters():
        value, grad = doubled((parameter.value, parameter.grad))
        parameter.bind(moved(value, generator), grad)
        parameter.zero_grad()
    for child in own.modules():
        for name, field in child.held().items():
            if isinstance(field, Tensor):  # a constant, neither parameter nor buffer
                setattr(child, name, doubled([field])[0])
    return own


def moved(value: Tensor, generator: torch.Generator) -> Tensor:
    """A parameter away from where mistakes do not show, as at a scale of ones or a bias of zeros.

    One whose elements differ stays as it is.
    """
    if not value.numel() or bool((value != value.flatten()[0]).any()):
        return value
    noise = torch.rand(value.shape, generator=generator, dtype=value.dtype).to(value.device)
    return value + (0.1 + 0.4 * noise) * value.abs().clamp(min=1)


def _takes_upstream(module: Module) -> bool:
    return bool(inspect.signature(module.backward).parameters)


def _parameter_names(function: Callable[..., Any], count: int) -> list[str]:
    """The names of a function's first positional parameters; numbers for variable ones."""
    kinds = inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD
    names = [name for name, each in inspect.signature(function).parameters.items() if each.kind in kinds]
    return [names[k] if k < len(names) else f"input {k}" for k in range(count)]


def reason(error: Exception) -> str:
    """The type and message of an exception, or of its original if a module re-raised it."""
    original = error.__cause__ if isinstance(error, ModuleError) and error.__cause__ else error
    return f"{type(original).__name__}: {original}"


def first_forward(under_test: ModuleUnderTest) -> Tensors:
    """Run forward for the first time; an error names the inputs.

    Raises:
        InputError: forward raised, or returned no tensors.
    """
    shapes = ", ".join(repr(mapped(shape, x)) for x in under_test.arguments.values())
    call = f"forward of {f'input {shapes}' if shapes else 'no inputs'}"
    try:
        outputs = under_test.forward(doubled(under_test.inputs))
    except Exception as error:
        if isinstance(error, ModuleError) and error.__cause__ is None:
            raise
        raise InputError(f"{under_test.name}: {call} raised {reason(error)}") from error
    if under_test.invalid_type or not outputs:
        raise InputError(
            f"{under_test.name}: {call} returned {under_test.invalid_type or 'none'}, expected tensors"
        )
    return outputs
