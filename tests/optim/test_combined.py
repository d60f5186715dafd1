"""Schedules made of schedules equal torch's."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from effort import draws
from optim.rules import Pair
from optim.test_schedule import GROUPS, Power, arguments, of_torch
from plaingrad import Parameter, optim

STEPS = 50
examples = settings(max_examples=draws(100), deadline=None)
FOLLOWING = [
    "StepLR",
    "MultiStepLR",
    "ConstantLR",
    "ExponentialLR",
    "LinearLR",
    "PolynomialLR",
    "CosineAnnealingLR",
    "MultiplicativeLR",
    "SWALR",
]
OVERWRITING = ["LambdaLR", "CosineAnnealingWarmRestarts"]
CYCLES = ["OneCycleLR", "CyclicLR"]


@st.composite
def parts(draw: st.DrawFn, first: list[str], later: list[str]) -> list[tuple[str, dict[str, Any]]]:
    """Names and arguments of up to four schedules."""
    names = [draw(st.sampled_from(first)), *draw(st.lists(st.sampled_from(later), max_size=3))]
    # Two of these write over each other's bounds in torch, which has them in the groups.
    for alone in ({*CYCLES}, {"SWALR"}):
        names = [name for i, name in enumerate(names) if name not in alone or not {*names[:i]} & alone]
    drawn = [(name, draw(arguments[name])) for name in names]
    for name, options in drawn:
        if name == "OneCycleLR":
            options.pop("epochs", None)
            options.pop("steps_per_epoch", None)
            options["total_steps"] = draw(st.integers(STEPS + 1, 90))
            options["pct_start"] = draw(st.floats(0.1, 0.4))
    return drawn


chains = parts([*FOLLOWING, *OVERWRITING, *CYCLES], [*FOLLOWING, *OVERWRITING])
sequences = parts([*FOLLOWING, *OVERWRITING, *CYCLES], [*FOLLOWING, *OVERWRITING, *CYCLES])


class Combined:
    """A schedule of schedules beside its counterpart in torch."""

    def __init__(self, name: str, parts: list[tuple[str, dict[str, Any]]], *milestones: list[int]) -> None:
        self.pair = Pair("SGD", {}, GROUPS)
        self.name, self.parts, self.milestones = name, parts, milestones
        self.ours = self.made(self.pair.ours)
        theirs = [of_torch(part)(self.pair.theirs, **options) for part, options in parts]
        if name == "ChainedScheduler":
            self.theirs = torch.optim.lr_scheduler.ChainedScheduler(theirs, self.pair.theirs)
        else:
            self.theirs = torch.optim.lr_scheduler.SequentialLR(self.pair.theirs, theirs, *milestones)
        self.pair.theirs.step()

    def made(self, optimizer: optim.Optimizer, **options: Any) -> optim.Schedule:
        ours = [getattr(optim, part)(optimizer, **options) for part, options in self.parts]
        options["interval"] = "epoch"
        if self.name == "ChainedScheduler":
            return optim.ChainedScheduler(ours, optimizer, **options)
        return optim.SequentialLR(optimizer, ours, *self.milestones, **options)

    def step(self) -> None:
        self.ours.step()
        self.theirs.step()

    def assert_equal(self) -> None:
        for ours, theirs in zip(self.ours.optimizer.param_groups, self.pair.theirs.param_groups):
            assert math.isclose(ours["lr"], theirs["lr"], rel_tol=1e-10, abs_tol=1e-12)
            assert math.isclose(ours["momentum"], theirs["momentum"], rel_tol=1e-10, abs_tol=1e-12)


def optimizer() -> optim.SGD:
    return optim.SGD([{"params": Parameter(torch.ones(1)), **group} for group in GROUPS])


def resumed(both: Combined) -> optim.Schedule:
    """A schedule like that of the pair, with its state, of another optimizer."""
    other = optimizer()
    schedule = both.made(other)
    for group in other.param_groups:
        group["lr"] = 7.0
    state = both.ours.state_dict()
    kept = copy.deepcopy(state)
    schedule.load_state_dict(state)
    schedule.step()
    assert state == kept
    schedule.load_state_dict(state)
    return schedule


@examples
@given(parts=chains, half=st.integers(0, STEPS))
def test_a_chain_of_fifty_steps_equals_torch(parts: list[tuple[str, dict[str, Any]]], half: int) -> None:
    both = Combined("ChainedScheduler", parts)
    both.assert_equal()
    for t in range(STEPS):
        if t == half:
            both.ours = resumed(both)
        both.step()
        both.assert_equal()


@pytest.mark.parametrize("period", [1, 2, 5])
def test_a_cosine_in_a_chain_climbs_to_the_initial_rate_of_the_group(period: int) -> None:
    parts = [("ConstantLR", {"factor": 0.5, "total_iters": 70}), ("CosineAnnealingLR", {"T_max": period})]
    both = Combined("ChainedScheduler", parts)
    for _ in range(4 * period):
        both.step()
        both.assert_equal()


@examples
@given(data=st.data(), parts=sequences, half=st.integers(0, STEPS))
def test_a_sequence_of_fifty_steps_equals_torch(
    data: st.DataObject, parts: list[tuple[str, dict[str, Any]]], half: int
) -> None:
    count = len(parts) - 1
    times = st.lists(st.integers(0, STEPS), min_size=count, max_size=count, unique=True).map(sorted)
    both = Combined("SequentialLR", parts, data.draw(times, label="milestones"))
    both.assert_equal()
    for t in range(STEPS):
        if t == half:
            both.ours = resumed(both)
        both.step()
        both.assert_equal()


@pytest.mark.parametrize("before", [1, 4, 5, 6, 9])
def test_a_sequence_goes_on_from_the_initial_rates_of_the_groups(before: int) -> None:
    def made(**options: Any) -> optim.SequentialLR:
        rule = optimizer()
        for group in rule.param_groups if options else []:
            group["initial_lr"] = group["lr"]
        last = optim.MultiplicativeLR(rule, Power(0.9, 9))
        parts = [optim.LinearLR(rule), optim.ExponentialLR(rule, 0.5), last]
        return optim.SequentialLR(rule, parts, [5, 8], **options)

    whole = made()
    for _ in range(before):
        whole.step()
    assert made(last_epoch=before - 1).get_last_lr() == whole.get_last_lr()
    assert made(last_epoch=before - 1).last_epoch == before


def test_schedules_of_schedules_may_be_nested() -> None:
    rule = optimizer()
    warm = optim.ChainedScheduler([optim.ConstantLR(rule, 0.5, 2), optim.ExponentialLR(rule, 0.5)])
    inner = optim.SequentialLR(rule, [optim.ExponentialLR(rule, 0.1)], [])
    whole = optim.SequentialLR(rule, [warm, inner], [3])
    rates = []
    for _ in range(6):
        rates.append(rule.param_groups[0]["lr"] / 0.1)
        whole.step()
    assert rates == pytest.approx([0.5, 0.25, 0.25, 1.0, 0.1, 0.01])
    rule = optimizer()
    parts = [optim.ConstantLR(rule, 0.5, 2), optim.ConstantLR(rule, 0.25, 2)]
    whole = optim.ChainedScheduler([optim.SequentialLR(rule, parts, [3]), optim.ExponentialLR(rule, 0.1)])
    whole.step()
    assert rule.param_groups[0]["lr"] == pytest.approx(0.1 * 0.5 * 0.1)


def test_the_steps_that_are_left() -> None:
    rule = optimizer()

    def one(steps: int) -> optim.OneCycleLR:
        return optim.OneCycleLR(rule, 0.1, total_steps=steps)

    endless = optim.StepLR(rule, 3, interval="step")
    assert endless.steps_left == math.inf
    cycle = one(7)
    cycle.step()
    assert cycle.steps_left == 6
    assert optim.ChainedScheduler([endless, cycle, one(9)]).steps_left == 6
    assert optim.SequentialLR(rule, [endless, one(7)], [4]).steps_left == 11
    assert optim.SequentialLR(rule, [one(7), endless], [8]).steps_left == math.inf
    assert optim.SequentialLR(rule, [one(7), endless], [9]).steps_left == 7
    both = optim.SequentialLR(rule, [one(7), one(5)], [4])
    assert both.steps_left == 9
    for left in range(8, -1, -1):
        both.step()
        assert both.steps_left == left
    with pytest.raises(ValueError, match=r"^OneCycleLR: expected at most 5 steps, got another one$"):
        both.step()


def test_what_cannot_be_combined_is_refused() -> None:
    rule, other = optimizer(), optimizer()
    step, cycle = optim.StepLR(rule, 2), optim.CyclicLR(rule, 0.1, 1.0)
    for make, message in [
        (lambda: optim.ChainedScheduler([]), "ChainedScheduler: expected at least one schedule, got none"),
        (
            lambda: optim.ChainedScheduler([step, optim.ReduceLROnPlateau(rule)]),
            "ChainedScheduler: expected schedules without a metric, got a ReduceLROnPlateau at index 1",
        ),
        (
            lambda: optim.ChainedScheduler([3]),
            "ChainedScheduler: expected schedules without a metric, got",
        ),
        (
            lambda: optim.ChainedScheduler([step], optimizer=other),
            "ChainedScheduler: expected schedules of the same optimizer, got one of another",
        ),
        (
            lambda: optim.SequentialLR(rule, [step, optim.StepLR(other, 2)], [1]),
            "SequentialLR: expected schedules of the same optimizer, got one of another",
        ),
        (
            lambda: optim.SequentialLR(rule, [step, cycle], [1]),
            "SequentialLR: expected schedules of one interval, or interval=..., got both",
        ),
        (
            lambda: optim.SequentialLR(rule, [step, step], [1, 2]),
            "SequentialLR: expected 1 ascending milestones, got [1, 2]",
        ),
        (
            lambda: optim.SequentialLR(rule, [step, step, step], [2, 1]),
            "SequentialLR: expected 2 ascending milestones, got [2, 1]",
        ),
        (
            lambda: optim.SequentialLR(rule, [step, step], [-1]),
            "SequentialLR: expected milestones to be a whole number of at least 0, got -1",
        ),
    ]:
        with pytest.raises(ValueError) as error:  # noqa: PT011
            make()
        assert str(error.value).startswith(message)
    assert optim.SequentialLR(rule, [step, cycle], [1], interval="step").interval == "step"
    assert optim.ChainedScheduler([cycle]).interval == "step"
    state = optim.ChainedScheduler([step]).state_dict()
    state["schedulers"][0].pop("base_lrs")
    with pytest.raises(ValueError, match=r"^StepLR: expected a state with \['last_epoch', 'base_lrs'\]"):
        optim.ChainedScheduler([step]).load_state_dict(state)


@settings(max_examples=draws(100), deadline=None)
@given(
    times=st.lists(st.none() | st.floats(0, 40), min_size=1, max_size=12),
    first=st.integers(1, 9),
    factor=st.integers(1, 3),
)
def test_warm_restarts_at_any_time_equal_torch(times: list[float | None], first: int, factor: int) -> None:
    rule = optimizer()
    theirs = torch.optim.SGD([{"params": torch.ones(1), **group} for group in GROUPS])
    ours = optim.CosineAnnealingWarmRestarts(rule, first, factor, eta_min=0.01)
    other = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(theirs, first, factor, eta_min=0.01)
    theirs.step()
    for time in times:
        ours.step(time)
        other.step(time)
        if not 0 <= other.T_cur < other.T_i:  # where its logarithm of the number of rounds has been rounded
            return
        assert ours.last_epoch == other.last_epoch
        assert ours.get_last_lr() == pytest.approx(other.get_last_lr(), rel=1e-9)
    with pytest.raises(ValueError, match=r"^CosineAnnealingWarmRestarts: expected epoch to be"):
        ours.step(-1)


def test_swalr_goes_on_from_where_another_schedule_has_come_to() -> None:
    rates: list[list[float]] = []
    for library in (optim, torch.optim):
        parameter = Parameter(torch.ones(1)) if library is optim else torch.ones(1, requires_grad=True)
        rule = library.SGD([parameter], lr=0.1)
        schedules = optim if library is optim else torch.optim.lr_scheduler
        falling = schedules.ExponentialLR(rule, 0.5)
        constant = (optim.SWALR if library is optim else of_torch("SWALR"))(rule, 0.05, anneal_epochs=4)
        rates.append([])
        for t in range(10):
            rule.step()
            (falling if t < 3 else constant).step()
            rates[-1].append(rule.param_groups[0]["lr"])
    assert rates[0] == pytest.approx(rates[1], rel=1e-12)
