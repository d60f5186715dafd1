"""An optimizer's state moves to torch.optim and back, and training goes on as if it had not."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch

from optim.rules import Pair, without_unknown
from plaingrad import Parameter, optim
from plaingrad.interop import load_torch_optimizer_state, to_torch_optimizer_state

RULES: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"lr": 0.05}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "dampening": 0.1, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    ("Adam", {"lr": 0.05, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.05, "amsgrad": True, "maximize": True}),
    ("Adam", {"lr": 0.05, "decoupled_weight_decay": True, "weight_decay": 0.1}),
    ("AdamW", {"lr": 0.05}),
    ("AdamW", {"lr": 0.05, "amsgrad": True}),
    ("RMSprop", {"lr": 0.05}),
    ("RMSprop", {"lr": 0.05, "momentum": 0.5}),
    ("RMSprop", {"lr": 0.05, "centered": True}),
    ("RMSprop", {"lr": 0.05, "momentum": 0.5, "centered": True}),
    ("Adagrad", {"lr": 0.05, "lr_decay": 0.1, "initial_accumulator_value": 0.2}),
    ("Adamax", {"lr": 0.05, "weight_decay": 0.1}),
    ("NAdam", {"lr": 0.05}),
    ("NAdam", {"lr": 0.05, "decoupled_weight_decay": True, "weight_decay": 0.1, "maximize": True}),
    ("RAdam", {"lr": 0.05, "betas": (0.9, 0.8)}),
    ("Adadelta", {"lr": 0.5, "weight_decay": 0.1}),
    ("Rprop", {"lr": 0.05}),
    ("ASGD", {"lr": 0.05, "lambd": 0.1, "t0": 2}),
    ("Adafactor", {"lr": 0.05, "weight_decay": 0.1}),
    ("Muon", {"lr": 0.05}),
]
every_rule = pytest.mark.parametrize(("name", "options"), RULES)
groupings = pytest.mark.parametrize("groups", [None, [{}, {"lr": 0.01, "weight_decay": 0.2}]])
FROZEN = [1, 3]


def options_of(name: str, groups: list[dict[str, Any]] | None) -> list[dict[str, Any]] | None:
    return groups and [without_unknown(name, group) for group in groups]


def train(pair: Pair, steps: int, sides: tuple[str, ...] = ("ours", "theirs")) -> None:
    """Steps of one or both; before the second, two parameters are frozen for one step."""
    for step in range(steps):
        pair.step(frozen=FROZEN if step == 1 else [], sides=sides)


@every_rule
@groupings
def test_three_steps_here_and_three_in_torch(
    name: str, options: dict[str, Any], groups: list[dict[str, Any]] | None
) -> None:
    groups = options_of(name, groups)
    whole, half = Pair(name, options, groups), Pair(name, options, groups)
    train(whole, 6)
    train(half, 3, sides=("ours",))
    with torch.no_grad():
        for parameter, tensor in zip(half.parameters, half.tensors):
            tensor.copy_(parameter.value)
    fresh = getattr(torch.optim, name)(half.theirs.param_groups, lr=1.0)
    fresh.load_state_dict(to_torch_optimizer_state(half.ours))
    half.theirs = fresh
    for _ in range(3):
        half.step(sides=("theirs",))
    for tensor, expected in zip(half.tensors, whole.tensors):
        torch.testing.assert_close(tensor, expected, rtol=1e-10, atol=1e-10)


@every_rule
@groupings
def test_three_steps_in_torch_and_three_here(
    name: str, options: dict[str, Any], groups: list[dict[str, Any]] | None
) -> None:
    groups = options_of(name, groups)
    whole, half = Pair(name, options, groups), Pair(name, options, groups)
    train(whole, 6)
    train(half, 3, sides=("theirs",))
    for parameter, tensor in zip(half.parameters, half.tensors):
        parameter.value = tensor
    load_torch_optimizer_state(half.ours, half.theirs.state_dict())
    for _ in range(3):
        half.step(sides=("ours",))
    for parameter, expected in zip(half.parameters, whole.parameters):
        torch.testing.assert_close(parameter.value, expected.value, rtol=1e-10, atol=1e-10)


def test_a_step_of_lbfgs_here_and_one_in_torch_and_one_here() -> None:
    def closure(variables: list[Any], values: list[torch.Tensor]) -> Callable[[], float]:
        def evaluate() -> float:
            for variable, value in zip(variables, values):
                variable.grad = 4 * value.detach() ** 3
            return sum((value.detach() ** 4).sum().item() for value in values)

        return evaluate

    def here(rule: optim.LBFGS, parameters: list[Parameter]) -> float:
        return rule.step(closure(parameters, [parameter.value for parameter in parameters]))

    starts = [torch.tensor([1.0, -2.0]).double(), torch.tensor([[3.0]]).double()]
    options: dict[str, Any] = {"max_iter": 3, "line_search_fn": "strong_wolfe"}
    alone, parameters = ([Parameter(start.clone()) for start in starts] for _ in range(2))
    whole, ours = optim.LBFGS(alone, **options), optim.LBFGS(parameters, **options)
    here(ours, parameters)
    tensors = [parameter.value.clone().requires_grad_() for parameter in parameters]
    theirs = torch.optim.LBFGS(tensors)
    theirs.load_state_dict(to_torch_optimizer_state(ours))
    theirs.step(closure(tensors, tensors))
    for parameter, tensor in zip(parameters, tensors):
        parameter.value = tensor
    load_torch_optimizer_state(ours, theirs.state_dict())
    found = here(ours, parameters)
    assert [here(whole, alone) for _ in range(3)][-1] == pytest.approx(found, rel=1e-10)
    for parameter, other in zip(parameters, alone):
        torch.testing.assert_close(parameter.value, other.value, rtol=1e-10, atol=1e-10)
    assert next(iter(ours.state.values()))["func_evals"] == next(iter(whole.state.values()))["func_evals"]


def test_a_number_that_is_missing_is_refused() -> None:
    state = stepped("NAdam", (2,))
    del state["state"][0]["mu_product"]
    with pytest.raises(ValueError, match=r"expected a mu_product beside exp_avg and exp_avg_sq, got none$"):
        load_torch_optimizer_state(optim.NAdam([Parameter(torch.zeros(2))]), state)


def test_a_factor_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected 'row_var' of shape \(3, 2\), got \(2, 1\)$"):
        load_torch_optimizer_state(
            optim.Adafactor([Parameter(torch.zeros(3, 2))]), stepped("Adafactor", (2, 3))
        )


def test_what_torch_has_not_is_refused() -> None:
    with pytest.raises(ValueError, match=r"got Adam with epsilon_hat$"):
        to_torch_optimizer_state(optim.Adam([Parameter(torch.ones(1))], epsilon_hat=True))


def test_another_number_of_groups_is_refused() -> None:
    theirs = torch.optim.SGD([{"params": torch.ones(1)}, {"params": torch.ones(1)}])
    with pytest.raises(ValueError, match=r"expected 1 parameter groups, got 2$"):
        load_torch_optimizer_state(optim.SGD([Parameter(torch.ones(1))]), theirs.state_dict())


def stepped(name: str, *shapes: tuple[int, ...], **options: Any) -> dict[str, Any]:
    """The state of torch's rule of this name after a step."""
    tensors = [torch.zeros(shape, requires_grad=True) for shape in shapes]
    rule = getattr(torch.optim, name)(tensors, lr=0.1, **options)
    for tensor in tensors:
        tensor.grad = torch.ones_like(tensor)
    rule.step()
    return rule.state_dict()


@pytest.mark.parametrize(
    ("state", "problem"),
    [
        ({}, "expected a state dict of torch.optim with 'state' and 'param_groups', got []"),
        (stepped("Adam", (3, 2), (2,), amsgrad=False)["param_groups"], "got list"),
        (stepped("SGD", (3, 2), (2,), momentum=0.9), "with betas, eps, amsgrad"),
        (stepped("RMSprop", (3, 2), (2,)), "with betas, amsgrad"),
        (stepped("Adam", (3, 2)), "a group of 2 parameters with their options, as of Adam, got 1"),
        (stepped("Adam", (2, 3), (2,)), "of shape (3, 2), got exp_avg of shape (2, 3)"),
        (stepped("Adam", (3, 2), (2, 1)), "of shape (2,), got exp_avg of shape (2, 1)"),
        (stepped("Adamax", (3, 2), (2,)), "with amsgrad, decoupled_weight_decay"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(state: Any, problem: str) -> None:
    optimizer = optim.Adam([Parameter(torch.zeros(3, 2)), Parameter(torch.zeros(2))], lr=0.5)
    before = optimizer.state_dict()
    with pytest.raises(ValueError, match=re.escape(problem)):
        load_torch_optimizer_state(optimizer, state)
    assert optimizer.state_dict() == before
