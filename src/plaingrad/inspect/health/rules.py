"""The problems that one record shows, each found by a function of its own."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from plaingrad.inspect.health.finding import Problem
from plaingrad.inspect.health.measures import EpochHealth, locations, numeric, units
from plaingrad.inspect.health.thresholds import (
    CONSTANT_SPREAD,
    DEAD_SHARE,
    EXPLODING,
    FEWEST_SAMPLES,
    SATURATED_SHARE,
    UPDATE_TOO_LARGE,
    UPDATE_TOO_SMALL,
    VANISHING,
)
from plaingrad.inspect.record import Trace
from plaingrad.inspect.record.recording import own_parameters
from plaingrad.module import Module
from plaingrad.optim import SGD

Rule = Callable[[Trace, EpochHealth], Iterator[Problem]]


def problems(trace: Trace, health: EpochHealth) -> list[Problem]:
    """All problems that a record shows; where something is not finite, that alone."""
    broken = list(not_finite(trace, health))
    return broken or [problem for rule in RULES for problem in rule(trace, health)]


def not_finite(trace: Trace, health: EpochHealth) -> Iterator[Problem]:
    """The first NaN or infinity: in the outputs of a layer, the loss, or the gradients, from the last."""
    hint = "; a smaller learning rate may help, or inputs of about unit size"
    forward = [layer for layer in health.layers if not layer.finite_outputs]
    backward = [layer for layer in reversed(health.layers) if not layer.finite_gradients]
    if forward:
        path, name, what = forward[0].path, forward[0].name, "its outputs have NaN or infinity"
    elif not math.isfinite(trace.loss):
        path, name, what = "loss", trace.calls[-1].module.signature(), f"it is {trace.loss}"
    elif backward:
        path, name, what = backward[0].path, backward[0].name, "its gradients have NaN or infinity"
    else:
        return
    yield Problem("not-finite", path, trace.loss, name, what, hint)


def no_gradient(trace: Trace, health: EpochHealth) -> Iterator[Problem]:
    """Parameters that are learned, but that no backward has reached."""
    root = trace.calls[0].module
    parameters = [parameter for _, parameter in root.named_parameters()]
    if parameters and all(parameter.frozen for parameter in parameters):
        what, hint = "all its parameters are frozen", ": nothing learns; call unfreeze() on some of it"
        yield Problem("no-gradient", "", 0.0, root.signature(), what, hint)
    names = {"": root.signature(), **locations(root)}
    reached = {id(call.module) for call in trace.calls if numeric(call.grad_outputs or ()) is not None}
    called = {id(call.module) for call in trace.calls}
    seen = set[int]()
    for path, module in root.named_modules():
        learned = [name for name, each in own_parameters(module).items() if not each.frozen]
        if not learned or id(module) in reached | seen:
            continue
        seen.add(id(module))
        if id(module) not in called and has_gradients(module):  # the module around it reads its parameters
            continue
        why = "nothing calls it" if id(module) not in called else "nothing that it returned reaches the loss"
        what = f"no gradient reaches its {' and '.join(learned)}"
        hint = f": {why}; use it in forward and backward, or remove it"
        yield Problem("no-gradient", path, 0.0, names.get(path, module.signature()), what, hint)


def has_gradients(module: Module) -> bool:
    """True if a gradient of its own parameters is other than 0."""
    return any(each.has_grad and bool(each.grad.any()) for each in own_parameters(module).values())


def dead_units(trace: Trace, health: EpochHealth) -> Iterator[Problem]:
    """Layers of which many units pass on no gradient for any sample."""
    for layer in health.layers:
        if layer.dead is not None and layer.dead >= DEAD_SHARE:
            what = f"{percent(layer.dead)} of its {layer.units} units are dead"
            hint = (
                ", flat for every sample, so that nothing flows back through them; try a smaller learning "
                "rate, He initialisation (init.kaiming_normal_) or nn.LeakyReLU"
            )
            yield Problem("dead-units", layer.path, layer.dead, layer.name, what, hint)


def saturated_units(trace: Trace, health: EpochHealth) -> Iterator[Problem]:
    """Layers that are mostly on the flat ends of their activation, but for one that the loss sees."""
    last = numeric(trace.calls[0].outputs)
    for layer in health.layers:
        y = numeric(trace.find(layer.path).outputs)
        if last is not None and y is not None and y.shape == last.shape and torch.equal(y, last):
            continue  # sure of its classes, as it should be
        if layer.saturated is not None and layer.saturated >= SATURATED_SHARE:
            what = f"{percent(layer.saturated)} of the outputs of its {layer.units} units are saturated"
            hint = (
                ", where the slope is next to nothing; try a smaller learning rate, smaller initial weights "
                "(init.xavier_uniform_) or standardised inputs"
            )
            yield Problem("saturated-units", layer.path, layer.saturated, layer.name, what, hint)


def vanishing_or_exploding(trace: Trace, health: EpochHealth) -> Iterator[Problem]:
    """Layers with parameters at which the gradient is far smaller or larger than at the last of them."""
    layers = [layer for layer in health.layers if layer.has_parameters and layer.gradient_size is not None]
    if len(layers) < 2 or not layers[-1].gradient_size:
        return
    size, last = [layer.gradient_size or 0.0 for layer in layers], layers[-1]
    lowest = min(range(len(layers)), key=size.__getitem__)
    highest = max(range(len(layers)), key=size.__getitem__)
    if size[lowest] < VANISHING * size[-1]:
        layer, ratio = layers[lowest], size[lowest] / size[-1]
        amount = f"{ratio:.1e} of that" if ratio else "0, unlike that"
        what = f"the gradient vanishes: it is {amount} at {last.name}"
        hint = (
            "; try Glorot's or He's initialisation (init.xavier_uniform_, init.kaiming_normal_), "
            "a normalisation, residual connections or nn.ReLU"
        )
        yield Problem("vanishing-gradient", layer.path, ratio, layer.name, what, hint)
    if size[highest] > EXPLODING * size[-1]:
        layer, ratio = layers[highest], size[highest] / size[-1]
        what = f"the gradient explodes: it is {ratio:.1e} times that at {last.name}"
        hint = "; try smaller initial weights (init.xavier_uniform_, init.kaiming_normal_) or a normalisation"
        yield Problem("exploding-gradient", layer.path, ratio, layer.name, what, hint)


def updates(trace: Trace, health: EpochHealth) -> Iterator[Problem]:
    """The layer with the largest update, if it is too large; the same where all are too small.

    A rule that makes several iterations in one update is no matter of a learning rate; nor is the first
    update of one that divides by the size of past gradients.
    """
    layers = [layer for layer in health.layers if layer.update is not None]
    optimizer = trace.optimizer
    is_first = not any(trace.states.values()) and not isinstance(optimizer, SGD)
    if not layers or optimizer is None or optimizer.needs_closure or is_first:
        return
    largest = max(layers, key=lambda layer: layer.update or 0.0)
    ratio = largest.update or 0.0
    if ratio > UPDATE_TOO_LARGE:
        amount = f"{percent(ratio)} of" if ratio < 10 else f"{ratio:.1e} times"
        what = f"one update changes its weights by {amount} their size"
        hint = ", where about 0.1 % is usual; try a smaller learning rate"
        yield Problem("update-too-large", largest.path, ratio, largest.name, what, hint)
    has_gradient = ratio > 0 or not getattr(optimizer, "lr", 1.0)
    if ratio < UPDATE_TOO_SMALL and has_gradient:  # else no learning rate makes a difference
        what = f"one update changes the weights by at most {ratio:.1e} of their size"
        hint = ", where about 1e-3 is usual; try a larger learning rate"
        yield Problem("update-too-small", largest.path, ratio, largest.name, what, hint)


def constant_output(trace: Trace, health: EpochHealth) -> Iterator[Problem]:
    """A network that returns the same for all samples, although their targets differ."""
    root, y, target = trace.calls[0], numeric(trace.calls[0].outputs), trace.target
    if y is None or not isinstance(target, Tensor) or y.ndim < 1 or len(y) < FEWEST_SAMPLES:
        return
    spread = units(y, y.ndim > 3).std(0, correction=0).mean().item()
    same_kind = target.is_floating_point() and target.shape == y.shape
    scale = target.double().std(0, correction=0).mean().item() if same_kind else 1.0
    if not (target != target[:1]).any() or spread >= CONSTANT_SPREAD * scale:
        return
    scales = [max(abs(layer.mean), 1e-30) for layer in health.layers]
    flat = [layer for layer, size in zip(health.layers, scales) if layer.spread <= 1e-7 * size]
    where = f"; from {flat[0].name} on nothing depends on the input" if flat else ""
    what = "the output is nearly the same for all samples"
    hint = f"{where}; try other initial weights, a smaller learning rate or standardised inputs"
    yield Problem("constant-output", "", spread / scale, type(root.module).__name__, what, hint)


def percent(share: float) -> str:
    """A share in percent, without decimals from 1 % on."""
    return f"{100 * share:.0f} %" if share >= 0.01 else f"{100 * share:.2g} %"


RULES: tuple[Rule, ...] = (
    no_gradient,
    dead_units,
    saturated_units,
    vanishing_or_exploding,
    updates,
    constant_output,
)
