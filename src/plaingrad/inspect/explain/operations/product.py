"""The numbers of products that are summed over shared axes: of matrices, by Einstein's notation, bilinear."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from plaingrad import nn
from plaingrad.inspect.explain.explanation import Line, Section
from plaingrad.inspect.explain.expression import Expression, Product, Sum, Symbol
from plaingrad.inspect.explain.operations.names import (
    Index,
    element,
    element_name,
    letters,
    position,
    upstream,
)
from plaingrad.inspect.explain.registry import explains
from plaingrad.inspect.explain.selection import Selection, derivative

BATCH = "ABCDEFGH"


@dataclass
class Operand:
    """A factor of the products.

    Attributes:
        name: its letter.
        values: its numbers.
        axes: a letter for each of its axes.
        gradient: what backward gave for it, if anything.
    """

    name: str
    values: Tensor
    axes: str
    gradient: Tensor | None


@explains(nn.MatMul)
def matrices(selected: Selection) -> Iterator[Section]:
    """One element of a product of matrices, and of the gradient of each."""
    call = selected.call
    if call.options:
        yield Section("forward", note="By keyword the numbers are those of the record.")
        return
    a, b = call.inputs
    count = max(a.ndim, b.ndim, 2) - 2
    batch = BATCH[:count]
    left = batch[count - a.ndim + 2 :] + "ik" if a.ndim > 1 else "k"
    right = batch[count - b.ndim + 2 :] + "kj" if b.ndim > 1 else "k"
    output = batch + "i" * (a.ndim > 1) + "j" * (b.ndim > 1)
    yield from summed(selected, operands(selected, [left, right]), output)


@explains(nn.Einsum)
def einsum(selected: Selection) -> Iterator[Section]:
    """One element of the sum, and of the gradient of each tensor."""
    axes, output = selected.module._letters(selected.call.inputs)
    yield from summed(selected, operands(selected, axes), output)


@explains(nn.Bilinear)
def bilinear(selected: Selection) -> Iterator[Section]:
    """One unit: the sum over all pairs of features, and the gradients of inputs, weight and bias."""
    call = selected.call
    if call.options:
        yield Section("forward", note="By keyword the numbers are those of the record.")
        return
    batch = BATCH[: call.inputs[0].ndim - 1]
    weight = Operand("W", call.parameters["weight"], "kij", call.gradients.get("weight"))
    pair = operands(selected, [batch + "i", batch + "j"], ["x", "x'"])
    bias = call.parameters.get("bias")
    k = position(selected)[-1]
    added = None if bias is None else element("b", bias, (k,), None)
    yield from summed(selected, [weight, *pair], batch + "k", added, "x' is the second input.")
    if "bias" in call.gradients and call.grad_outputs:
        dy, sample = call.grad_outputs[0], batch_of(selected)
        rows = itertools.product(*map(range, dy.shape[:-1]))
        total = Sum(upstream("y", dy, (*at, k), sample) for at in rows)
        line = Line(derivative(element_name("b", (k,), None)), total, call.gradients["bias"][k].item())
        yield Section("backward: the bias, summed over the batch", [line])


def operands(selected: Selection, axes: list[str], names: list[str] | None = None) -> list[Operand]:
    """The inputs with their axes."""
    call = selected.call
    names = letters(len(axes)) if names is None else names
    gradients = call.input_gradients()
    return [
        Operand(name, x, letters_, dx if isinstance(dx, Tensor) else None)
        for name, x, letters_, dx in zip(names, call.inputs, axes, gradients)
    ]


def batch_of(selected: Selection) -> int | None:
    """The sample, if the first axis is that of the batch."""
    return selected.sample if selected.axis == 0 and position(selected) else None


def summed(
    selected: Selection,
    factors: list[Operand],
    output: str,
    added: Symbol | None = None,
    note: str = "",
) -> Iterator[Section]:
    """One element of a sum of products, and one element of the gradient of each factor."""
    call, index, sample = selected.call, position(selected), batch_of(selected)
    sizes: dict[str, int] = {}
    for each in factors:
        for letter, size in zip(each.axes, each.values.shape):
            sizes[letter] = max(size, sizes.get(letter, 0)) if size else 0
    if not all(sizes.values()):
        yield Section("forward", note="It is a sum of nothing: 0.")
        return

    def owner(each: Operand) -> int | None:
        has_batch = output[:1] and each.axes[:1] == output[:1] and len(each.values) == sizes[output[0]]
        return sample if has_batch else None

    def factor(each: Operand, at: dict[str, int]) -> Symbol:
        return element(each.name, each.values, own_index(each, at), owner(each))

    start = dict(zip(output, index))
    terms: list[Expression] = [Product([factor(each, at) for each in factors]) for at in fill(start, sizes)]
    y = Sum(terms) if added is None else Sum(terms) + added
    value = call.outputs[index].item()
    yield Section("forward", [Line(element_name("y", index, sample), y, value)], note)
    if not call.grad_outputs:
        return
    dy, lines = call.grad_outputs[0], []
    anchor = next(iter(fill(start, sizes)))
    for each in factors:
        if each.gradient is None:
            continue
        at = own_index(each, anchor)
        fixed = {
            letter: i for letter, i, size in zip(each.axes, at, each.values.shape) if size == sizes[letter]
        }
        rest = [other for other in factors if other is not each]
        terms = [
            Product(
                [
                    upstream("y", dy, tuple(full[letter] for letter in output), sample),
                    *(factor(other, full) for other in rest),
                ]
            )
            for full in fill(fixed, sizes)
        ]
        name = derivative(element_name(each.name, at, owner(each)))
        lines.append(Line(name, Sum(terms), each.gradient[at].item()))
    yield Section("backward: the first element of each factor", lines)


def own_index(each: Operand, at: dict[str, int]) -> Index:
    """The index of a factor's element; 0 along axes on which it is spread."""
    return tuple(0 if size == 1 else at[letter] for letter, size in zip(each.axes, each.values.shape))


def fill(fixed: dict[str, int], sizes: dict[str, int]) -> Iterator[dict[str, int]]:
    """All values of all letters, where some are fixed."""
    free = [letter for letter in sizes if letter not in fixed]
    for values in itertools.product(*(range(sizes[letter]) for letter in free)):
        yield {**fixed, **dict(zip(free, values))}
