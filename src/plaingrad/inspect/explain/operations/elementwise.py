"""The numbers of operations on operands that spread over one shape, element by element."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from plaingrad import nn
from plaingrad.inspect.explain.explanation import Line, Section
from plaingrad.inspect.explain.expression import (
    ATOM,
    POWER,
    Call,
    Constant,
    Expression,
    Product,
    Sum,
    Symbol,
    holds,
    log,
)
from plaingrad.inspect.explain.operations.names import (
    MINUS_ONE,
    ONE,
    Index,
    element,
    element_name,
    letters,
    position,
    times,
    upstream,
)
from plaingrad.inspect.explain.registry import explains
from plaingrad.inspect.explain.selection import Selection, derivative
from plaingrad.module import Module

Formula = Callable[[list[Expression], Any], Expression]
Slope = Callable[[list[Expression], Symbol, int, Any], Expression]


@dataclass(eq=False)
class Raised(Expression):
    """A formula to the power of another."""

    base: Expression
    exponent: Expression
    binding = POWER

    def __post_init__(self) -> None:
        self.value = float(torch.tensor(self.base.value, dtype=torch.float64) ** self.exponent.value)

    def latex(self, numbers: bool) -> str:
        return f"{self.base.within(ATOM, numbers)}^{{{self.exponent.latex(numbers)}}}"


def quotient(xs: list[Expression], m: Any) -> Expression:
    if m.rounding_mode is None:
        return xs[0] / xs[1]
    rounded, sides = (math.floor, "floor") if m.rounding_mode == "floor" else (math.trunc, "")
    form = r"\left\lfloor{part}\right\rfloor" if sides else r"\operatorname{trunc}\left({part}\right)"
    return Call("", xs[0] / xs[1], lambda x: float(rounded(x)) if math.isfinite(x) else x, form)


def quotient_slope(xs: list[Expression], y: Symbol, i: int, m: Any) -> Expression:
    if m.rounding_mode is not None:
        return Constant(0)
    return 1 / xs[1] if i == 0 else -(y / xs[1])


def power_slope(xs: list[Expression], y: Symbol, i: int, m: Any) -> Expression:
    a, b = xs
    if i == 0 and b.value == 0:
        return Constant(0)
    if i == 0:
        if isinstance(b, Constant):
            return b * a if b.value == 2 else b * Raised(a, Constant(b.value - 1))
        return b * Raised(a, b - 1)
    return Constant(0) if a.value == 0 and b.value >= 0 else y * log(a)


def others(xs: list[Expression], i: int) -> Expression:
    rest = [x for j, x in enumerate(xs) if j != i]
    return Product(rest) if rest else ONE


SIGNS = {"==": "=", "!=": r"\neq", "<": "<", "<=": r"\le", ">": ">", ">=": r"\ge"}

FORMULAS: dict[type[Module], tuple[Formula, Slope]] = {
    nn.Add: (lambda xs, m: Sum(xs), lambda xs, y, i, m: ONE),
    nn.Multiply: (lambda xs, m: Product(xs), lambda xs, y, i, m: others(xs, i)),
    nn.Subtract: (lambda xs, m: xs[0] - xs[1], lambda xs, y, i, m: MINUS_ONE if i else ONE),
    nn.Divide: (quotient, quotient_slope),
    nn.Power: (lambda xs, m: Raised(xs[0], xs[1]), power_slope),
    nn.Where: (
        lambda xs, m: xs[1] if xs[0].value else xs[2],
        lambda xs, y, i, m: xs[0] if i == 1 else 1 - xs[0],
    ),
    nn.MaskedFill: (
        lambda xs, m: Symbol("v", m.value) if xs[1].value else xs[0],
        lambda xs, y, i, m: 1 - xs[1],
    ),
    nn.Compare: (
        lambda xs, m: holds(xs[0], SIGNS[m.comparison], xs[1]),
        lambda xs, y, i, m: Constant(0),
    ),
}
"""The result of the operands, and its derivative by operand i."""


@explains(*FORMULAS)
def elementwise(selected: Selection) -> Iterator[Section]:
    """One element, and the gradient of the element of each operand in it."""
    call, module = selected.call, selected.module
    y = call.outputs
    if call.options or not isinstance(y, Tensor):
        yield Section("forward", note="Of numbers alone, or by keyword, the numbers are those of the record.")
        return
    kind = next(each for each in type(module).__mro__ if each in FORMULAS)
    formula, slope = FORMULAS[kind]
    names = operand_letters(kind, len(call.inputs))
    index, sample = position(selected), selected.sample if selected.axis == 0 else None

    def owner(x: Any) -> int | None:
        has_batch = isinstance(x, Tensor) and x.ndim == y.ndim and y.ndim > 0 and len(x) == len(y)
        return sample if has_batch else None

    def symbols(at: Index) -> list[Expression]:
        return [
            element(name, x, spread(x, at), owner(x)) if isinstance(x, Tensor) else Constant(float(x))
            for name, x in zip(names, call.inputs)
        ]

    result = Line(element_name("y", index, owner(y)), formula(symbols(index), module), float(y[index].item()))
    yield Section("forward", [result], "The operands are a, b, ... in order." if "a" in names else "")
    if not call.grad_outputs or not isinstance(call.grad_outputs[0], Tensor):
        return
    dy, lines = call.grad_outputs[0], []
    for i, (name, x, dx) in enumerate(zip(names, call.inputs, call.input_gradients())):
        if not isinstance(dx, Tensor):
            continue
        at = spread(x, index)
        terms = [
            times(
                slope(symbols(each), element("y", y, each, owner(y)), i, module),
                upstream("y", dy, each, owner(y)),
            )
            for each in reached(x, at, y)
        ]
        lines.append(Line(derivative(element_name(name, at, owner(x))), Sum(terms), dx[at].item()))
    yield Section("backward", lines)


def operand_letters(kind: type[Module], count: int) -> list[str]:
    """A letter for each operand, as the equations have them."""
    return {nn.Where: ["m", "a", "b"], nn.MaskedFill: ["x", "m"]}.get(kind) or letters(count)  # type: ignore[call-overload,no-any-return]


def spread(x: Tensor, index: Index) -> Index:
    """The element of an operand that an element of the result is made of."""
    last = index[len(index) - x.ndim :]
    return tuple(0 if size == 1 else i for i, size in zip(last, x.shape))


def reached(x: Tensor, at: Index, y: Tensor) -> Iterator[Index]:
    """The elements of the result in which an element of an operand is."""
    before = y.ndim - x.ndim
    ranges: list[Any] = [range(size) for size in y.shape[:before]]
    for i, size, whole in zip(at, x.shape, y.shape[before:]):
        ranges.append(range(whole) if size == 1 else [i])
    return itertools.product(*ranges)
