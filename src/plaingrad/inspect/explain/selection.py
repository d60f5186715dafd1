"""The part of a call that is explained, and its tensors as symbols."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from plaingrad.data.checks import is_index, one_line
from plaingrad.errors import InputError
from plaingrad.inspect.explain.expression import Symbol
from plaingrad.inspect.record import Call, Trace
from plaingrad.nn import CTCLoss

Unit = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Selection:
    """A call, and the sample and output unit that are looked at.

    Attributes:
        call: the call.
        sample: the index in the axis of the batch of input and output.
        unit: the index of an element of that sample's output; of a loss, of that sample's prediction.
        axis: the axis of the batch.
    """

    trace: Trace
    call: Call
    sample: int
    unit: Unit
    axis: int = 0

    @property
    def module(self) -> Any:
        """The module that was called."""
        return self.call.module

    @property
    def x(self) -> Tensor:
        """The sample of the first input."""
        x: Tensor = self.call.inputs[0]
        return x.select(self.axis, self.sample)

    @property
    def y(self) -> Tensor:
        """The sample of the output, or of the first one."""
        return first(self.call.outputs).select(self.axis, self.sample)

    @property
    def dy(self) -> Tensor | None:
        """The sample of the upstream gradient; None where backward was not called."""
        dy = first(self.call.grad_outputs)
        return dy.select(self.axis, self.sample) if isinstance(dy, Tensor) else None

    @property
    def dx(self) -> Tensor | None:
        """The sample of the gradient of the first input; None where there is none."""
        dx = self.call.input_gradients()[0]
        return dx.select(self.axis, self.sample) if isinstance(dx, Tensor) else None

    @property
    def full(self) -> Unit:
        """The index of the unit in the whole batch, whose axis is the first."""
        return (self.sample, *self.unit)


def first(nest: Any) -> Any:
    """The first one of several outputs or gradients; None of none."""
    while isinstance(nest, tuple):
        nest = nest[0] if nest else None
    return nest


def select(trace: Trace, call: Call, sample: int, unit: int | Sequence[int] | None) -> Selection:
    """The selection, with its indices checked.

    Raises:
        InputError: the call has no such sample or unit.
    """
    y: Any = first(call.outputs)
    if isinstance(y, Tensor) and y.ndim == 0:
        y = first(call.inputs)
    if not isinstance(y, Tensor) or y.ndim == 0:
        return Selection(trace, call, sample, ())
    axis = 1 if y.ndim == 3 and is_time_first(trace, call) else 0
    count = y.shape[axis]
    if not is_index(sample, count):
        raise InputError(f"sample: expected 0 to {count - 1}, got {one_line(sample)}")
    sizes = (*y.shape[:axis], *y.shape[axis + 1 :])
    index = (0,) * len(sizes) if unit is None else tuple(unit) if isinstance(unit, Sequence) else (unit,)
    is_inside = all(is_index(i, size) for i, size in zip(index, sizes))
    if len(index) != len(sizes) or not is_inside:
        ranges = ", ".join(f"0 to {size - 1}" for size in sizes)
        number = "a single number" if len(sizes) == 1 else f"{len(sizes)} numbers"
        expected = f"{number}, {ranges}," if sizes else "none"
        raise InputError(f"unit: expected {expected} beside the sample, got {one_line(unit)}")
    return Selection(trace, call, sample, index, axis)


def is_time_first(trace: Trace, call: Call) -> bool:
    """True if the call, or one around it, has time steps in the first axis and samples in the second."""
    if isinstance(call.module, CTCLoss):
        return True
    around = [each for each in trace.calls if not each.path or f"{call.path}.".startswith(f"{each.path}.")]
    return any(getattr(each.module, "batch_first", True) is False for each in around)


def symbol(letter: str, values: Tensor, *index: int) -> Symbol:
    """An element of a tensor as a letter with indices that count from 1: ``w_{31}``."""
    return Symbol(indexed(letter, *index), values[index].item())


def gradient(letter: str, values: Tensor, *index: int) -> Symbol:
    """An element of a gradient, as the derivative of the loss by that letter."""
    return Symbol(derivative(indexed(letter, *index)), values[index].item())


def of_sample(letter: str, values: Tensor, n: int, *index: int) -> Symbol:
    """An element of a batch with the number of its sample in parentheses above."""
    return Symbol(numbered(indexed(letter, *index), n), values[(n, *index)].item())


def gradient_of_sample(letter: str, values: Tensor, n: int, *index: int) -> Symbol:
    """An element of the gradient of a batch, likewise."""
    return Symbol(derivative(numbered(indexed(letter, *index), n)), values[(n, *index)].item())


def numbered(name: str, n: int) -> str:
    """A name with the number of a sample."""
    return f"{name}^{{({n + 1})}}"


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
