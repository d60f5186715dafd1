"""Runs that begin eagerly and show that compiling pays."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from plaingrad import nn, optim
from plaingrad.train import History, measured
from plaingrad.train.callbacks import Callback
from train.small import network, plane, run


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock on which every epoch takes five seconds."""
    clock = itertools.count(0, 5)
    monkeypatch.setattr(measured, "time", SimpleNamespace(perf_counter=lambda: next(clock)))


def trained(engine: Any, **options: Any) -> tuple[nn.Sequential, History]:
    model = network(2, 17, 5, 1)
    model = nn.Sequential(*model, nn.Dropout(0.2))
    rule = optim.Adam(model.parameters(), lr=0.01, amsgrad=True)
    schedule = optim.StepLR(rule, 7, interval="step")
    options = {"epochs": 6, "optimizer": rule, "schedule": schedule, "engine": engine} | options
    return model, run(model, plane(), **options)


@pytest.mark.usefixtures("slow")
def test_a_run_that_takes_long_goes_on_compiled() -> None:
    model, history = trained("auto")
    assert history.engine == "eager and native"
    assert history.engine_reason.startswith("native from epoch 2 on: saves about 25 s for a compile of")
    expected, eager = trained("eager")
    assert history.loss == pytest.approx(eager.loss, rel=1e-11)
    for value, other in zip(model.state_dict().values(), expected.state_dict().values()):
        torch.testing.assert_close(value, other, rtol=1e-10, atol=1e-12)


def test_a_run_that_is_soon_done_does_not() -> None:
    assert trained("auto")[1].engine == "eager"


class InTime(Callback):
    seconds = 16.0


@pytest.mark.usefixtures("slow")
def test_nothing_is_compiled_for_which_no_time_is_left() -> None:
    assert trained("auto", callbacks=[InTime()])[1].engine == "eager"


@pytest.mark.usefixtures("slow")
def test_a_compiler_that_is_missing_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    original = measured.NativeEngine

    def noted(*arguments: Any) -> Any:
        asked.append(arguments)
        return original(*arguments)

    monkeypatch.setenv("CXX", "no-such-compiler")
    monkeypatch.setattr(measured, "NativeEngine", noted)
    history = trained("auto")[1]
    assert (history.engine, len(history), len(asked)) == ("eager", 6, 1)
    assert "there is no program 'no-such-compiler'" in history.engine_reason
