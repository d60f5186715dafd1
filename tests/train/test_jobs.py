"""A sweep in joblib's jobs: the same bits in every backend, and everything comes back."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from joblib import parallel_config
from joblib.externals.loky import get_reusable_executor

from cluster import local_cluster
from plaingrad import ModuleError, fit_many, nn, optim
from plaingrad.module import Module
from plaingrad.native.compile import cache
from plaingrad.train import History
from plaingrad.train.callbacks import Callback, EarlyStopping
from train.small import Noise, network, plane, values

DATA, HELD_OUT = plane(20), plane(7, seed=1)
BACKENDS = ["loky", "threading", "dask"]


@pytest.fixture(scope="module", autouse=True)
def _cluster() -> Iterator[None]:
    with local_cluster():
        yield
    get_reusable_executor().shutdown()


class Counted(Callback):
    """Counts its epochs."""

    def __init__(self) -> None:
        self.epochs = 0

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        self.epochs += 1


def mixed() -> list[Module]:
    """Networks of two shapes for the native engine, and one that draws from torch's generator."""
    noisy = nn.Sequential(Noise(), network(2, 3, 1, seed=10))
    return [network(2, 5, 1, seed=1), noisy, network(2, 5, 1, seed=2), network(2, 4, 1, seed=3)]


def trained(engine: str = "native", models: list[Any] | None = None, **options: Any) -> dict[str, Any]:
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
        epochs=4,
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
@pytest.mark.parametrize("backend", BACKENDS)
def test_every_backend_gives_the_same_bits(backend: str, engine: str) -> None:
    alone = trained(engine, workers=1)
    with parallel_config(backend=backend):
        spread = trained(engine, n_jobs=2)
    assert data_of(spread) == data_of(alone)
    assert spread["epochs"] == [4] * 5


def test_networks_of_all_kinds_are_decided_together() -> None:
    """One engine for all of a shape, whichever job they are in, as without jobs."""
    alone = trained("auto", mixed(), workers=1)
    with parallel_config(backend="threading"):
        spread = trained("auto", mixed(), n_jobs=2)
    assert [each["engine"] for each in spread["histories"]] == [each["engine"] for each in alone["histories"]]
    assert data_of(spread["values"]) == data_of(alone["values"])


def test_trained_networks_can_be_trained_on() -> None:
    """The optimizers still belong to the parameters, which workers had copies of."""
    models = [network(2, 5, 1, seed=i) for i in range(2)]
    optimizers = [optim.SGD(model.parameters(), lr=0.1) for model in models]
    options: dict[str, Any] = {"loss": nn.MSELoss(), "epochs": 1, "batch_size": 8, "progress": False}
    with parallel_config(backend="loky"):
        for _ in range(2):
            before = [data_of(values(model)) for model in models]
            fit_many(models, DATA, optimizers=optimizers, seeds=0, n_jobs=2, **options)
            assert all(old != data_of(values(model)) for old, model in zip(before, models))


def test_kernels_are_compiled_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "compiled"
    monkeypatch.setenv("PLAINGRAD_CACHE", str(tmp_path / "networks"))
    program = f"""sh -c 'case "$*" in *network.cpp*) echo x >> {log};; esac; exec c++ "$@" -O1' c++"""
    monkeypatch.setenv("CXX", program)
    get_reusable_executor().shutdown()  # whose workers have the variables of before
    with parallel_config(backend="loky"):
        trained("native", n_jobs=2)
    get_reusable_executor().shutdown()
    assert log.read_text() == "x\n"
    assert len(cache.contents()) == 1


def test_workers_without_a_compiler_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "/no/compiler")
    monkeypatch.setattr("plaingrad.native.cost.COMPILES", 0.0)
    expected = (
        r"5 of 5 networks were trained eagerly by workers without a compiler: .*: CXX: expected a command"
    )
    with parallel_config(backend="threading"), pytest.warns(RuntimeWarning, match=expected):
        trained("auto", n_jobs=2)


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_goes_wrong_names_the_network(backend: str) -> None:
    models = [network(2, 5, 1), network(3, 5, 1)]
    with parallel_config(backend=backend), pytest.raises(ModuleError, match=r"models\[1\]"):
        trained("eager", models, n_jobs=2)


def test_a_network_that_diverges_ends_alone() -> None:
    models = [network(2, 5, 1, seed=i) for i in range(2)]
    optimizers = [optim.SGD(models[0].parameters(), lr=1e30), optim.SGD(models[1].parameters(), lr=0.01)]
    with parallel_config(backend="loky"), warnings.catch_warnings(record=True) as caught:
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
