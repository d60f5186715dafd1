"""The check itself is checked: every mistake of the catalogue, planted in every layer, is caught."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis.errors import Unsatisfiable
from torch import Tensor

from conformance.case import Arguments, Case, Inputs
from conformance.table import CASES
from effort import draws, every_third
from plaingrad import nn
from plaingrad.inspect import GradientReport, check_gradients
from plaingrad.module import Module

from .examples import build, examples, finite, modest
from .mistakes import MISTAKES, Mistake, as_tuple, plant

every_case = pytest.mark.parametrize("case", CASES, ids=repr)
every_mistake = pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES.keys())
SEED = 3


@dataclass(eq=False)
class Example:
    """A row's arguments and inputs; what follows from them is computed when it is asked for."""

    case: Case
    arguments: Arguments
    inputs: Inputs

    @cached_property
    def module(self) -> Module:
        return build(self.case, self.arguments)

    @cached_property
    def counts(self) -> bool:
        return finite(self.module, self.inputs)

    @cached_property
    def right(self) -> list[Tensor]:
        """The outcome without a mistake."""
        return list(outcome(self.module, self.inputs))


@cache
def drawn(case: Case) -> list[Example]:
    """30 examples, and 5 with a square input if the row has any; the same in every run."""
    found: list[tuple[Arguments, Inputs]] = []
    same = settings(
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )

    @given(example=examples(case))
    def collect(example: tuple[Arguments, Inputs]) -> None:
        found.append(example)

    @given(example=examples(case))
    def collect_square(example: tuple[Arguments, Inputs]) -> None:
        assume(any(x.ndim > 1 and x.shape[-1] == x.shape[-2] > 1 for x in example[1]))
        found.append(example)

    settings(same, max_examples=draws(30))(collect)()
    with suppress(Unsatisfiable):
        settings(same, max_examples=draws(5))(collect_square)()
    return [Example(case, *each) for each in found]


def upstream(outputs: Any, seed: int) -> list[Tensor | None]:
    generator = torch.Generator().manual_seed(seed)
    return [
        torch.randn(y.shape, generator=generator, dtype=torch.float64) if y.is_floating_point() else None
        for y in as_tuple(outputs)
    ]


def outcome(module: Module, inputs: Inputs) -> Iterator[Tensor]:
    """All that can be seen of one backward: alone, and after the backward of another forward."""
    module = copy.deepcopy(module).to(torch.float64)
    before = [torch.full_like(grad, 3.0) for _, grad in module.parameters()]
    moved = [x.roll(1) * 0.7 if x.is_floating_point() else x.roll(1) for x in inputs]
    samples_moved = [x.roll(1, 0) if x.ndim else x.clone() for x in inputs]
    for others in ([], moved, samples_moved):
        own = [x.clone() for x in inputs]
        with torch.random.fork_rng([]):
            torch.manual_seed(SEED)
            dys = upstream(module.forward(*own), SEED)
            if others:
                try:
                    other_dys = upstream(module.forward(*others), SEED + 1)
                except ValueError:  # not every input can be rearranged
                    module.zero_grad()
                    continue
                module.backward(*other_dys)
        for (_, grad), was in zip(module.parameters(), before):
            grad.copy_(was)
        dxs = module.backward(*dys)
        seen = [*dys, *own, *as_tuple(dxs), *(grad.clone() for _, grad in module.parameters())]
        yield from (tensor for tensor in seen if tensor is not None)


def matters(mistake: Mistake, example: Example) -> bool:
    """Whether the mistake changes anything at all here."""
    if not example.counts:
        return False
    wrong = outcome(plant(mistake, copy.deepcopy(example.module)), example.inputs)
    pairs = zip(example.right, wrong, strict=True)
    return not all(torch.allclose(a, b, rtol=1e-3, atol=1e-5) for a, b in pairs)


PLANTED = [
    pytest.param(case, MISTAKES[name], id=f"{case!r}-{name}")
    for k, case in enumerate(CASES)
    for name in list(MISTAKES)[every_third(k)]
]


# One row after the other, so that it is drawn in one process alone.
@pytest.mark.parametrize(("case", "mistake"), PLANTED)
def test_a_planted_mistake_is_caught(case: Case, mistake: Mistake) -> None:
    shown = (example for example in drawn(case) if matters(mistake, example))
    reports = (checked(mistake, example) for example in shown)
    report = next((report for report in reports if not (report.ok and report.kinks)), None)
    if report is None:
        pytest.skip("changes nothing here, or only at kinks, in any of the examples")
    assert not report.ok, str(report)


def checked(mistake: Mistake, example: Example) -> GradientReport:
    module = plant(mistake, copy.deepcopy(example.module))
    return check_gradients(module, *example.inputs, seed=SEED, **modest(module))


@every_mistake
def test_no_mistake_of_the_catalogue_is_idle(mistake: Mistake) -> None:
    linear = next(case for case in CASES if case.ours is nn.Linear)
    assert any(matters(mistake, example) for example in drawn(linear))


@every_case
def test_the_right_backward_changes_nothing(case: Case) -> None:
    for example in drawn(case)[:3]:
        assert not matters(lambda _, backward, dys: backward(*dys), example)


class Vanishing(Module):
    """A softmax whose backward gives zeros."""

    def forward(self, x: Tensor) -> Tensor:
        y = x.exp() / x.exp().sum(-1, keepdim=True)
        self.save(y, y)
        return y

    def backward(self, dy: Tensor) -> Tensor:
        return 0 * self.restore(dy)


def test_an_upstream_gradient_of_ones_would_miss_a_softmax_that_ignores_it() -> None:
    x = torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    traced = x.clone().requires_grad_()
    (right,) = torch.autograd.grad(traced.softmax(-1).sum(), traced)
    module = Vanishing()
    wrong = module.backward(torch.ones_like(module.forward(x)))
    torch.testing.assert_close(wrong, right)
    report = check_gradients(module, x)
    assert not report.ok
    assert "zero everywhere" in report.problems[0]
