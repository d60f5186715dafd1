"""A sweep in joblib's jobs: the same bits in every backend, and everything comes back."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from joblib import parallel_config
from joblib.externals.loky import get_reusable_executor

from backends import BACKENDS, in_backends
from plaingrad import ModuleError, fit_many, nn, optim
from plaingrad.module import Module
from plaingrad.native.compile import cache
from plaingrad.train import History, many
from plaingrad.train.callbacks import Callback, EarlyStopping
from train.small import Noise, network, plane, values

DATA, HELD_OUT = plane(20), plane(7, seed=1)
LONG = 300  # epochs, for which auto compiles


class Counted(Callback):
    """Counts its epochs."""

    def __init__(self) -> None:
        self.epochs = 0

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        self.epochs += 1


class Waiting(Callback):
    """Waits until there is a file; the training fails if there is none for a minute."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_begin(self, logs: dict[str, float]) -> None:
        deadline = time.monotonic() + 60
        while not self.path.exists():
            assert time.monotonic() < deadline, "nothing was shown while networks were trained"
            time.sleep(0.05)


def mixed() -> list[Module]:
    """Networks of two shapes for the native engine, and one that draws from torch's generator."""
    noisy = nn.Sequential(Noise(), network(2, 3, 1, seed=10))
    return [network(2, 5, 1, seed=1), noisy, network(2, 5, 1, seed=2), network(2, 4, 1, seed=3)]


def trained(
    engine: str = "native", models: list[Any] | None = None, epochs: int = 4, **options: Any
) -> dict[str, Any]:
    """A sweep, and all that comes out of it."""
    models = models or [network(2, 5, 1, seed=i) for i in range(5)]
    optimizers = [optim.Adam(model.parameters(), lr=0.01 * (i + 1)) for i, model in enumerate(models)]
    schedules = [optim.StepLR(each, 2) for each in optimizers]
    callbacks = [[Counted(), EarlyStopping("val_loss", patience=50)] for _ in models]
    histories = fit_many(
        models,
        DATA,
        loss=nn.MSELoss(),
        optimizers=optimizers,
        schedules=schedules,
        callbacks=callbacks,
        validation=HELD_OUT,
        epochs=epochs,
        batch_size=8,
        seeds=list(range(len(models))),
        engine=engine,
        progress=False,
        **options,
    )
    return {
        "values": [values(model) for model in models],
        "histories": [without_seconds(history) for history in histories],
        "optimizers": [each.state_dict() for each in optimizers],
        "schedules": [each.state_dict() for each in schedules],
        "epochs": [own[0].epochs for own in callbacks],
        "best": [own[1].best for own in callbacks],
    }


def without_seconds(history: History) -> dict[str, Any]:
    data = history.to_dict()
    del data["seconds"], data["epochs"]["seconds"]
    return data


def data_of(nest: Any) -> Any:
    """Numbers in the place of tensors, so that == compares every bit."""
    if isinstance(nest, dict):
        return {key: data_of(value) for key, value in nest.items()}
    if isinstance(nest, (list, tuple)):
        return [data_of(value) for value in nest]
    return nest.tolist() if isinstance(nest, torch.Tensor) else nest


@pytest.mark.parametrize("engine", ["native", "eager"])
@in_backends("loky", "threading", "dask")  # Ray starts slowly: its bits are compared below
def test_every_backend_gives_the_same_bits(backend: str, engine: str) -> None:
    alone = trained(engine, workers=1)
    with parallel_config(backend=backend):
        spread = trained(engine, n_jobs=2)
    assert data_of(spread) == data_of(alone)
    assert spread["epochs"] == [4] * 5


@in_backends(*BACKENDS)
def test_networks_that_have_ended_are_shown_while_others_are_trained(
    backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one waits for the word that the first has ended."""
    seen, shown = tmp_path / "seen", []

    @contextmanager
    def bar(trials: Any, enabled: bool) -> Iterator[Callable[[int], None]]:
        def refresh(ended: int) -> None:
            shown.append(ended)
            seen.touch()

        yield refresh

    monkeypatch.setattr(many, "bar", bar)
    models = [network(2, 5, 1, seed=i) for i in range(2)]
    optimizers = [optim.SGD(model.parameters(), lr=0.1) for model in models]
    with parallel_config(backend=backend):
        fit_many(
            models, DATA, loss=nn.MSELoss(), optimizers=optimizers, epochs=1, batch_size=8, seeds=0,
            callbacks=[[], [Waiting(seen)]], engine="eager", n_jobs=2,
        )  # fmt: skip
    assert sorted(set(shown)) == [1, 2]


@in_backends("threading")
def test_networks_of_all_kinds_are_decided_together(backend: str) -> None:
    """One engine for all of a shape, whichever job they are in, as without jobs."""
    alone = trained("auto", mixed(), workers=1)
    with parallel_config(backend=backend):
        spread = trained("auto", mixed(), n_jobs=2)
    assert [each["engine"] for each in spread["histories"]] == [each["engine"] for each in alone["histories"]]
    assert data_of(spread["values"]) == data_of(alone["values"])


@in_backends("loky")
def test_trained_networks_can_be_trained_on(backend: str) -> None:
    """The optimizers still belong to the parameters, which workers had copies of."""
    models = [network(2, 5, 1, seed=i) for i in range(2)]
    optimizers = [optim.SGD(model.parameters(), lr=0.1) for model in models]
    options: dict[str, Any] = {"loss": nn.MSELoss(), "epochs": 1, "batch_size": 8, "progress": False}
    with parallel_config(backend=backend):
        for _ in range(2):
            before = [data_of(values(model)) for model in models]
            fit_many(models, DATA, optimizers=optimizers, seeds=0, n_jobs=2, **options)
            assert all(old != data_of(values(model)) for old, model in zip(before, models))


@in_backends("loky")
def test_a_network_that_diverges_ends_alone(backend: str) -> None:
    models = [network(2, 5, 1, seed=i) for i in range(2)]
    optimizers = [optim.SGD(models[0].parameters(), lr=1e30), optim.SGD(models[1].parameters(), lr=0.01)]
    with parallel_config(backend=backend), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        histories = fit_many(
            models, DATA, loss=nn.MSELoss(), optimizers=optimizers, epochs=9, batch_size=8, seeds=0,
            progress=False, n_jobs=2,
        )  # fmt: skip
    assert "diverged" in histories[0].stopped
    assert len(histories[1]) == 9
    assert [str(each.message) for each in caught if "diverged" in str(each.message)] == [
        "1 of 2 networks diverged: 0"
    ]


@in_backends(*BACKENDS)
def test_what_goes_wrong_names_the_network(backend: str) -> None:
    """After those that need workers, for joblib ends all workers when one fails."""
    models = [network(2, 5, 1), network(3, 5, 1)]
    with parallel_config(backend=backend), pytest.raises(ModuleError, match=r"models\[1\]"):
        trained("eager", models, n_jobs=2)


def with_variables(backend: str, patch: pytest.MonkeyPatch, **variables: str) -> dict[str, Any]:
    """Arguments of `parallel_config` for workers that have these variables, as the test has."""
    for name, value in variables.items():
        patch.setenv(name, value)
    get_reusable_executor().shutdown()  # whose workers have the variables of before
    arguments = {"ray_remote_args": {"runtime_env": {"env_vars": variables}}} if backend == "ray" else {}
    return {"backend": backend, **arguments}


@in_backends("loky", "ray")
def test_kernels_are_compiled_once(backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, folder = tmp_path / "compiled", tmp_path / "networks"
    program = f"""sh -c 'case "$*" in *network.cpp*) echo x >> {log};; esac; exec c++ "$@" -O1' c++"""
    with parallel_config(**with_variables(backend, monkeypatch, CXX=program, PLAINGRAD_CACHE=str(folder))):
        spread = trained("native", n_jobs=2)
    get_reusable_executor().shutdown()
    assert data_of(spread) == data_of(trained("native", workers=1))
    assert log.read_text() == "x\n"
    assert len(cache.contents()) == 1


@pytest.fixture(scope="module")
def long() -> dict[str, Any]:
    """A long sweep without jobs and without compiling."""
    return trained("eager", workers=1, epochs=LONG)


@in_backends("threading", "ray")
def test_workers_without_a_compiler_are_named(
    backend: str, long: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "CXX: expected a command"
    expected = f"5 of 5 networks were trained eagerly by workers without a compiler: .*: {said}"
    without = with_variables(backend, monkeypatch, CXX="/no/compiler")
    with parallel_config(**without), pytest.warns(RuntimeWarning, match=expected):
        spread = trained("auto", n_jobs=2, epochs=LONG)
    assert data_of(spread["values"]) == data_of(long["values"])
    assert spread["epochs"] == long["epochs"]
    if backend == "ray":  # whose workers have a log each
        logs = Path(os.environ["RAY_TMPDIR"]).glob("ray/session_latest/logs/worker-*.err")
        assert any(f"training eagerly, not compiled: {said}" in path.read_text() for path in logs)
