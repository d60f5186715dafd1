"""Updates of the rarer rules are what ran, and those of whole matrices have a sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from plaingrad import nn, optim
from plaingrad.inspect import explain, record
from plaingrad.inspect.explain.rules import RULES as WRITTEN
from plaingrad.optim import Optimizer

RULES: dict[str, Callable[[Any], Optimizer]] = {
    "Adadelta": lambda parameters: optim.Adadelta(parameters, weight_decay=0.1),
    "Adamax": lambda parameters: optim.Adamax(parameters, 0.1),
    "NAdam": lambda parameters: optim.NAdam(parameters, 0.1),
    "NAdam, decoupled": lambda parameters: optim.NAdam(
        parameters, 0.1, weight_decay=0.1, decoupled_weight_decay=True
    ),
    "RAdam": lambda parameters: optim.RAdam(parameters, 0.1),
    "Rprop": lambda parameters: optim.Rprop(parameters, 0.1),
    "ASGD": lambda parameters: optim.ASGD(parameters, 0.1, lambd=0.1, weight_decay=0.1),
}

WITH_A_SENTENCE = [optim.Adafactor, optim.LBFGS, optim.Muon]


@pytest.mark.parametrize("rule", RULES)
def test_updates_are_what_ran_from_the_first_step_on(rule: str) -> None:
    torch.set_default_dtype(torch.float64)
    try:
        model, x, target = nn.Sequential(nn.Linear(3, 2)), torch.randn(4, 3), torch.randn(4, 2)
        optimizer, loss = RULES[rule](model.parameters()), nn.MSELoss()
        for step in range(8):  # RAdam's sixth is the first with its denominator
            for unit in range(2):
                trace = record(model, x, target, loss=loss, optimizer=optimizer)
                sections = explain(trace, "0", unit=unit).sections[-2:]
                for section in sections:
                    last = section.lines[-1]
                    assert section.title.startswith("update")
                    assert last.formula.value == pytest.approx(last.ran, rel=1e-10), (step, last.latex())
            optimizer.zero_grad()
            loss.forward(model.forward(x), target)
            model.backward(loss.backward())
            optimizer.step()
    finally:
        torch.set_default_dtype(torch.float32)


def test_every_rule_is_written_out_or_has_a_sentence() -> None:
    kinds = {kind for kind in vars(optim).values() if isinstance(kind, type) and issubclass(kind, Optimizer)}
    assert kinds - {Optimizer} == {*WRITTEN, *WITH_A_SENTENCE}


@pytest.mark.parametrize("kind", WITH_A_SENTENCE, ids=lambda kind: kind.__name__)
def test_a_rule_of_whole_matrices_has_a_sentence(kind: Any) -> None:
    model = nn.Sequential(nn.Linear(3, 2))
    weights = [model[0].weight] if kind is optim.Muon else model.parameters()
    step = record(model, torch.randn(4, 3), torch.randn(4, 2), loss=nn.MSELoss(), optimizer=kind(weights))
    note = explain(step, "0").sections[-1].note
    assert note in (
        f"The rule of {kind.__name__} is not written out. The record has the numbers before and after it.",
        "It is not updated.",
    )
