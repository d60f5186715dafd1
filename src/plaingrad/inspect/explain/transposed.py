"""The numbers of transposed convolutions: one element of the output, one input and one weight."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from plaingrad import nn
from plaingrad.inspect.explain.explanation import Line, Section
from plaingrad.inspect.explain.expression import Sum
from plaingrad.inspect.explain.operations.names import Index, element, element_name, upstream
from plaingrad.inspect.explain.registry import explains
from plaingrad.inspect.explain.selection import Selection, derivative
from plaingrad.nn.convolution.transposed import TransposedConvolution


@explains(nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
def transposed(selected: Selection) -> Iterator[Section]:
    """One element: the inputs whose kernels reach it; then the gradients of one of them and of its weight."""
    call, module, n = selected.call, selected.module, selected.sample
    assert isinstance(module, TransposedConvolution)
    if call.inputs[0].ndim != len(module.axes) + 2:
        yield Section("forward", note="Without a batch the numbers are those of the record.")
        return
    x, weight, bias = call.inputs[0], call.parameters["weight"], call.parameters.get("bias")
    o, *at = selected.unit
    inputs = x.shape[1] // module.groups
    group, own = divmod(o, weight.shape[1])
    channels = range(group * inputs, (group + 1) * inputs)
    taps = list(itertools.product(*map(range, module.kernel_size)))
    pairs = [
        (c, tap, spot)
        for tap in taps
        if (spot := source(module, tuple(at), tap, x.shape[2:])) is not None
        for c in channels
    ]
    terms = Sum(
        element("W", weight, (c, own, *tap), None) * element("x", x, (n, c, *spot), n)
        for c, tap, spot in pairs
    )
    y = terms if bias is None else Sum([element("b", bias, (o,), None), *terms.terms])
    name = element_name("y", selected.full, n)
    note = "" if pairs else "No kernel reaches this element."
    yield Section("forward", [Line(name, y, selected.y[selected.unit].item())], note)
    if not call.grad_outputs:
        return
    dy, dx = call.grad_outputs[0], call.input_gradients()[0]
    if dx is not None and pairs:
        c, _, spot = pairs[0]
        back = [
            element("W", weight, (c, k, *tap), None)
            * upstream("y", dy, (n, group * weight.shape[1] + k, *goal), n)
            for tap in taps
            if (goal := reached(module, spot, tap, dy.shape[2:])) is not None
            for k in range(weight.shape[1])
        ]
        line = Line(derivative(element_name("x", (n, c, *spot), n)), Sum(back), dx[(n, c, *spot)].item())
        yield Section("backward: an input, from all elements that its kernel reaches", [line])
    yield from parameters(selected, module, (channels[0], own))


def parameters(selected: Selection, module: TransposedConvolution, pair: Index) -> Iterator[Section]:
    """The gradients of the first weight of a kernel and of the bias."""
    call, n, o = selected.call, selected.sample, selected.unit[0]
    x, dy = call.inputs[0], call.grad_outputs[0]  # type: ignore[index]
    lines = []
    if "weight" in call.gradients:
        tap = (0,) * len(module.kernel_size)
        spots = list(itertools.product(*map(range, x.shape[2:])))
        terms = Sum(
            upstream("y", dy, (i, o, *goal), n) * element("x", x, (i, pair[0], *spot), n)
            for i in range(len(x))
            for spot in spots
            if (goal := reached(module, spot, tap, dy.shape[2:])) is not None
        )
        name = derivative(element_name("W", (*pair, *tap), None))
        lines.append(Line(name, terms, call.gradients["weight"][(*pair, *tap)].item()))
    if "bias" in call.gradients:
        cells = itertools.product(range(len(dy)), [o], *map(range, dy.shape[2:]))
        total = Sum(upstream("y", dy, cell, n) for cell in cells)
        lines.append(Line(derivative(element_name("b", (o,), None)), total, call.gradients["bias"][o].item()))
    if lines:
        yield Section("backward: the parameters, summed over all inputs and the batch", lines)


def reached(module: TransposedConvolution, spot: Index, tap: Index, sizes: Index) -> Index | None:
    """The element of the output to which a tap of the kernel at an input goes, if it is not cut off."""
    numbers = zip(spot, module.stride, tap, module.dilation, module.padding)
    goal = tuple(l * s + k * d - p for l, s, k, d, p in numbers)  # noqa: E741
    return goal if all(0 <= i < size for i, size in zip(goal, sizes)) else None


def source(module: TransposedConvolution, at: Index, tap: Index, sizes: Index) -> Index | None:
    """The input from which a tap of its kernel comes to an element of the output, if there is one."""
    steps = [i + p - k * d for i, p, k, d in zip(at, module.padding, tap, module.dilation)]
    spot = tuple(step // s for step, s in zip(steps, module.stride))
    fits = all(step % s == 0 for step, s in zip(steps, module.stride))
    return spot if fits and all(0 <= i < size for i, size in zip(spot, sizes)) else None
