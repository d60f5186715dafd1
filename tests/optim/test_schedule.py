"""Every schedule equals its counterpart in torch.optim.lr_scheduler."""

from __future__ import annotations

import copy
import inspect
import math
import re
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from effort import draws
from optim.rules import NAMES, WITHOUT_MOMENTUM, Pair
from plaingrad import Parameter, optim

STEPS = 60
SCHEDULES = [
    "StepLR",
    "MultiStepLR",
    "ConstantLR",
    "ExponentialLR",
    "LinearLR",
    "PolynomialLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "LambdaLR",
    "MultiplicativeLR",
    "ReduceLROnPlateau",
    "OneCycleLR",
    "CyclicLR",
    "SWALR",
]
CYCLES = ["OneCycleLR", "CyclicLR"]
every_schedule = pytest.mark.parametrize("name", SCHEDULES)
examples = settings(max_examples=draws(40), deadline=None)
seeds = st.integers(0, 2**32 - 1)

counts = st.integers(1, 70)
factors = st.floats(0.1, 1.2)
fractions = st.floats(0.1, 0.99)
each_group = st.tuples(st.floats(1e-3, 0.99), st.floats(1e-3, 0.99)).map(list)
cycle_options = {
    "pct_start": st.floats(0, 1) | st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0]),
    "anneal_strategy": st.sampled_from(["cos", "linear"]),
    "cycle_momentum": st.booleans(),
    "base_momentum": fractions | each_group,
    "max_momentum": fractions | each_group,
    "div_factor": st.floats(1, 100),
    "final_div_factor": st.floats(1, 1e5),
    "three_phase": st.booleans(),
}
max_lr = st.floats(0.01, 10) | each_group


class Power:
    """A function of the number of steps, whose drawn number shows."""

    def __init__(self, base: float, every: int) -> None:
        self.base, self.every = base, every

    def __call__(self, t: float) -> float:
        return self.base ** (t % self.every)

    def __repr__(self) -> str:
        return f"Power({self.base}, {self.every})"


functions = st.builds(Power, st.floats(0.5, 1.2), st.integers(1, 70))
some_or_each = functions | st.tuples(functions, functions).map(list)


def phases_have_length(cycle: dict[str, Any]) -> bool:
    """Whether torch, which divides by the lengths, can compute this cycle."""
    steps = cycle.get("total_steps") or cycle["epochs"] * cycle["steps_per_epoch"]
    return cycle.get("pct_start", 0.3) * steps not in (1, steps, (steps + 1) / 2)


arguments: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "StepLR": st.fixed_dictionaries({"step_size": counts}, optional={"gamma": factors}),
    "MultiStepLR": st.fixed_dictionaries(
        {"milestones": st.lists(st.integers(0, STEPS), max_size=5)}, optional={"gamma": factors}
    ),
    "ConstantLR": st.fixed_dictionaries({}, optional={"factor": st.floats(0.01, 1), "total_iters": counts}),
    "PolynomialLR": st.fixed_dictionaries(
        {}, optional={"total_iters": counts, "power": st.floats(0, 3) | st.sampled_from([0.0, 1.0, 2.0])}
    ),
    "CosineAnnealingWarmRestarts": st.fixed_dictionaries(
        {"T_0": st.integers(1, 30)}, optional={"T_mult": st.integers(1, 3), "eta_min": st.floats(0, 0.2)}
    ),
    "LambdaLR": st.fixed_dictionaries({"lr_lambda": some_or_each}),
    "MultiplicativeLR": st.fixed_dictionaries({"lr_lambda": some_or_each}),
    "SWALR": st.fixed_dictionaries(
        {"swa_lr": st.floats(0, 0.2) | each_group},
        optional={"anneal_epochs": st.integers(0, 70), "anneal_strategy": st.sampled_from(["cos", "linear"])},
    ),
    "CyclicLR": st.fixed_dictionaries(
        {"base_lr": st.floats(1e-3, 0.1) | each_group, "max_lr": st.floats(1e-3, 1) | each_group},
        optional={
            "step_size_up": st.integers(1, 40),
            "step_size_down": st.none() | st.integers(0, 40),
            "mode": st.sampled_from(["triangular", "triangular2", "exp_range"]),
            "gamma": factors,
            "scale_fn": st.none() | functions,
            "scale_mode": st.sampled_from(["cycle", "iterations"]),
            "cycle_momentum": st.booleans(),
            "base_momentum": fractions | each_group,
            "max_momentum": fractions | each_group,
        },
    ),
    "ExponentialLR": st.fixed_dictionaries({"gamma": factors}),
    "LinearLR": st.fixed_dictionaries(
        {},
        optional={"start_factor": st.floats(0.01, 1), "end_factor": st.floats(0, 1), "total_iters": counts},
    ),
    "CosineAnnealingLR": st.fixed_dictionaries({"T_max": counts}, optional={"eta_min": st.floats(0, 0.2)}),
    "ReduceLROnPlateau": st.fixed_dictionaries(
        {},
        optional={
            "mode": st.sampled_from(["min", "max"]),
            "factor": st.floats(0.1, 0.9),
            "patience": st.integers(0, 4),
            "threshold": st.sampled_from([0.0, 1e-4, 0.1]),
            "threshold_mode": st.sampled_from(["rel", "abs"]),
            "cooldown": st.integers(0, 3),
            "min_lr": st.floats(0, 0.1) | each_group,
            "eps": st.sampled_from([0.0, 1e-8, 1e-2]),
        },
    ),
    "OneCycleLR": st.one_of(
        st.fixed_dictionaries({"max_lr": max_lr, "total_steps": st.integers(1, 90)}, optional=cycle_options),
        st.fixed_dictionaries(
            {"max_lr": max_lr, "epochs": st.integers(1, 8), "steps_per_epoch": st.integers(1, 9)},
            optional=cycle_options,
        ),
    ).filter(phases_have_length),
}

GROUPS = [{"lr": 0.1}, {"lr": 0.03}]


def of_torch(name: str) -> Any:
    """The class of this name in torch."""
    return torch.optim.swa_utils.SWALR if name == "SWALR" else getattr(torch.optim.lr_scheduler, name)


class Scheduled:
    """An optimizer with a schedule beside its counterpart in torch."""

    def __init__(self, rule: str, name: str, given: dict[str, Any], seed: int = 0) -> None:
        self.pair = Pair(rule, {}, GROUPS, seed)
        self.generator = torch.Generator().manual_seed(seed)
        self.plateau = name == "ReduceLROnPlateau"
        self.ours = getattr(optim, name)(self.pair.ours, **given)
        self.theirs = of_torch(name)(self.pair.theirs, **given)
        self.steps = min(STEPS, self.ours.total_steps) if name == "OneCycleLR" else STEPS

    def step(self) -> None:
        """One step of both schedules; a metric now improves, now does not, and is sometimes NaN."""
        if self.plateau:
            # Below 0, torch has another idea of "better".
            self.metric = torch.randn((), generator=self.generator, dtype=torch.float64).abs()
            if self.metric > 2:
                self.metric *= math.nan
            self.ours.step(self.metric)
            self.theirs.step(self.metric)
        else:
            self.ours.step()
            self.theirs.step()

    def assert_equal(self) -> None:
        assert self.ours.get_last_lr() == [group["lr"] for group in self.pair.ours.param_groups]
        for ours, theirs, start in zip(self.pair.ours.param_groups, self.pair.theirs.param_groups, GROUPS):
            # Where torch's recursion ends at 0, it leaves the rounding errors of where it began.
            scale = theirs.get("max_lr", start["lr"])
            if isinstance(self.ours, optim.CyclicLR):  # whose position is a difference in torch
                scale = 1e3 * (max(self.ours.max_lrs) + max(self.ours.base_lrs))
            assert math.isclose(ours["lr"], theirs["lr"], rel_tol=1e-12, abs_tol=1e-15 * scale)
            for name in ("momentum", "betas"):
                found, wanted = ours.get(name, 0), theirs.get(name, 0)
                torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-14)


@every_schedule
def test_arguments_and_defaults_are_those_of_torch(name: str) -> None:
    found = list(inspect.signature(getattr(optim, name)).parameters.values())
    wanted = inspect.signature(of_torch(name)).parameters.values()
    assert [(p.name, p.default, p.kind) for p in found[:-1]] == [(p.name, p.default, p.kind) for p in wanted]
    default = "step" if name in CYCLES else "epoch"
    assert (found[-1].name, found[-1].default) == ("interval", default)
    assert found[-1].kind is inspect.Parameter.KEYWORD_ONLY


@every_schedule
@examples
@given(data=st.data(), rule=st.sampled_from(["SGD", "Adam"]), seed=seeds)
def test_sixty_steps_equal_torch(name: str, data: st.DataObject, rule: str, seed: int) -> None:
    both = Scheduled(rule, name, data.draw(arguments[name], label="arguments"), seed)
    both.assert_equal()
    both.pair.theirs.step()  # torch warns of schedules that step before the optimizer does
    for _ in range(both.steps):
        both.step()
        both.assert_equal()


@pytest.mark.parametrize("rule", NAMES)
@settings(max_examples=draws(15), deadline=None)
@given(data=st.data(), name=st.sampled_from(SCHEDULES), seed=seeds)
def test_fifty_scheduled_updates_equal_torch(rule: str, data: st.DataObject, name: str, seed: int) -> None:
    given = data.draw(arguments[name], label="arguments")
    if rule in WITHOUT_MOMENTUM and name in CYCLES:
        given["cycle_momentum"] = False
    both = Scheduled(rule, name, given, seed)
    for _ in range(min(50, both.steps)):
        both.pair.step()
        both.step()
    both.pair.assert_equal()


@every_schedule
@examples
@given(data=st.data(), seed=seeds)
def test_a_state_dict_continues_identically(name: str, data: st.DataObject, seed: int) -> None:
    given = data.draw(arguments[name], label="arguments")
    both = Scheduled("SGD", name, given, seed)
    half = both.steps // 2
    both.pair.theirs.step()
    for _ in range(half):
        both.step()
    other = optim.SGD([{"params": Parameter(torch.ones(1)), "lr": 1.0} for _ in GROUPS])
    resumed = getattr(optim, name)(other, **given)
    state = both.ours.state_dict()
    kept = copy.deepcopy(state)
    resumed.load_state_dict(state)
    both.ours = resumed
    both.pair.ours = other
    both.assert_equal()
    for _ in range(both.steps - half):
        both.step()
        both.assert_equal()
    assert state == kept


def optimizer(lr: float = 0.5) -> optim.SGD:
    return optim.SGD([{"params": Parameter(torch.ones(1))}, {"params": Parameter(torch.ones(1))}], lr=lr)


@every_schedule
def test_the_interval_is_for_the_training_loop_to_read(name: str) -> None:
    given: dict[str, Any] = {
        "StepLR": {"step_size": 2},
        "ExponentialLR": {"gamma": 0.5},
        "CosineAnnealingLR": {"T_max": 3},
        "OneCycleLR": {"max_lr": 1.0, "total_steps": 3},
        "CyclicLR": {"base_lr": 0.1, "max_lr": 1.0},
        "MultiStepLR": {"milestones": [2]},
        "CosineAnnealingWarmRestarts": {"T_0": 3},
        "LambdaLR": {"lr_lambda": lambda t: 1 / (t + 1)},
        "MultiplicativeLR": {"lr_lambda": lambda t: 0.5},
        "SWALR": {"swa_lr": 0.1},
    }.get(name, {})
    make = getattr(optim, name)
    assert make.needs_metric == (name == "ReduceLROnPlateau")
    assert make(optimizer(), **given).interval == ("step" if name in CYCLES else "epoch")
    assert make(optimizer(), **given, interval="step").interval == "step"
    with pytest.raises(ValueError, match=f"^{name}: expected interval to be 'epoch' or 'step', got 'batch'$"):
        make(optimizer(), **given, interval="batch")


@pytest.mark.parametrize("anneal_strategy", ["cos", "linear"])
@pytest.mark.parametrize(("total_steps", "pct_start"), [(10, 0.1), (10, 1.0), (1, 1.0), (9, 5 / 9), (1, 0.0)])
@pytest.mark.parametrize("three_phase", [True, False])
def test_a_phase_of_no_length_is_passed_at_once(
    anneal_strategy: str, total_steps: int, pct_start: float, three_phase: bool
) -> None:
    schedule = optim.OneCycleLR(
        optimizer(),
        max_lr=1.0,
        total_steps=total_steps,
        pct_start=pct_start,
        anneal_strategy=anneal_strategy,
        three_phase=three_phase,
    )
    for _ in range(total_steps - 1):
        assert all(0 < lr <= 1 for lr in schedule.get_last_lr())
        schedule.step()
    assert all(0 < lr <= 1 for lr in schedule.get_last_lr())
    schedule.step()


def test_one_cycle_ends() -> None:
    schedule = optim.OneCycleLR(optimizer(), max_lr=1.0, total_steps=2)
    schedule.step()
    schedule.step()
    with pytest.raises(ValueError, match=r"^OneCycleLR: expected at most 2 steps, got another one$"):
        schedule.step()
    assert schedule.last_epoch == 2


def test_a_plateau_reduces_what_others_have_set() -> None:
    rule = optimizer()
    schedule = optim.ReduceLROnPlateau(rule, factor=0.5, patience=0)
    schedule.step(1.0)
    rule.param_groups[1]["lr"] = 8.0
    schedule.step(1.0)
    assert schedule.get_last_lr() == [0.25, 4.0]


@pytest.mark.parametrize(("name", "given"), [("StepLR", {"step_size": 2}), ("ReduceLROnPlateau", {})])
def test_a_state_dict_is_independent_on_the_way_out_and_in(name: str, given: dict[str, Any]) -> None:
    schedule = getattr(optim, name)(optimizer(), **given)
    state = schedule.state_dict()
    for value in state.values():
        if isinstance(value, list):
            value[0] = 7.0
    assert state != schedule.state_dict()
    schedule.load_state_dict(state)
    kept = schedule.state_dict()
    for value in state.values():
        if isinstance(value, list):
            value[0] = 9.0
    assert schedule.state_dict() == kept
    assert schedule.get_last_lr()[0] == 7.0


def test_a_copy_of_a_schedule_steers_the_copy_of_the_optimizer() -> None:
    schedule = optim.ExponentialLR(optimizer(), 0.5)
    copied = copy.deepcopy(schedule)
    copied.step()
    assert copied.optimizer.param_groups[0]["lr"] == 0.25
    assert schedule.get_last_lr() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"last_epoch": 1}, "expected a state with ['last_epoch', 'base_lrs'], got ['last_epoch']"),
        ({"last_epoch": 1, "base_lrs": [0.1]}, "expected base_lrs for 2 groups, got [0.1]"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(state: dict[str, Any], message: str) -> None:
    schedule = optim.StepLR(optimizer(), 2)
    with pytest.raises(ValueError, match=f"^{re.escape(f'StepLR: {message}')}$"):
        schedule.load_state_dict(state)
    assert schedule.last_epoch == 0


COUNT = "a whole number of at least 1"
OR = "or given as epochs and steps_per_epoch"
COUNT_OR_0 = "a whole number of at least 0"
EACH = f"{COUNT_OR_0} each"
FUNCTION = "a function of the number of steps"


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("StepLR", {"step_size": 0}, f"step_size to be {COUNT}, got 0"),
        ("StepLR", {"step_size": 2.5}, f"step_size to be {COUNT}, got 2.5"),
        ("StepLR", {"step_size": 1, "gamma": -1}, "gamma to be a finite number of at least 0, got -1"),
        ("ExponentialLR", {"gamma": math.nan}, "gamma to be a finite number of at least 0, got nan"),
        ("LinearLR", {"start_factor": 0}, "start_factor to be a number in (0, 1], got 0"),
        ("LinearLR", {"end_factor": 2}, "end_factor to be a number in [0, 1], got 2"),
        ("LinearLR", {"total_iters": 0}, f"total_iters to be {COUNT}, got 0"),
        ("CosineAnnealingLR", {"T_max": 0}, f"T_max to be {COUNT}, got 0"),
        (
            "CosineAnnealingLR",
            {"T_max": 1, "eta_min": -1},
            "eta_min to be a finite number of at least 0, got -1",
        ),
        ("MultiStepLR", {"milestones": [3, -1]}, f"milestones to be {EACH}, got [3, -1]"),
        ("ConstantLR", {"factor": 2}, "factor to be a number in [0, 1], got 2"),
        ("ConstantLR", {"total_iters": 0}, f"total_iters to be {COUNT}, got 0"),
        ("PolynomialLR", {"power": -1}, "power to be a finite number of at least 0, got -1"),
        ("CosineAnnealingWarmRestarts", {"T_0": 0}, f"T_0 to be {COUNT}, got 0"),
        ("CosineAnnealingWarmRestarts", {"T_0": 1, "T_mult": 0.5}, f"T_mult to be {COUNT}, got 0.5"),
        ("LambdaLR", {"lr_lambda": 3}, "lr_lambda to be a function of the number of steps, got 3"),
        ("LambdaLR", {"lr_lambda": [abs]}, "lr_lambda for 2 parameter groups, got [<built-in function abs>]"),
        ("MultiplicativeLR", {"lr_lambda": None}, f"lr_lambda to be {FUNCTION}, got None"),
        ("SWALR", {"swa_lr": -1}, "swa_lr to be a finite number of at least 0, got -1"),
        ("SWALR", {"swa_lr": 1, "anneal_epochs": -1}, f"anneal_epochs to be {COUNT_OR_0}, got -1"),
        ("SWALR", {"swa_lr": 1, "anneal_strategy": "x"}, "anneal_strategy to be 'cos' or 'linear', got 'x'"),
        ("CyclicLR", {"base_lr": [1], "max_lr": 1}, "base_lr for 2 parameter groups, got [1]"),
        ("CyclicLR", {"base_lr": 1, "max_lr": -1}, "max_lr to be a finite number of at least 0, got -1"),
        (
            "CyclicLR",
            {"base_lr": 1, "max_lr": 1, "step_size_up": 0},
            "step_size_up to be a finite number above 0, got 0",
        ),
        (
            "CyclicLR",
            {"base_lr": 1, "max_lr": 1, "mode": "square"},
            "mode to be 'triangular' or 'triangular2' or 'exp_range', got 'square'",
        ),
        ("CyclicLR", {"base_lr": 1, "max_lr": 1, "scale_fn": 1}, "scale_fn to be a function or None, got 1"),
        ("ReduceLROnPlateau", {"mode": "up"}, "mode to be 'min' or 'max', got 'up'"),
        ("ReduceLROnPlateau", {"factor": 1.0}, "factor to be a number in [0, 1), got 1.0"),
        ("ReduceLROnPlateau", {"patience": -1}, "patience to be a whole number of at least 0, got -1"),
        ("ReduceLROnPlateau", {"threshold": -1}, "threshold to be a finite number of at least 0, got -1"),
        ("ReduceLROnPlateau", {"threshold_mode": "x"}, "threshold_mode to be 'rel' or 'abs', got 'x'"),
        ("ReduceLROnPlateau", {"cooldown": -1}, "cooldown to be a whole number of at least 0, got -1"),
        ("ReduceLROnPlateau", {"min_lr": -1}, "min_lr to be a finite number of at least 0, got -1"),
        ("ReduceLROnPlateau", {"min_lr": [1]}, "min_lr for 2 parameter groups, got [1]"),
        ("ReduceLROnPlateau", {"eps": -1}, "eps to be a finite number of at least 0, got -1"),
        ("OneCycleLR", {"max_lr": 0, "total_steps": 1}, "max_lr to be a finite number above 0, got 0"),
        ("OneCycleLR", {"max_lr": 1, "total_steps": 0}, f"total_steps to be {COUNT}, {OR}, got 0"),
        ("OneCycleLR", {"max_lr": 1}, f"total_steps to be {COUNT}, {OR}, got 0"),
        ("OneCycleLR", {"max_lr": 1, "epochs": 2}, f"total_steps to be {COUNT}, {OR}, got 0"),
        (
            "OneCycleLR",
            {"max_lr": 1, "total_steps": 9, "pct_start": 2},
            "pct_start to be a number in [0, 1], got 2",
        ),
        (
            "OneCycleLR",
            {"max_lr": 1, "total_steps": 9, "anneal_strategy": "x"},
            "anneal_strategy to be 'cos' or 'linear', got 'x'",
        ),
        (
            "OneCycleLR",
            {"max_lr": 1, "total_steps": 9, "base_momentum": 1},
            "base_momentum to be a number in [0, 1), got 1",
        ),
        (
            "OneCycleLR",
            {"max_lr": 1, "total_steps": 9, "div_factor": 0},
            "div_factor to be a finite number above 0, got 0",
        ),
    ],
)
def test_arguments_out_of_range_are_refused(name: str, given: dict[str, Any], expected: str) -> None:
    rule = optimizer()
    with pytest.raises(ValueError, match=f"^{re.escape(f'{name}: expected {expected}')}$"):
        getattr(optim, name)(rule, **given)
    assert rule.param_groups[0]["lr"] == 0.5


def test_optimizers_that_cannot_be_steered_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^StepLR: expected an Optimizer, got 3$"):
        optim.StepLR(3, 2)  # type: ignore[arg-type]
    message = (
        r"^OneCycleLR: expected an optimizer with momentum or betas, or cycle_momentum=False, got Adagrad$"
    )
    with pytest.raises(ValueError, match=message):
        optim.OneCycleLR(optim.Adagrad([Parameter(torch.ones(1))]), max_lr=1.0, total_steps=2)
    with pytest.raises(ValueError, match=r"^CyclicLR: expected an optimizer with momentum or betas"):
        optim.CyclicLR(optim.ASGD([Parameter(torch.ones(1))]), base_lr=0.1, max_lr=1.0)


@pytest.mark.parametrize("name", [name for name in SCHEDULES if name != "ReduceLROnPlateau"])
@settings(max_examples=draws(20), deadline=None)
@given(data=st.data(), before=st.integers(1, 20))
def test_a_schedule_goes_on_from_the_initial_rates_of_the_groups(
    name: str, data: st.DataObject, before: int
) -> None:
    options = data.draw(arguments[name], label="arguments")
    if name in CYCLES:
        options["cycle_momentum"] = False
    whole = Scheduled("SGD", name, options)
    before = min(before, whole.steps)
    for _ in range(before):
        whole.ours.step()
    state = whole.pair.ours.state_dict()
    optimizer = optim.SGD([{"params": Parameter(torch.ones(2))}, {"params": Parameter(torch.ones(2))}])
    for group, saved in zip(optimizer.param_groups, state["param_groups"]):
        group.update(lr=saved["lr"], initial_lr=saved["initial_lr"])
    resumed = getattr(optim, name)(optimizer, **options, last_epoch=before - 1)
    assert resumed.last_epoch == before
    assert resumed.get_last_lr() == whole.ours.get_last_lr()


def test_without_an_initial_rate_no_schedule_goes_on() -> None:
    optimizer = optim.SGD([Parameter(torch.ones(1))])
    expected = re.escape("StepLR: expected 'initial_lr' in param_groups[0] to go on from, got none")
    with pytest.raises(ValueError, match=f"^{expected}$"):
        optim.StepLR(optimizer, 2, last_epoch=3)
    with pytest.raises(
        ValueError, match=r"expected last_epoch to be -1 or a whole number of at least 0, got -2$"
    ):
        optim.StepLR(optimizer, 2, last_epoch=-2)


def test_the_initial_rate_travels_with_the_optimizers_state() -> None:
    optimizer, other = (optim.SGD([Parameter(torch.ones(1))], lr=0.5) for _ in range(2))
    optim.ExponentialLR(optimizer, 0.5).step()
    other.load_state_dict(optimizer.state_dict())
    assert optim.ExponentialLR(other, 0.5, last_epoch=1).get_last_lr() == [0.125]


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("metric", [-3.0, 0.0, 3.0])
def test_a_metric_that_stays_the_same_reduces_the_rate(mode: str, metric: float) -> None:
    optimizer = optim.SGD([Parameter(torch.ones(1))], lr=1.0)
    schedule = optim.ReduceLROnPlateau(optimizer, mode, factor=0.5, patience=2, threshold=0.1)
    rates = []
    for _ in range(4):
        schedule.step(metric)
        rates += schedule.get_last_lr()
    assert rates == [1.0, 1.0, 1.0, 0.5]


@pytest.mark.parametrize(
    ("mode", "metric", "better"),
    [("min", -3.2, False), ("min", -3.4, True), ("max", -2.8, False), ("max", -2.6, True)],
)
def test_a_negative_metric_is_better_by_a_share_of_its_size(mode: str, metric: float, better: bool) -> None:
    schedule = optim.ReduceLROnPlateau(optim.SGD([Parameter(torch.ones(1))]), mode, threshold=0.1)
    schedule.step(-3.0)
    assert schedule.is_better(metric) == better


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("StepLR", {"step_size": 1, "gamma": 0.5}),
        ("ExponentialLR", {"gamma": 0.9}),
        ("CosineAnnealingLR", {"T_max": 10}),
        ("LinearLR", {"start_factor": 0.5, "total_iters": 4}),
        ("MultiStepLR", {"milestones": [1, 3]}),
        ("ConstantLR", {"total_iters": 2}),
        ("PolynomialLR", {"total_iters": 9, "power": 2.0}),
        ("LambdaLR", {"lr_lambda": lambda t: 1 / (t + 2)}),
        ("MultiplicativeLR", {"lr_lambda": lambda t: 1 / (t + 2)}),
        ("CosineAnnealingWarmRestarts", {"T_0": 3}),
        ("SWALR", {"swa_lr": 0.01, "anneal_epochs": 3}),
    ],
)
def test_a_second_schedule_begins_with_the_rate_as_it_is_now_as_in_torch(
    name: str, arguments: dict[str, Any]
) -> None:
    rates, initial = [], []
    for library, schedules in ((optim, optim), (torch.optim, torch.optim.lr_scheduler)):
        parameter = Parameter(torch.ones(1)) if library is optim else torch.ones(1, requires_grad=True)
        optimizer = library.SGD([parameter], lr=0.1)
        first = schedules.ExponentialLR(optimizer, 0.5)
        for _ in range(2):
            optimizer.step()
            first.step()
        optimizer.param_groups[0]["lr"] = 0.3
        second = (getattr(optim, name) if library is optim else of_torch(name))(optimizer, **arguments)
        rates.append([])
        for _ in range(5):
            rates[-1].append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            second.step()
        initial.append(optimizer.param_groups[0]["initial_lr"])
    assert rates[0] == pytest.approx(rates[1], rel=1e-12)
    assert initial == [0.1, 0.1]
