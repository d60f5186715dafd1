"""The contract that every layer keeps: `Module`, and `ModuleError` for what it cannot use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import torch
from torch import Tensor

from plaingrad.parameter import Buffer, FlatStorage, Parameter, shape

M = TypeVar("M", bound="Module")


class ModuleError(ValueError):
    """Something a module cannot use, told with the module's place in the network.

    Containers add their own position on the way out, so the message of an error deep inside reads
    ``Sequential[2] Linear(5, 4): expected input (*, 5), got (8, 2)``.

    Attributes:
        module: the module that complained.
        path: the positions of the containers around it, outermost first; empty at the top.
        problem: what was expected and what came.
    """

    def __init__(self, module: Module, problem: str) -> None:
        super().__init__(module, problem)  # all arguments, so that it can be pickled between processes
        self.module = module
        self.path: list[str] = []
        self.problem = problem

    def inside(self, container: Module, name: str) -> None:
        """Note that the module is the child ``name`` of ``container``."""
        self.path.insert(0, f"{type(container).__name__}[{name}]")

    def __str__(self) -> str:
        place = ".".join(self.path) + " " if self.path else ""
        return f"{place}{self.module.signature()}: {self.problem}"


class Module:
    """A differentiable function with a hand-written derivative.

    A subclass assigns its `Parameter`, `Buffer` and `Module` fields in ``__init__`` (there is nothing
    to call first) and writes two methods:

    - ``forward(*inputs)`` returns a tensor or a tuple of tensors, and hands what its backward will need
      to `save`.
    - ``backward(*grad_outputs)`` gets the gradient of the loss with respect to each output, takes that
      state back with `restore`, **adds** to the gradients of the parameters, and returns the gradient
      with respect to each input (``None`` for an integer input).

    The first axis of every input is the batch. Saved state is a stack, so a module that is used twice in
    one network is walked back in reverse order, as it should be.

    Attributes:
        training: whether layers such as dropout behave as they do in training.
        saving: whether a forward keeps what its backward needs; follows ``training`` unless
            ``eval(saving=True)`` asked for gradients of the network as it is in evaluation.
    """

    training: bool
    saving: bool
    _arguments: tuple[list[str], dict[str, str]]
    _saved: list[tuple[Any, list[tuple[torch.Size, torch.dtype]]]]

    def __new__(cls: type[M], *args: Any, **kwargs: Any) -> M:
        # Here and not in __init__, so that a subclass has nothing to call first.
        module = super().__new__(cls)
        module._arguments = (
            [_short(value) for value in args],
            {name: _short(value) for name, value in kwargs.items() if name not in ("device", "dtype")},
        )
        module._saved = []
        module.training = module.saving = True
        return module

    def __init__(self) -> None:
        """Refuse arguments, where a subclass takes none."""

    def forward(self, *inputs: Any) -> Any:
        """Compute the output; see the class for what a subclass owes."""
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def backward(self, *grad_outputs: Any) -> Any:
        """Compute the gradient with respect to the inputs; see the class for what a subclass owes."""
        raise NotImplementedError(f"{type(self).__name__} has no backward")

    def __call__(self, *inputs: Any) -> Any:
        return self.forward(*inputs)

    # What a forward leaves for its backward

    def save(self, state: Any, *outputs: Tensor) -> None:
        """Push what backward will need; ``outputs`` are what forward is about to return.

        Only the outputs' shapes and dtypes are kept, for `restore` to hold the gradients against.
        """
        if self.saving:
            self._saved.append((state, [(y.shape, y.dtype) for y in outputs]))

    def restore(self, *grad_outputs: Tensor | None) -> Any:
        """Pop what the matching forward saved, after checking one gradient per output of that forward.

        A gradient of None is not checked: an output that nothing used, or a loss's own implicit 1.

        Raises:
            ModuleError: there is no forward left to undo, or a gradient differs from its output in shape
                or dtype.
        """
        if not self._saved:
            why = "none is left" if self.saving else "eval() saves nothing; eval(saving=True) does"
            raise ModuleError(self, f"backward needs the state of a forward: {why}")
        state, outputs = self._saved[-1]
        if len(grad_outputs) != len(outputs):
            raise ModuleError(self, f"expected {len(outputs)} output gradients, got {len(grad_outputs)}")
        for dy, (y_shape, y_dtype) in zip(grad_outputs, outputs):
            if dy is not None and (dy.shape != y_shape or dy.dtype != y_dtype):
                raise ModuleError(
                    self,
                    f"expected output gradient {tuple(y_shape)} of {y_dtype}, got {shape(dy)} of {dy.dtype}",
                )
        self._saved.pop()
        return _untracked(state) if torch.is_grad_enabled() else state

    # Walking the tree

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly inside, by the names under which they are held."""
        for name, field in vars(self).items():
            if isinstance(field, Module):
                yield name, field

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """This module and all below it, with dotted paths; a shared module appears at each of its places."""
        yield prefix, self
        for name, child in self.named_children():
            yield from child.named_modules(f"{prefix}.{name}" if prefix else name)

    def modules(self) -> Iterator[Module]:
        """This module and all below it, each once."""
        yield from {id(module): module for _, module in self.named_modules()}.values()

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Every parameter once, with its dotted path as in torch.nn."""
        seen: set[int] = set()
        for name, field in self._named_state():
            if isinstance(field, Parameter) and id(field) not in seen:
                seen.add(id(field))
                yield name, field

    def parameters(self) -> list[Parameter]:
        """Every parameter once, as pairs ``(value, grad)``; empty for a module without any."""
        return [parameter for _, parameter in self.named_parameters()]

    def _named_state(self) -> Iterator[tuple[str, Parameter | Buffer]]:
        for path, module in self.named_modules():
            for name, field in vars(module).items():
                if isinstance(field, (Parameter, Buffer)):
                    yield f"{path}.{name}" if path else name, field

    # Changing the whole tree

    def train(self: M, mode: bool = True) -> M:
        """Behave as in training, and save state for backward."""
        return self._set_mode(training=mode, saving=mode)

    def eval(self: M, saving: bool = False) -> M:
        """Behave as in evaluation; save state for backward only if ``saving``."""
        return self._set_mode(training=False, saving=saving)

    def _set_mode(self: M, training: bool, saving: bool) -> M:
        for module in self.modules():
            module.training, module.saving = training, saving
        return self

    def zero_grad(self) -> None:
        """Set all gradients to zero and forget state that no backward has taken."""
        for module in self.modules():
            module._saved.clear()
        for parameter in self.parameters():
            parameter.grad.zero_()

    def to(
        self: M,
        *targets: torch.device | torch.dtype | str | None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> M:
        """Move to a device, convert floating-point state to a dtype, or both. Forgets saved state.

        Args:
            targets: devices and dtypes, in any order.
            device: a device, by keyword.
            dtype: a dtype, by keyword.

        Raises:
            ModuleError: a dtype is not one of floating-point numbers.
        """
        given = [target for target in (*targets, device, dtype) if target is not None]
        dtypes = [target for target in given if isinstance(target, torch.dtype)]
        devices = [target for target in given if not isinstance(target, torch.dtype)]
        for each in dtypes:
            if not each.is_floating_point:
                raise ModuleError(self, f"expected a floating-point dtype, got {each}")

        def moved(tensor: Tensor) -> Tensor:
            for device in devices:
                tensor = tensor.to(device)
            for each in dtypes if tensor.is_floating_point() else []:
                tensor = tensor.to(each)
            return tensor

        for module in self.modules():
            module._saved.clear()
        for field in {id(field): field for _, field in self._named_state()}.values():
            if isinstance(field, Parameter):
                field.bind(moved(field.value), moved(field.grad))
            else:
                field.value = moved(field.value)
        return self

    def state_dict(self) -> dict[str, Tensor]:
        """All parameters and buffers under torch.nn's names. The tensors are the module's own, not copies."""
        return {name: field.value for name, field in self._named_state()}

    def load_state_dict(self, state: dict[str, Tensor], strict: bool = True) -> None:
        """Copy values in, by name. Either all of them fit or nothing is changed.

        Args:
            state: tensors by torch.nn's names.
            strict: whether every name must occur on both sides.

        Raises:
            ModuleError: names are missing or unexpected (if ``strict``), or a shape differs.
        """
        own = dict(self._named_state())
        problems = []
        if strict:
            problems += [f"missing {name!r}" for name in own if name not in state]
            problems += [f"unexpected {name!r}" for name in state if name not in own]
        common = [name for name in own if name in state]
        for name in common:
            given = state[name]
            if not isinstance(given, Tensor) or given.shape != own[name].value.shape:
                got = shape(given) if isinstance(given, Tensor) else type(given).__name__
                problems.append(f"{name!r}: expected shape {shape(own[name].value)}, got {got}")
        if problems:
            raise ModuleError(self, "state does not fit: " + "; ".join(problems))
        for name in common:
            own[name].value.copy_(state[name].detach())

    # What it looks like

    def signature(self) -> str:
        """The constructor call that made this module, on one line and without what is inside it."""
        args, _ = self._arguments
        return f"{type(self).__name__}({', '.join([*args, *self._options()])})"

    def _options(self) -> list[str]:
        return [f"{name}={value}" for name, value in self._arguments[1].items()]

    def __repr__(self) -> str:
        return self.signature()


def flatten_parameters(model: Module | Iterable[Parameter]) -> FlatStorage:
    """Move all values into one contiguous buffer and all gradients into another.

    The parameters become views, so updating, zeroing or saving all of them is one operation on a buffer.
    Flattening what is flat already changes nothing.

    Args:
        model: a module, or some parameters; repeated ones count once.

    Raises:
        ValueError: there are no parameters, or their dtypes or devices differ.
    """
    return FlatStorage.of(model.parameters() if isinstance(model, Module) else model)


def _untracked(state: Any) -> Any:
    """The state without what PyTorch's autograd, which nothing here needs, may have recorded for it."""
    if isinstance(state, Tensor):
        return state.detach()
    return tuple(map(_untracked, state)) if type(state) is tuple else state


def _short(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"tensor{shape(value)}"
    if isinstance(value, Module):
        return f"{type(value).__name__}(...)"
    return repr(value)
