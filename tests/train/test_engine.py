from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from plaingrad import compile_predict, fit_many, nn, optim
from plaingrad.estimators import MLPRegressor
from plaingrad.module import Module
from plaingrad.native import cost
from plaingrad.native.compile import builder, cache
from plaingrad.train import History, engine
from plaingrad.train.callbacks import Callback
from train.small import Noise, network, plane, run


@pytest.fixture(autouse=True)
def _forget() -> None:
    engine._print_once.cache_clear()


@pytest.fixture
def worth(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every run be worth a compile."""
    guess = cost.Estimate(eager=20.0, compile=0.8)
    monkeypatch.setattr(cost, "estimate", lambda task, epochs: guess)


def test_a_short_run_is_not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "NativeEngine", None)
    monkeypatch.setattr(engine, "lower_training", None)
    history = run(network(2, 1), plane())
    assert history.engine_reason == "eager: eagerly about less than 0.01 s, compiling about 0.6 s"


@pytest.mark.parametrize(("eager", "name"), [(0.41, "native"), (0.39, "eager")])
def test_a_run_longer_than_half_a_compile_is_compiled(
    monkeypatch: pytest.MonkeyPatch, eager: float, name: str
) -> None:
    guess = cost.Estimate(eager, compile=0.8)
    monkeypatch.setattr(cost, "estimate", lambda task, epochs: guess)
    history = run(network(2, 1), plane())
    assert history.engine == name
    assert history.engine_reason == f"{name}: eagerly about 0.4 s, compiling about 0.8 s"


class OfBatches(Callback):
    def on_train_batch_end(self, batch: int, logs: dict[str, float]) -> None:
        pass


def with_noise() -> Module:
    return nn.Sequential(*network(2, 1), Noise())


def watching(model: Module) -> dict[str, Any]:
    optimizer = optim.SGD(model.parameters(), lr=0.05)
    return {"optimizer": optimizer, "schedule": optim.ReduceLROnPlateau(optimizer, interval="step")}


@pytest.mark.usefixtures("worth")
@pytest.mark.parametrize(
    ("model", "arguments", "reason"),
    [
        (with_noise(), {}, "Noise is not among its layers"),
        (network(2, 1), {"callbacks": [OfBatches()]}, "OfBatches is called before or after each batch"),
    ],
)
def test_what_is_not_known_runs_eagerly_and_says_so_once(
    model: Module, arguments: dict[str, Any], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    history = run(model, plane(), progress=True, **arguments)
    assert history.engine == "eager"
    assert history.engine_reason.startswith(f"eager: {reason}")
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith(f"training eagerly, not compiled: {reason}")
    run(model, plane(), progress=True, **arguments)
    assert not capsys.readouterr().err
    engine._print_once.cache_clear()
    run(model, plane(), progress=False, **arguments)
    assert not capsys.readouterr().err
    with pytest.raises(ValueError, match=f"engine 'native' cannot run this: {reason}"):
        run(model, plane(), engine="native", **arguments)


@pytest.mark.usefixtures("worth")
def test_a_schedule_that_wants_each_loss_runs_eagerly() -> None:
    model = network(2, 1)
    history = run(model, plane(), **watching(model))
    assert history.engine_reason == "eager: ReduceLROnPlateau wants the loss of each batch"


def test_a_short_run_does_not_talk(capsys: pytest.CaptureFixture[str]) -> None:
    run(with_noise(), plane(), progress=True)
    assert not capsys.readouterr().err


@pytest.mark.usefixtures("worth")
def test_without_a_compiler_auto_trains_eagerly_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    expected: History = run(network(2, 11, 1), plane(), engine="eager")
    monkeypatch.setenv("CXX", "no-such-compiler")
    history = run(network(2, 11, 1), plane(), progress=True)
    reason = "CXX: expected a command, got 'no-such-compiler': there is no program 'no-such-compiler'"
    assert history.engine_reason == f"eager: {reason}"
    assert history.loss == expected.loss
    assert capsys.readouterr().err == f"training eagerly, not compiled: {reason}\n"
    with pytest.raises(ValueError, match=f"engine 'native' cannot run this: {reason}"):
        run(network(2, 11, 1), plane(), engine="native")


def test_a_compiler_that_fails_is_no_end_of_training(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, worth: None
) -> None:
    broken = tmp_path / "c++"
    broken.write_text('#!/bin/sh\n[ "$1" = --version ] && exit 0\necho error: out of luck\nexit 3\n')
    broken.chmod(0o755)
    monkeypatch.setenv("CXX", str(broken))
    assert "error: out of luck" in run(network(2, 7, 1), plane()).engine_reason


def trained(progress: bool) -> None:
    run(network(2, 1), plane(), engine="native", progress=progress)


def trained_side_by_side(progress: bool) -> None:
    model = network(2, 1)
    optimizer = optim.SGD(model.parameters(), lr=0.05)
    options: dict[str, Any] = {"loss": nn.MSELoss(), "epochs": 1, "batch_size": 4}
    fit_many([model], plane(), optimizers=[optimizer], engine="native", progress=progress, **options)


def predicting(progress: bool) -> None:
    compile_predict(network(2, 1), progress=progress)


def estimated(verbose: bool) -> None:
    X, y = (each.numpy() for each in plane())
    model = MLPRegressor(hidden_layer_sizes=(), max_iter=1, engine="native", verbose=verbose)
    model.fit(X, y[:, 0])


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize("progress", [True, False])
@pytest.mark.parametrize("call", [trained, trained_side_by_side, predicting, estimated])
def test_compiling_is_announced_where_progress_is(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    call: Callable[[bool], None],
    progress: bool,
) -> None:
    monkeypatch.setenv("PLAINGRAD_CACHE", str(tmp_path))
    monkeypatch.setattr(cache, "_loaded", {})
    monkeypatch.setattr(builder, "SECONDS_IN_SILENCE", 0.0)
    for said in ["compiling the network\n" if progress else "", ""]:
        call(progress)
        assert capfd.readouterr().err == said
    assert list(tmp_path.glob("*.so"))
