"""The judgement of an update rule: its steps beside the solution's."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from plaingrad.learn.exercise import Case
from plaingrad.learn.layers import random_tensor
from plaingrad.learn.stopping import file_of, stopping
from plaingrad.learn.verdict import EVERYTHING, Problem
from plaingrad.parameter import Parameter

STEPS = 4


def rule_problems(
    cls: type[Any], right: type[Any], case: Case, seed: int, time_limit: float
) -> list[Problem]:
    """All that is wrong with the steps of a class.

    Args:
        cls: the learner's.
        right: that of the solution.
        case: the arguments after the parameters, whose shapes are the inputs.
        seed: of values and gradients.
        time_limit: the seconds for each step.
    """
    starts = [random_tensor(text) for text in case.inputs]
    mine, expected = ([Parameter(value.clone()) for value in starts] for _ in range(2))
    with torch.no_grad():
        with stopping(case.cls, time_limit, file_of(cls)):
            rule = cls(mine, *case.args)
        reference = right(expected, *case.args)
        for step in range(1, STEPS + 1):
            for own, other in zip(mine, expected):
                own.grad.copy_(torch.randn_like(own.grad))
                other.grad.copy_(own.grad)
            with stopping(f"{case.cls}.step", time_limit, file_of(cls)):
                rule.step()
            reference.step()
            problem = _differing(case.cls, step, mine, expected)
            if problem:
                return [problem]
    return []


def _differing(name: str, step: int, mine: list[Parameter], expected: list[Parameter]) -> Problem | None:
    """The problem after a step, if there is one."""
    for own, other in zip(mine, expected):
        if not torch.equal(own.grad, other.grad):
            words = "work on a copy; the gradient belongs to the parameter"
            return Problem(
                EVERYTHING, f"{name}: step {step} changes a gradient in place", "mutates", "step", words
            )
        differs = ~torch.isclose(own.value, other.value, rtol=1e-9, atol=1e-12)
        if bool(differs.any()):
            at = tuple(differs.nonzero()[0].tolist())
            numbers = f"gives {own.value[at].item():.8g}, expected {other.value[at].item():.8g}"
            return Problem(EVERYTHING, f"{name}: value {list(at)} after step {step}: {numbers}")
    return None


def rule_outcome(
    cls: type[Any], case: Case, seed: int, outcome: dict[str, Tensor | str]
) -> dict[str, Tensor | str]:
    """All values after each step, or the error, under an empty name, added to the dictionary."""
    torch.manual_seed(seed)
    parameters = [Parameter(random_tensor(text)) for text in case.inputs]
    values = []
    try:
        with torch.no_grad():
            rule = cls(parameters, *case.args)
            for _ in range(STEPS):
                for parameter in parameters:
                    parameter.grad.copy_(torch.randn_like(parameter.grad))
                rule.step()
                values += [parameter.value.reshape(-1).clone() for parameter in parameters]
    except Exception as error:
        outcome[EVERYTHING] = f"{type(error).__name__}: {error}"
        return outcome
    outcome[EVERYTHING] = torch.cat(values)
    return outcome
