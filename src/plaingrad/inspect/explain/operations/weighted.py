r"""The numbers of what is linear in its inputs: padding, resampling, joining, sums.

.. math::
    y_u = \sum_i W_{ui}\, x_i + c, \qquad
    \frac{\partial \ell}{\partial x_i} = \sum_u W_{ui} \frac{\partial \ell}{\partial y_u}

A row of W is what the module's backward makes of a gradient that is 1 at one output; a column, what its
forward makes of an input that is 1 at one element.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from plaingrad import nn
from plaingrad.inspect.explain.explanation import Line, Section
from plaingrad.inspect.explain.operations.names import (
    Index,
    combination,
    element,
    element_name,
    letters,
    position,
    upstream,
)
from plaingrad.inspect.explain.registry import explains
from plaingrad.inspect.explain.selection import Selection, derivative
from plaingrad.inspect.record import Call
from plaingrad.nn.pooling.unpool import MaxUnpool


@explains(nn.Identity, nn.Flatten, nn.Unflatten, nn.Reshape, nn.Expand, nn.Permute, nn.Transpose)
@explains(nn.Squeeze, nn.Unsqueeze, nn.Select, nn.Split, nn.Chunk, nn.Concatenate, nn.Stack)
@explains(nn.ZeroPad1d, nn.ZeroPad2d, nn.ZeroPad3d, nn.ConstantPad1d, nn.ConstantPad2d, nn.ConstantPad3d)
@explains(nn.ReflectionPad1d, nn.ReflectionPad2d, nn.ReflectionPad3d)
@explains(nn.ReplicationPad1d, nn.ReplicationPad2d, nn.ReplicationPad3d)
@explains(nn.CircularPad1d, nn.CircularPad2d, nn.CircularPad3d)
@explains(nn.PixelShuffle, nn.PixelUnshuffle, nn.ChannelShuffle)
@explains(nn.Upsample, nn.UpsamplingNearest2d, nn.UpsamplingBilinear2d)
@explains(nn.MaxUnpool1d, nn.MaxUnpool2d, nn.MaxUnpool3d, nn.Fold, nn.Unfold, nn.Sum, nn.Mean)
def weighted(selected: Selection) -> Iterator[Section]:
    """One element as a sum of inputs with their weights, and the gradient of one of these likewise."""
    call = selected.call
    outputs = call.outputs if isinstance(call.outputs, tuple) else (call.outputs,)
    count = sum(isinstance(x, Tensor) and x.is_floating_point() for x in call.inputs)
    if not count or not all(isinstance(y, Tensor) and y.is_floating_point() for y in outputs):
        yield Section("forward", note="It hands on what is no tensor of real numbers: the record shows it.")
        return
    if isinstance(call.module, MaxUnpool) and repeats(call):
        note = "Several elements come to one index: which of them is there, the record shows."
        yield Section("forward", note=note)
        return
    index = position(selected)
    sources, offset = row(call, index)
    sample = selected.sample if stays(selected, sources, index) else None
    names = letters(len(call.inputs) if count > 1 else 1)
    terms = [(w, element(names[i % len(names)], call.inputs[i], at, sample)) for i, at, w in sources]
    y = Line(element_name("y", index, sample), combination(terms, offset), outputs[0][index].item())
    yield Section("forward", [y], words(len(names), sample, [w for w, _ in terms]))
    if not sources or not call.grad_outputs:
        return
    i, at, _ = sources[0]
    dx = call.input_gradients()[i]
    if not isinstance(dx, Tensor):
        return
    back = []
    for o, (weights, dy) in enumerate(zip(column(call, i, at), call.grad_outputs)):
        if isinstance(dy, Tensor):
            name = "y" + "'" * o
            back += [(weights[u].item(), upstream(name, dy, u, sample)) for u in nonzero(weights)]
    name = element_name(names[i % len(names)], at, sample)
    yield Section("backward", [Line(derivative(name), combination(back), dx[at].item())])


def words(inputs: int, sample: int | None, weights: list[float]) -> str:
    """A note on names and weights, or on an element to which no input comes."""
    if not weights:
        return "No element of the input comes here."
    parts = ["The inputs are a, b, ... in order."] if inputs > 1 else []
    parts += ["The indices count through all axes, the batch included."] if sample is None else []
    parts += ["The weights are the module's own: its backward of 1 here."] if {*weights} - {1, -1} else []
    return " ".join(parts)


def stays(selected: Selection, sources: list[tuple[int, Index, float]], index: Index) -> bool:
    """True if the element has only to do with inputs of its own sample, whose index can be left out."""
    return bool(
        selected.axis == 0
        and index
        and all(
            at and at[0] == index[0] and len(selected.call.inputs[i]) == len(batch(selected))
            for i, at, _ in sources
        )
    )


def batch(selected: Selection) -> Tensor:
    """The first output."""
    outputs = selected.call.outputs
    y: Tensor = outputs[0] if isinstance(outputs, tuple) else outputs
    return y


def row(call: Call, index: Index) -> tuple[list[tuple[int, Index, float]], float]:
    """The elements that come to an element of the first output, with their weights, and the constant."""
    module, outputs = run(call, exact(call.inputs))
    whole = outputs if isinstance(outputs, tuple) else (outputs,)
    unit = torch.zeros_like(whole[0])
    unit[index] = 1
    grads = module.backward(unit, *[None] * (len(whole) - 1))
    grads = grads if isinstance(grads, tuple) else (grads,)
    _, zeros = run(call, tuple(torch.zeros_like(x) if is_real(x) else x for x in exact(call.inputs)))
    zero = zeros[0] if isinstance(zeros, tuple) else zeros
    sources = [
        (i, at, grads[i][at].item())
        for i, x in enumerate(call.inputs)
        if is_real(x) and isinstance(grads[i], Tensor)
        for at in nonzero(grads[i])
    ]
    return sources, zero[index].item()


def column(call: Call, i: int, at: Index) -> list[Tensor]:
    """The weights of an element of input i in each element of each output."""
    inputs = [torch.zeros_like(x) if is_real(x) else x for x in exact(call.inputs)]
    _, zeros = run(call, tuple(inputs))
    inputs[i] = inputs[i].clone()
    inputs[i][at] = 1
    _, ones = run(call, tuple(inputs))
    pairs = zip(ones, zeros) if isinstance(ones, tuple) else [(ones, zeros)]
    return [one - zero for one, zero in pairs]


def run(call: Call, inputs: tuple[Any, ...]) -> tuple[Any, Any]:
    """A copy of the module that has just run on these inputs, and what it returned."""
    twin = copy.deepcopy(call.module)
    twin.zero_grad()
    twin.train()
    with torch.no_grad():
        return twin, twin.forward(*inputs, **call.options)


def exact(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """The inputs in double precision."""
    return tuple(x.double() if is_real(x) else x for x in inputs)


def is_real(x: Any) -> bool:
    """True for a tensor of floating-point numbers."""
    return isinstance(x, Tensor) and x.is_floating_point()


def nonzero(values: Tensor) -> list[Index]:
    """The indices of the elements that are not 0, in order."""
    return [tuple(at) for at in values.nonzero().tolist()]


def repeats(call: Call) -> bool:
    """True if several elements go to one index of their channel."""
    indices = call.inputs[1] if len(call.inputs) > 1 else call.options["indices"]
    flat = indices.flatten(-len(call.module.axes)).sort(-1).values  # type: ignore[attr-defined]
    return bool((flat[..., 1:] == flat[..., :-1]).any())
