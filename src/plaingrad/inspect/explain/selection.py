"""The part of a call that is explained, and its tensors as symbols."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from plaingrad.errors import InputError
from plaingrad.inspect.explain.expression import Symbol
from plaingrad.inspect.record import Call
from plaingrad.parameter import shape

Unit = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Selection:
    """A call, and the sample and output unit that are looked at.

    Attributes:
        call: the call.
        sample: the index in the first axis of input and output.
        unit: the index of an element of that sample's output.
    """

    call: Call
    sample: int
    unit: Unit

    @property
    def x(self) -> Tensor:
        """The sample of the first input."""
        x: Tensor = self.call.inputs[0]
        return x[self.sample]

    @property
    def y(self) -> Tensor:
        """The sample of the output."""
        y: Tensor = self.call.outputs
        return y[self.sample]

    @property
    def dy(self) -> Tensor | None:
        """The sample of the upstream gradient; None where backward was not called."""
        grads = self.call.grad_outputs
        return grads[0][self.sample] if grads and isinstance(grads[0], Tensor) else None

    @property
    def dx(self) -> Tensor | None:
        """The sample of the gradient of the first input; None where there is none."""
        dx = self.call.input_gradients()[0]
        return dx[self.sample] if isinstance(dx, Tensor) else None


def select(call: Call, sample: int, unit: int | Sequence[int] | None) -> Selection:
    """The selection, with its indices checked.

    Raises:
        InputError: the call has no such sample or unit.
    """
    y: Any = call.outputs
    if not isinstance(y, Tensor) or y.ndim == 0:
        return Selection(call, sample, ())
    if not -len(y) <= sample < len(y):
        raise InputError(f"sample: expected 0 to {len(y) - 1}, got {sample}")
    sizes = y.shape[1:]
    index = (0,) * len(sizes) if unit is None else (unit,) if isinstance(unit, int) else tuple(unit)
    if len(index) != len(sizes) or not all(0 <= i < size for i, size in zip(index, sizes)):
        expected = f"an index into the output {shape(y)} without its first axis"
        raise InputError(f"unit: expected {expected}, got {unit!r}")
    return Selection(call, sample % len(y), index)


def symbol(letter: str, values: Tensor, *index: int) -> Symbol:
    """An element of a tensor as a letter with indices that count from 1: ``w_{31}``."""
    return Symbol(indexed(letter, *index), values[index].item())


def gradient(letter: str, values: Tensor, *index: int) -> Symbol:
    """An element of a gradient, as the derivative of the loss by that letter."""
    return Symbol(derivative(indexed(letter, *index)), values[index].item())


def derivative(name: str) -> str:
    """The derivative of the loss by what has this name."""
    return rf"\frac{{\partial \ell}}{{\partial {name}}}"


def indexed(letter: str, *index: int) -> str:
    """A letter with indices that count from 1, with commas where one has two digits."""
    numbers = [str(i + 1) for i in index]
    joined = ("," if any(len(number) > 1 for number in numbers) else "").join(numbers)
    if not joined:
        return letter
    return f"{letter}_{{{joined}}}" if len(joined) > 1 else f"{letter}_{joined}"
