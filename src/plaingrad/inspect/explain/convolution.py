"""The numbers of convolutions: one element of the output, the gradients of one input and of one weight."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from torch import Tensor

from plaingrad import nn
from plaingrad.inspect.explain.explanation import Line, Section
from plaingrad.inspect.explain.expression import Sum, Symbol
from plaingrad.inspect.explain.registry import explains
from plaingrad.inspect.explain.selection import (
    Selection,
    derivative,
    gradient,
    gradient_of_sample,
    indexed,
    symbol,
)
from plaingrad.nn.convolution.conv import Convolution

Index = tuple[int, ...]


@explains(nn.Conv1d, nn.Conv2d, nn.Conv3d)
def convolution(selected: Selection) -> Iterator[Section]:
    """One element of the output: the sum over its window and all channels; then one input and one weight."""
    call, module = selected.call, selected.module
    assert isinstance(module, Convolution)
    if call.inputs[0].ndim != len(module.axes) + 2:
        yield Section("forward", note="Without a batch the numbers are those of the record.")
        return
    padded = call.inputs[0]
    for margin in module.margins:
        padded = margin.forward(padded)
    o, *at = selected.unit
    weight, bias = call.parameters["weight"], call.parameters.get("bias")
    letter = r"\tilde x" if module.margins else "x"
    first = o // (module.out_channels // module.groups) * weight.shape[1]
    taps = list(itertools.product(range(weight.shape[1]), *map(range, module.kernel_size)))
    terms = Sum(
        symbol("W", weight, o, *tap)
        * symbol(letter, padded[selected.sample], first + tap[0], *reached(module, at, tap[1:]))
        for tap in taps
    )
    y = terms if bias is None else symbol("b", bias, o) + terms
    note = (
        "The input is padded: x with a tilde counts from the first padded element." if module.margins else ""
    )
    yield Section("forward", [Line(indexed("y", o, *at), y, selected.y[selected.unit].item())], note)
    if call.grad_outputs is None:
        return
    yield from pixel(selected, module, first, at)
    yield from parameters(selected, module, padded, letter, first)


def reached(module: Convolution, window: list[int], tap: Index) -> Index:
    """The position of a window's tap in the padded input."""
    return tuple(l * s + k * d for l, s, k, d in zip(window, module.stride, tap, module.dilation))  # noqa: E741


def pixel(selected: Selection, module: Convolution, channel: int, window: list[int]) -> Iterator[Section]:
    """The gradient of the first input element that the window reaches: it goes to all windows that do."""
    dx, dy = selected.dx, selected.dy
    if dx is None or dy is None:
        return
    if module.padding_mode != "zeros":
        yield Section(
            "backward: the input", note="The padding copies elements: the record has their gradients."
        )
        return
    before = [0] * len(window)
    for margin in module.margins:
        before[margin.axis] = margin.before
    inside = [
        spot
        for tap in itertools.product(*map(range, module.kernel_size))
        if in_range(spot := tuple(p - b for p, b in zip(reached(module, window, tap), before)), dx.shape[1:])
    ]
    if not inside:
        return
    chosen, weight = inside[0], selected.call.parameters["weight"]
    outputs = module.out_channels // module.groups
    group = channel // weight.shape[1]
    terms = []
    for tap in itertools.product(*map(range, module.kernel_size)):
        steps = [p + b - k * d for p, b, k, d in zip(chosen, before, tap, module.dilation)]
        at = tuple(step // s for step, s in zip(steps, module.stride))
        if any(step % s for step, s in zip(steps, module.stride)) or not in_range(at, dy.shape[1:]):
            continue
        for o in range(group * outputs, (group + 1) * outputs):
            terms.append(symbol("W", weight, o, 0, *tap) * gradient("y", dy, o, *at))
    line = Line(derivative(indexed("x", channel, *chosen)), Sum(terms), dx[(channel, *chosen)].item())
    yield Section("backward: an input, from all windows that reach it", [line])


def in_range(index: Index, sizes: Index) -> bool:
    """True if there is such an element."""
    return all(0 <= i < n for i, n in zip(index, sizes))


def parameters(
    selected: Selection, module: Convolution, padded: Tensor, letter: str, first: int
) -> Iterator[Section]:
    """The gradients of the first weight of the kernel and of the bias, from all windows of all samples."""
    call, o = selected.call, selected.unit[0]
    dys = call.grad_outputs[0]  # type: ignore[index]
    windows = [(n, *at) for n in range(len(dys)) for at in itertools.product(*map(range, dys.shape[2:]))]
    lines = []
    if "weight" in call.gradients:
        tap = (0,) * len(module.kernel_size)
        terms = []
        for n, *at in windows:
            index = (first, *reached(module, at, tap))
            x = Symbol(f"{indexed(letter, *index)}^{{({n + 1})}}", padded[(n, *index)].item())
            terms.append(gradient_of_sample("y", dys, n, o, *at) * x)
        ran = call.gradients["weight"][(o, 0, *tap)].item()
        lines.append(Line(derivative(indexed("W", o, 0, *tap)), Sum(terms), ran))
    if "bias" in call.gradients:
        total = Sum(gradient_of_sample("y", dys, n, o, *at) for n, *at in windows)
        lines.append(Line(derivative(indexed("b", o)), total, call.gradients["bias"][o].item()))
    if lines:
        yield Section("backward: the parameters, summed over all windows and the batch", lines)
