"""The numbers of normalisations: mean and variance of what is normalised together, then one element."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from plaingrad import nn
from plaingrad.inspect.explain.explanation import Line, Section
from plaingrad.inspect.explain.expression import Expression, Sum, Symbol, mean, over, sqrt
from plaingrad.inspect.explain.registry import explains
from plaingrad.inspect.explain.selection import Selection, derivative, indexed, numbered
from plaingrad.nn.normalization.batch import BatchNorm
from plaingrad.nn.normalization.instance import InstanceNorm

Index = tuple[int, ...]
EPSILON = r"\epsilon"


@dataclass
class Together:
    """The elements that are normalised together with the selected one.

    Attributes:
        members: their indices in the batch.
        own: the index of the selected one.
        weights: of each member the index of its scale and shift.
        spread: the whole batch, normalised.
    """

    members: list[Index]
    own: Index
    weights: list[Index]
    spread: Tensor

    @property
    def position(self) -> int:
        return self.members.index(self.own)

    def name(self, letter: str, index: Index) -> str:
        """A number of an element; with its sample where it is another one than the selected."""
        text = indexed(letter, *index[1:])
        return text if index[0] == self.own[0] else numbered(text, index[0])

    def row(self, letter: str, values: Tensor, is_gradient: bool = False) -> list[Symbol]:
        """The numbers of all members."""
        names = [self.name(letter, each) for each in self.members]
        return [
            Symbol(derivative(name) if is_gradient else name, values[each].item())
            for name, each in zip(names, self.members)
        ]


def normal(x: Tensor, axes: tuple[int, ...], eps: float, is_centred: bool = True) -> Tensor:
    """The batch, normalised over these axes."""
    exact = x.double()
    exact = exact - exact.mean(axes, keepdim=True) if is_centred else exact
    return exact / (exact.square().mean(axes, keepdim=True) + eps).sqrt()


@explains(nn.LayerNorm, nn.RMSNorm)
def last_axes(selected: Selection) -> Iterator[Section]:
    """One element among the last axes of its sample."""
    call, full = selected.call, selected.full
    x, module = call.inputs[0], selected.module
    count = len(module.normalized_shape)
    tails = list(itertools.product(*map(range, x.shape[x.ndim - count :])))
    members = [(*full[: x.ndim - count], *tail) for tail in tails]
    is_centred = isinstance(module, nn.LayerNorm)
    eps = torch.finfo(x.dtype).eps if module.eps is None else module.eps
    axes = tuple(range(x.ndim - count, x.ndim))
    together = Together(members, full, tails, normal(x, axes, eps, is_centred))
    yield from normalised(selected, together, eps, is_centred)


@explains(nn.GroupNorm)
def groups(selected: Selection) -> Iterator[Section]:
    """One element among the channels of its group."""
    call, full = selected.call, selected.full
    x, module = call.inputs[0], selected.module
    size = x.shape[1] // module.num_groups
    first = full[1] // size * size
    rest = [range(n) for n in x.shape[2:]]
    members = [(full[0], *each) for each in itertools.product(range(first, first + size), *rest)]
    spread = normal(x.reshape(x.shape[0], module.num_groups, -1), (2,), module.eps).view(x.shape)
    together = Together(members, full, [(each[1],) for each in members], spread)
    yield from normalised(selected, together, module.eps)


@explains(nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)
def instances(selected: Selection) -> Iterator[Section]:
    """One element among those of its channel in its sample."""
    yield from channels(selected, [selected.sample])


@explains(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
def batches(selected: Selection) -> Iterator[Section]:
    """One element among those of its channel in all samples."""
    yield from channels(selected, list(range(len(selected.call.inputs[0]))))


def channels(selected: Selection, samples: list[int]) -> Iterator[Section]:
    """One element of a channel; with running statistics it depends on no other."""
    call, full = selected.call, selected.full
    x, module = call.inputs[0], selected.module
    if isinstance(module, InstanceNorm) and x.ndim < module.ranks[1]:
        yield Section("forward", note="Without a batch the numbers are those of the record.")
        return
    c = full[1]
    if not call.training and module.running_mean is not None and module.running_var is not None:
        yield from by_running(selected, module)
        return
    axes = (0, *range(2, x.ndim)) if isinstance(module, BatchNorm) else tuple(range(2, x.ndim))
    rest = [range(n) for n in x.shape[2:]]
    members = [(n, c, *each) for n in samples for each in itertools.product(*rest)]
    together = Together(members, full, [(c,)] * len(members), normal(x, axes, module.eps))
    yield from normalised(selected, together, module.eps)


def parameter(selected: Selection, name: str, letter: str, index: Index) -> Symbol | None:
    """The scale or shift of an element, if there is one."""
    values = selected.call.parameters.get(name)
    return None if values is None else Symbol(indexed(letter, *index), values[index].item())


def scaled(normalised: Expression, weight: Symbol | None, bias: Symbol | None) -> Expression:
    """The normalised element, scaled and shifted."""
    y = normalised if weight is None else normalised * weight
    return y if bias is None else y + bias


def normalised(
    selected: Selection, together: Together, eps: float, is_centred: bool = True
) -> Iterator[Section]:
    """Mean, variance, the element itself, and the gradients of input, scale and shift."""
    call, own, k = selected.call, together.own, together.position
    xs = together.row("x", call.inputs[0])
    lines, centre = [], xs[k]
    sigma_name = r"\sigma" if is_centred else r"\rho"
    squares: list[Expression] = [x**2 for x in xs]
    formula: Expression = centre
    if is_centred:
        lines.append(Line(r"\mu", mean(xs)))
        mu = lines[0].symbol
        squares, formula = [(x - mu) ** 2 for x in xs], centre - mu
    lines.append(Line(sigma_name, sqrt(mean(squares) + Symbol(EPSILON, eps))))
    sigma = lines[-1].symbol
    hat = Line(together.name(r"\hat x", own), formula / sigma)
    weight = parameter(selected, "weight", "w", together.weights[k])
    bias = parameter(selected, "bias", "b", together.weights[k])
    y = Line(together.name("y", own), scaled(hat.symbol, weight, bias), call.outputs[own].item())
    yield Section("forward", [*lines, hat, y])
    dx = call.input_gradients()[0]
    if not call.grad_outputs:
        return
    if dx is not None:
        dys = together.row("y", call.grad_outputs[0], True)
        hats = [
            Symbol(name.name, together.spread[i].item())
            for name, i in zip(together.row(r"\hat x", together.spread), together.members)
        ]
        gs = []
        for dy, i, each in zip(dys, together.weights, together.members):
            w = parameter(selected, "weight", "w", i)
            gs.append(Line(together.name("g", each), dy if w is None else dy * w))
        g = [each.symbol for each in gs]
        along = Line(r"\overline{g \odot \hat x}", mean([a * b for a, b in zip(g, hats)]))
        steps = [gs[k]]
        rest: Expression = g[k]
        if is_centred:
            steps.append(Line(r"\overline{g}", mean(g)))
            rest = rest - steps[-1].symbol
        steps.append(along)
        rest = rest - hat.symbol * along.symbol
        result = Line(derivative(xs[k].name), 1 / sigma * rest, dx[own].item())
        yield Section("backward: the input", [*steps, result], "g is the upstream gradient times the scale.")
    yield from learned(selected, together.spread, together.weights[k], together)


def learned(
    selected: Selection, spread: Tensor, index: Index, together: Together | None
) -> Iterator[Section]:
    """The gradients of scale and shift, summed over all elements that they stand at."""
    call = selected.call
    dys = call.grad_outputs[0]  # type: ignore[index]
    if not call.gradients:
        return
    is_channel = together is None or not isinstance(selected.module, (nn.LayerNorm, nn.RMSNorm))
    chosen = [
        each
        for each in itertools.product(*map(range, dys.shape))
        if ((each[1],) if is_channel else each[len(each) - len(index) :]) == index
    ]
    own = selected.sample
    lines = []
    dy = [
        Symbol(
            derivative(indexed("y", *i[1:]) if i[0] == own else numbered(indexed("y", *i[1:]), i[0])),
            dys[i].item(),
        )
        for i in chosen
    ]
    hats = [numbered_hat(i, own, spread[i].item()) for i in chosen]
    if "weight" in call.gradients:
        total = Sum(a * b for a, b in zip(dy, hats))
        lines.append(Line(derivative(indexed("w", *index)), total, call.gradients["weight"][index].item()))
    if "bias" in call.gradients:
        lines.append(Line(derivative(indexed("b", *index)), Sum(dy), call.gradients["bias"][index].item()))
    yield Section("backward: the parameters, summed over the batch", lines)


def numbered_hat(index: Index, own: int, value: float) -> Symbol:
    """A normalised element."""
    name = indexed(r"\hat x", *index[1:])
    return Symbol(name if index[0] == own else numbered(name, index[0]), value)


def by_running(selected: Selection, module: Any) -> Iterator[Section]:
    """The same with the running statistics, which do not depend on the batch."""
    call, full = selected.call, selected.full
    c = full[1]
    mu = Symbol(indexed(r"\mu", c), module.running_mean.value[c].item())
    variance = Symbol(indexed("v", c), module.running_var.value[c].item())
    sigma = Line(r"\sigma", sqrt(variance + Symbol(EPSILON, module.eps)))
    x = Symbol(indexed("x", *full[1:]), call.inputs[0][full].item())
    hat = Line(indexed(r"\hat x", *full[1:]), (x - mu) / sigma.symbol)
    weight, bias = parameter(selected, "weight", "w", (c,)), parameter(selected, "bias", "b", (c,))
    y = Line(indexed("y", *full[1:]), scaled(hat.symbol, weight, bias), call.outputs[full].item())
    yield Section("forward", [sigma, hat, y], "In evaluation the running mean μ and variance v stand in.")
    dx = call.input_gradients()[0]
    if not call.grad_outputs:
        return
    if dx is not None:
        dy = Symbol(derivative(indexed("y", *full[1:])), call.grad_outputs[0][full].item())
        factor: Expression = over(1) if weight is None else weight
        slope = (1 if weight is None else factor) / sigma.symbol
        yield Section("backward: the input", [Line(derivative(x.name), slope * dy, dx[full].item())])
    sizes = (1, -1, *[1] * (call.inputs[0].ndim - 2))
    middle, scale = (
        module.running_mean.value.view(sizes),
        (module.running_var.value + module.eps).sqrt().view(sizes),
    )
    yield from learned(selected, (call.inputs[0] - middle) / scale, (c,), None)
