"""Names of elements of tensors that may lack the axis of the batch."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from plaingrad.inspect.explain.expression import Constant, Expression, Fraction, Product, Sum, Symbol
from plaingrad.inspect.explain.selection import Selection, derivative, first, indexed, numbered

Index = tuple[int, ...]

ONE, MINUS_ONE = Constant(1), Constant(-1)
LETTERS = "abcdefghijklmnopqrstuvw"


def position(selected: Selection) -> Index:
    """The index of the selected element in the first output, the batch included."""
    y = first(selected.call.outputs)
    if not isinstance(y, Tensor) or y.ndim == 0:
        return ()
    return (*selected.unit[: selected.axis], selected.sample, *selected.unit[selected.axis :])


def element_name(letter: str, index: Index, sample: int | None) -> str:
    """The name of an element of a batch, without the index of its sample, which other samples have above.

    Args:
        letter: of the tensor.
        index: of the element.
        sample: the selected one; None for a tensor without the axis of the batch, whose index is whole.
    """
    if sample is None:
        return indexed(letter, *index)
    name = indexed(letter, *index[1:])
    return name if index[0] == sample else numbered(name, index[0])


def element(letter: str, values: Tensor, index: Index, sample: int | None) -> Symbol:
    """An element by its name."""
    return Symbol(element_name(letter, index, sample), float(values[index].item()))


def upstream(letter: str, values: Tensor, index: Index, sample: int | None) -> Symbol:
    """An element of the upstream gradient."""
    return Symbol(derivative(element_name(letter, index, sample)), values[index].item())


def letters(count: int) -> list[str]:
    """A letter for each input: x for one, else a, b, ... in order."""
    return ["x"] if count == 1 else [LETTERS[i % len(LETTERS)] for i in range(count)]


def times(left: Expression, right: Expression) -> Expression:
    """The product, without factors of 1 and -1."""
    for factor, other in ((left, right), (right, left)):
        if isinstance(factor, Constant) and factor.value in (1, -1):
            return other if factor.value == 1 else -other
    return Product([left, right])


def combination(terms: Sequence[tuple[float, Expression]], offset: float = 0.0) -> Expression:
    """The sum of weights times terms, and a constant; equal weights stand before the sum."""
    weights = {weight for weight, _ in terms}
    if len(weights) == 1 and len(terms) > 1:
        total = times(as_factor(terms[0][0]), Sum(x for _, x in terms))
    else:
        total = Sum(times(as_factor(weight), x) for weight, x in terms)
    if not terms:
        return Constant(offset)
    return total + Constant(offset) if offset else total


def as_factor(weight: float) -> Expression:
    """A weight, as one over a whole number where it is."""
    if 0 < abs(weight) < 1:
        whole = round(1 / weight)
        if whole > 1 and abs(1 / weight - whole) < 1e-9 * whole:
            return Fraction(Constant(1), Constant(whole))
    return Constant(weight)
