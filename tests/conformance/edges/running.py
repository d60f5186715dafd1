"""Running a row of the conformance table, ours and torch's, at the edges of its domain."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from torch import Tensor

from conformance.case import Arguments, Case, Inputs, seeds
from effort import draws
from plaingrad import Module

SINGLE, DOUBLE = torch.float32, torch.float64
# Derandomized: some numbers that torch gives depend on the vector lane they are computed in. Random tensors
# come from seeds, which shrinking does not make simpler.
few = settings(
    max_examples=draws(8),
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)

Upstream = tuple[Tensor | None, ...]


def as_tuple(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def converted(inputs: Inputs, dtype: torch.dtype) -> Inputs:
    return tuple(x.to(dtype) if x.is_floating_point() else x for x in inputs)


def special_points(arguments: Arguments) -> list[float]:
    """Every bound, threshold and corner that a class with these arguments can have, and beyond."""
    corners = [value for value in arguments.values() if isinstance(value, float)]
    corners += [0.5, 1.0, 3.0, 6.0, 20.0]
    far = [40.0, 100.0, 300.0, 1000.0, 30000.0, math.inf]
    tiny = [1e-7, torch.finfo(SINGLE).tiny, torch.finfo(SINGLE).smallest_normal / 2**20]
    return [0.0, math.nan, *(sign * point for point in corners + far + tiny for sign in (1, -1))]


def mixed(x: Tensor, points: Sequence[float], share: float, generator: torch.Generator) -> Tensor:
    """A copy of ``x`` in which a random share of the numbers is replaced by some of the points."""
    drawn = torch.tensor(points, dtype=DOUBLE)[torch.randint(len(points), x.shape, generator=generator)]
    return torch.where(torch.rand(x.shape, generator=generator) < share, drawn.to(x.dtype), x)


@st.composite
def special_inputs(draw: st.DrawFn, case: Case, arguments: Arguments, finite: bool = False) -> Inputs:
    """Inputs that suit the case, of which none, some or all numbers are special points."""
    points = [p for p in special_points(arguments) if math.isfinite(p) or not finite]
    share, generator = draw(st.sampled_from([0.0, 0.1, 0.3, 1.0])), torch.Generator().manual_seed(draw(seeds))
    inputs = tuple(
        mixed(x, points, share, generator) if x.is_floating_point() else x
        for x in draw(case.inputs(arguments))
    )
    return case.within(arguments, inputs)


@st.composite
def pairs(
    draw: st.DrawFn, case: Case, arguments: Arguments, dtype: torch.dtype, training: bool = True
) -> tuple[Module, torch.nn.Module]:
    """A module and its counterpart with the same state, in a mode in which they draw no random numbers.

    Floating-point state is shifted a little: a weight of exactly 1 would hide a forgotten factor.
    """
    seed = draw(seeds)
    torch.manual_seed(seed)
    ours = case.ours(**copy.deepcopy(arguments)).to(dtype)
    generator = torch.Generator().manual_seed(seed)
    for value in ours.state_dict().values():
        if value.is_floating_point():
            value += torch.rand(value.shape, generator=generator, dtype=DOUBLE).to(dtype) / 2
    theirs = case.theirs(**copy.deepcopy(arguments)).to(dtype)
    theirs.load_state_dict(ours.state_dict())
    training = training and not case.random
    return ours.train() if training else ours.eval(saving=True), theirs.train(training)


def upstream(outputs: Any, seed: int, points: Sequence[float] = (), share: float = 0.0) -> Upstream:
    """A random gradient for each output, a share of it replaced; None for an output of integers."""
    generator = torch.Generator().manual_seed(seed)

    def one(y: Tensor) -> Tensor:
        dy = torch.randn(y.shape, generator=generator, dtype=DOUBLE).to(y.dtype)
        return mixed(dy, points, share, generator) if points else dy

    return tuple(one(y) if y.is_floating_point() else None for y in as_tuple(outputs))


def of_ours(ours: Module, inputs: Inputs, make: Callable[[Any], Upstream]) -> dict[str, Tensor]:
    """Outputs, state after them, and gradients with respect to inputs and parameters."""
    ours.zero_grad()
    outputs = ours.forward(*inputs)
    dxs = as_tuple(ours.backward(*make(outputs)))
    return results(outputs, dxs, [p.grad for p in ours.parameters()], ours.state_dict())


def of_torch(
    case: Case, theirs: torch.nn.Module, inputs: Inputs, make: Callable[[Any], Upstream]
) -> dict[str, Tensor]:
    """As `of_ours`."""
    needed = case.has_gradients(inputs)
    leaves = [x.detach().clone().requires_grad_(has) for x, has in zip(inputs, needed)]
    outputs = theirs(*leaves)
    dys = make(outputs)
    wanted = [x for x in leaves if x.requires_grad] + list(theirs.parameters())
    ys, dys = zip(*[(y, dy) for y, dy in zip(as_tuple(outputs), dys) if dy is not None])
    found = torch.autograd.grad(ys, wanted, dys, allow_unused=True) if wanted else []
    gradients = iter([torch.zeros_like(x) if g is None else g for x, g in zip(wanted, found)])
    dxs = tuple(next(gradients) if x.requires_grad else None for x in leaves)
    return results(outputs, dxs, list(gradients), theirs.state_dict())


def results(outputs: Any, dxs: Any, dparameters: list[Tensor], state: dict[str, Tensor]) -> dict[str, Tensor]:
    named = {f"output {k}": y.detach() for k, y in enumerate(as_tuple(outputs))}
    named |= {f"gradient of input {k}": dx for k, dx in enumerate(dxs) if dx is not None}
    named |= {f"gradient of parameter {k}": dp for k, dp in enumerate(dparameters)}
    return named | {name: value.detach() for name, value in state.items()}
