"""The same call with the same seed gives the same bits, whatever ran before and whatever lies in a cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from native.scripts import script
from plaingrad import data, fit, nn, optim
from plaingrad.native.compile import cache
from plaingrad.train import fit_many

EPOCHS = 30  # of a run that is nearly, but not quite, worth a compile
SCRIPT = "from train.test_same_bits import bits; print(*bits({epochs}))"


def bits(epochs: int = EPOCHS, **options: Any) -> tuple[str, str]:
    """The engine that a call takes, and the checksum of what it makes of a network."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 31), nn.Tanh(), nn.Linear(31, 2))
    history = fit(
        model,
        data.moons(400, seed=1),
        loss=nn.CrossEntropyLoss(),
        optimizer=optim.SGD(model.parameters(), lr=0.1),
        epochs=epochs,
        batch_size=8,
        seed=3,
        progress=False,
        **options,
    )
    return history.engine, checksum(model)


def checksum(model: nn.Sequential) -> str:
    return hashlib.sha256(b"".join(value.numpy().tobytes() for value, _ in model.parameters())).hexdigest()


@pytest.fixture(autouse=True)
def _empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = script(tmp_path / "cxx", f'exec {shutil.which("c++")} "$@" -O1')  # in less time
    monkeypatch.setenv("CXX", str(compiler))
    monkeypatch.setenv("PLAINGRAD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "_loaded", {})


@pytest.mark.parametrize(("epochs", "engine"), [(5, "eager"), (100, "native")])
def test_the_bits_depend_on_the_call_alone(epochs: int, engine: str) -> None:
    expected = bits(epochs)
    assert expected[0] == engine
    bits(engine="native")  # fills the cache
    for _ in range(5):
        bits(2)
    assert bits(epochs) == expected
    cache._loaded.clear()
    assert bits(epochs) == expected
    assert fresh(epochs) == expected


def fresh(epochs: int) -> tuple[str, ...]:
    """`bits` in a process of its own."""
    command = [sys.executable, "-c", SCRIPT.format(epochs=epochs)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return tuple(done.stdout.split())


def test_runs_that_would_have_paid_together_do_not_change_the_next() -> None:
    assert len({bits() for _ in range(4)}) == 1


@pytest.mark.parametrize("epochs", [5, 100])
def test_nor_does_a_busy_machine(epochs: int) -> None:
    expected = bits(epochs)
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(3)]
    try:
        assert bits(epochs) == expected
    finally:
        for process in busy:
            process.kill()
            process.wait()


def test_a_sweep_counts_its_networks_of_one_shape_together() -> None:
    def sweep(count: int) -> tuple[set[str], list[str]]:
        torch.manual_seed(0)
        models = [nn.Sequential(nn.Linear(2, 31), nn.Tanh(), nn.Linear(31, 2)) for _ in range(count)]
        histories = fit_many(
            models,
            data.moons(400, seed=1),
            loss=nn.CrossEntropyLoss(),
            optimizers=[optim.SGD(model.parameters(), lr=0.1) for model in models],
            epochs=5,
            batch_size=8,
            seeds=3,
            progress=False,
        )
        return {history.engine for history in histories}, [checksum(model) for model in models]

    assert sweep(1)[0] == {"eager"}
    many = sweep(30)
    assert many[0] == {"native"}
    assert sweep(1)[0] == {"eager"}
    assert sweep(30) == many
