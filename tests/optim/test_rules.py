"""Every update rule equals its counterpart in torch.optim."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from effort import draws
from optim.rules import NAMES, Pair, options, without_unknown
from plaingrad import Parameter, optim

every_rule = pytest.mark.parametrize("name", NAMES)
examples = settings(max_examples=draws(20), deadline=None)
seeds = st.integers(0, 2**32 - 1)

# What chooses torch's implementation and not the result.
IMPLEMENTATION = {"foreach", "fused", "capturable", "differentiable"}
# What torch has not.
OURS = {"clip_norm", "epsilon_hat"}


@pytest.mark.parametrize("name", [*NAMES, "LBFGS"])
def test_arguments_and_defaults_are_those_of_torch(name: str) -> None:
    found = inspect.signature(getattr(optim, name)).parameters.values()
    wanted = list(inspect.signature(getattr(torch.optim, name)).parameters.values())
    # An argument whose position in torch depends on one that is left out can only be given by name.
    by_name = next((i for i, p in enumerate(wanted) if p.name in IMPLEMENTATION), len(wanted))
    assert [(p.name, p.default, p.kind) for p in found if p.name not in OURS] == [
        (p.name, p.default, inspect.Parameter.KEYWORD_ONLY if i > by_name else p.kind)
        for i, p in enumerate(wanted)
        if p.name not in IMPLEMENTATION
    ]


@every_rule
@examples
@given(data=st.data(), seed=seeds, clip_norm=st.none() | st.floats(0.1, 10))
def test_fifty_steps_equal_torch(name: str, data: st.DataObject, seed: int, clip_norm: float | None) -> None:
    drawn = data.draw(options[name], label="options")
    groups = data.draw(st.none() | st.lists(options[name], min_size=1, max_size=3), label="groups")
    if groups is not None:
        # These torch takes or checks in the constructor's arguments alone, though a group may override them.
        drawn = {key: drawn[key] for key in drawn if key not in ("nesterov", "dampening")}
        for group in groups:
            group.pop("initial_accumulator_value", None)
    pair = Pair(name, drawn, groups, seed, clip_norm)
    for _ in range(50):
        pair.step()
    pair.assert_equal()


@every_rule
@examples
@given(data=st.data(), seed=seeds)
def test_options_may_change_between_steps(name: str, data: st.DataObject, seed: int) -> None:
    pair = Pair(name, {"lr": 0.1}, seed=seed)
    changes = data.draw(st.lists(st.tuples(st.floats(0, 0.5), st.floats(0, 0.5)), min_size=1, max_size=5))
    for lr, weight_decay in changes:
        for optimizer in (pair.ours, pair.theirs):
            changed = without_unknown(name, {"lr": lr, "weight_decay": weight_decay})
            optimizer.param_groups[0].update(changed)
        pair.step()
        pair.step()
    pair.assert_equal()


@every_rule
def test_the_gradient_is_left_alone(name: str) -> None:
    parameter = Parameter(torch.ones(1, 3))
    parameter.grad = torch.tensor([[1.0, -2.0, 3.0]])
    options = without_unknown(name, {"weight_decay": 0.1, "maximize": True})
    rule = getattr(optim, name)([parameter], **options)
    rule.step()
    rule.step()
    assert parameter.grad.tolist() == [[1.0, -2.0, 3.0]]


def test_centered_rmsprop_survives_a_variance_that_rounds_to_less_than_zero() -> None:
    parameter = Parameter(torch.zeros(1000))
    rule = optim.RMSprop([parameter], alpha=0.5, centered=True)
    parameter.grad = torch.randn(1000, generator=torch.Generator().manual_seed(0))
    for _ in range(100):
        rule.step()
    assert parameter.value.isfinite().all()


def test_a_plain_step_and_zeroing_are_one_operation_each() -> None:
    operations: list[str] = []

    class Listening(TorchDispatchMode):
        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            operations.append(function.overloadpacket.__name__)
            return function(*args, **(kwargs or {}))

    parameters = [Parameter(torch.ones(2, 3)), Parameter(torch.ones(3))]
    rule = optim.SGD(parameters, lr=0.1)
    for parameter in parameters:
        parameter.has_grad = True
    with Listening():
        rule.step()
        rule.zero_grad()
    assert operations == ["add_", "zero_"]


@pytest.mark.parametrize("rule", ["Adam", "AdamW", "Adamax", "NAdam", "RAdam", "Adadelta"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_small_eps_counts_in_half_precision_as_in_torch(rule: str, dtype: torch.dtype) -> None:
    start, grads = torch.tensor([1.0, -2.0, 0.5], dtype=dtype), torch.tensor([0.0, 1e-5, 3.0], dtype=dtype)
    ours, theirs = Parameter(start.clone()), torch.nn.Parameter(start.clone())
    steps = [getattr(module, rule)([p], eps=1e-7) for module, p in ((optim, ours), (torch.optim, theirs))]
    for _ in range(5):
        ours.grad, theirs.grad = grads, grads.clone()
        for each in steps:
            each.step()
    assert ours.value.isfinite().all()
    torch.testing.assert_close(ours.value, theirs.detach())
