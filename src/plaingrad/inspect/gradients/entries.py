"""The gradients that backward returned, held against the arguments of forward."""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor

from plaingrad.contract.nest import tensors
from plaingrad.inspect.gradients.finding import Mistake
from plaingrad.inspect.gradients.naming import Namer
from plaingrad.inspect.gradients.nests import count, entries, has_structure_of, type_text
from plaingrad.inspect.gradients.tested import ModuleUnderTest, as_tuple
from plaingrad.parameter import shape


class Note(Protocol):
    """Records a violation of the contract, with the mistakes behind it."""

    def __call__(self, problem: str, *mistakes: Mistake, name: str = "") -> None: ...


class Entries:
    """Matches what backward returned with the inputs, one gradient for each tensor.

    Args:
        under_test: the module.
        note: records what does not match.
        namer: names the mistakes behind it.
    """

    def __init__(self, under_test: ModuleUnderTest, note: Note, namer: Namer) -> None:
        self.under_test = under_test
        self.note = note
        self.namer = namer
        self.fits = True

    def _mismatch(self, problem: str, *mistakes: Mistake, name: str = "") -> None:
        self.fits = False
        self.note(problem, *mistakes, name=name)

    def fitting(self, returned: Any) -> list[Tensor | None] | None:
        """The returned gradients, one for each input tensor, if their number, types and shapes are right."""
        under_test, self.fits = self.under_test, True
        named = under_test.expect_entries(len(as_tuple(returned)))
        single = len(named) == 1 and not isinstance(under_test.arguments[named[0]], Tensor)
        grads = (returned,) if single else as_tuple(returned)
        if len(named) == len(grads) == 1 and not single and isinstance(returned, tuple):
            self._mismatch("backward returns a tuple of one gradient, expected the gradient itself")
        elif len(grads) != len(named):
            came = count(len(grads), "gradient")
            nothing = [_returns_nothing("any input")] if returned is None else []
            self._mismatch(f"backward returns {came} for {count(len(named), 'input')}", *nothing)
            return None
        by_argument = dict(zip(named, grads))
        fitted = [
            gradient
            for argument, value in under_test.arguments.items()
            for gradient in self._matched(argument, value, by_argument.get(argument))
        ]
        return fitted if self.fits else None

    def _matched(self, name: str, value: Any, grad: Any) -> list[Tensor | None]:
        """The gradient of each tensor of an argument, from the argument's entry; records mismatches."""
        if isinstance(value, Tensor):
            self._expect_gradient(name, value, grad)
            return [grad]
        parts = entries(value)
        if parts and (grad is None or has_structure_of(grad, value)):
            each = [None] * len(parts) if grad is None else [dx for _, dx in entries(grad)]
            matched = [self._matched(f"{name}[{key}]", x, dx) for (key, x), dx in zip(parts, each)]
            return [gradient for gradients in matched for gradient in gradients]
        if parts:
            kind = type(value).__name__
            self._mismatch(
                f"backward returns {type_text(grad)} for {name}, expected a {kind} of {len(parts)}"
            )
        elif grad is not None:
            self._mismatch(f"backward returns a gradient for {name}, which has none; expected None")
        return [None for _ in tensors(value)]

    def _expect_gradient(self, name: str, x: Tensor, dx: Any) -> None:
        """Check a gradient's type, shape and dtype."""
        under_test = self.under_test
        if not under_test.differentiable[under_test.names.index(name)]:
            if dx is not None:
                self._mismatch(f"backward returns a gradient for {name}, which has none; expected None")
        elif not isinstance(dx, Tensor):
            problem = f"backward returns {type(dx).__name__} for {name}, expected a tensor {shape(x)}"
            self._mismatch(problem, *([_returns_nothing(name)] if dx is None else []), name=name)
        elif dx.shape != x.shape:
            problem = f"{name}: backward gives a gradient of shape {shape(dx)}, expected {shape(x)}"
            self._mismatch(problem, *self.namer.of_shape(name, dx), name=name)
        elif dx.dtype != x.dtype:
            self._mismatch(f"{name}: backward gives a gradient of {dx.dtype}, expected {x.dtype}")


def _returns_nothing(name: str) -> Mistake:
    words = f"backward returns None for {name}: is the return statement missing?"
    return Mistake("returns-nothing", name, words)
