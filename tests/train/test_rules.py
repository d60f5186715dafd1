"""Every update rule trains in `fit`, and goes on from a file as if it had not stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from optim.rules import NAMES
from plaingrad import nn, optim
from plaingrad.module import Module
from plaingrad.native import cost
from plaingrad.native.lower.rules import RULES
from plaingrad.train import engine
from train.small import network, plane, run, values

RATES = {"Adagrad": 0.1, "RAdam": 0.1, "Adadelta": 5.0, "Rprop": 0.01, "LBFGS": 1.0, "Adafactor": 0.1}
every_rule = pytest.mark.parametrize("name", [*NAMES, "LBFGS"])


def rule_for(name: str, model: Module, **options: Any) -> optim.Optimizer:
    """The rule, over matrices alone if it takes no others."""
    if name == "LBFGS":
        options = {"line_search_fn": "strong_wolfe", "max_iter": 4}
    parameters = [each for each in model.parameters() if name != "Muon" or each.value.ndim == 2]
    return getattr(optim, name)(parameters, lr=RATES.get(name, 0.02), **options)


@every_rule
def test_fit_learns(name: str) -> None:
    model = network(2, 5, 1)
    size = 20 if name == "LBFGS" else 4
    rule = rule_for(name, model)
    history = run(model, plane(), optimizer=rule, epochs=20, batch_size=size, engine="eager")
    assert history.loss[-1] < 0.4 * history.loss[0]


@every_rule
def test_training_goes_on_from_a_file_bit_for_bit(name: str, tmp_path: Path) -> None:
    def trained(*, in_between: bool) -> list[Tensor]:
        model = network(2, 5, 1)
        rule = rule_for(name, model, clip_norm=2.0)
        schedule = optim.StepLR(rule, 3, 0.9, interval="step")
        for seed in range(2):
            if in_between and seed == 1:
                state = {"model": model.state_dict(), "rule": rule.state_dict()}
                torch.save({**state, "schedule": schedule.state_dict()}, tmp_path / "checkpoint.pt")
                state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
                model = network(2, 5, 1, seed=7)
                rule = rule_for(name, model)
                schedule = optim.StepLR(rule, 3, 0.9, interval="step")
                model.load_state_dict(state["model"])
                rule.load_state_dict(state["rule"])
                schedule.load_state_dict(state["schedule"])
            run(model, plane(), optimizer=rule, schedule=schedule, batch_size=10, seed=seed, engine="eager")
        return [*values(model), torch.tensor(schedule.get_last_lr())]

    for resumed, whole in zip(trained(in_between=True), trained(in_between=False), strict=True):
        assert torch.equal(resumed, whole)


@pytest.mark.parametrize("name", [name for name in (*NAMES, "LBFGS") if getattr(optim, name) not in RULES])
def test_what_the_kernels_do_not_know_runs_eagerly_and_says_so(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    engine._print_once.cache_clear()
    monkeypatch.setattr(cost, "estimate", lambda task, epochs: cost.Estimate(eager=20.0, compile=0.8))
    model, reason = network(2, 1), f"{name} is not among its update rules"
    history = run(model, plane(), optimizer=rule_for(name, model), progress=True)
    assert (history.engine, history.engine_reason) == ("eager", f"eager: {reason}")
    assert capsys.readouterr().err == f"training eagerly, not compiled: {reason}\n"
    with pytest.raises(ValueError, match=f"^engine 'native' cannot run this: {reason}$"):
        run(model, plane(), optimizer=rule_for(name, model), engine="native")


def test_lbfgs_takes_a_batch_as_often_as_a_loop_of_ones_own() -> None:
    def fitted() -> list[Tensor]:
        model = network(2, 5, 1)
        rule = optim.LBFGS(model.parameters(), line_search_fn="strong_wolfe", max_iter=4)
        run(model, plane(), optimizer=rule, epochs=3, batch_size=20, shuffle=False, engine="eager")
        return values(model)

    model, loss, (x, y) = network(2, 5, 1), nn.MSELoss(), plane()
    rule = optim.LBFGS(model.parameters(), line_search_fn="strong_wolfe", max_iter=4)

    def closure() -> Tensor:
        rule.zero_grad()
        value = loss(model(x), y)
        model.backward(loss.backward())
        return value

    for _ in range(3):
        rule.step(closure)
    for a, b in zip(fitted(), values(model)):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)
