"""Batches that are split over threads: the same numbers as ever, and the same bits each time."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

from effort import draws
from native.networks import Training, dense, disagreement, joined
from native.scripts import script
from plaingrad import nn, optim
from plaingrad.module import Module
from plaingrad.native import engine
from plaingrad.train.diagnose import TrainingDiverged
from plaingrad.train.threads import threads
from train.small import run

WEIGHTS = torch.tensor([0.5, 2.0, 1.0])
DEEP = (
    partial(nn.Linear, 5, 17),
    partial(nn.LayerNorm, 17),
    partial(nn.Dropout, 0.3),
    partial(joined, nn.Residual, dense(17, 17, 17)),
    partial(nn.Dropout, 0.1),
    partial(nn.Linear, 17, 3),
)
CLASSES = Training(
    DEEP,
    5,
    3,
    loss=partial(nn.CrossEntropyLoss, WEIGHTS, label_smoothing=0.1),
    optimizer=partial(optim.Adam, lr=0.003, clip_norm=0.5),
    weighted=True,
)
NUMBERS = Training(
    DEEP,
    5,
    3,
    optimizer=partial(optim.SGD, momentum=0.9, weight_decay=0.01),
    schedule=partial(optim.StepLR, step_size=5, gamma=0.8, interval="step"),
    groups=({"lr": 0.01}, {"lr": 0.03}),
    held=6,
    decay_per="sample",
)
SLOW = partial(optim.SGD, lr=0.001)
SUM = Training(dense(5, 33, 3), 5, 3, loss=partial(nn.MSELoss, reduction="sum"), optimizer=SLOW)


def of(training: Training, batch_size: int) -> Training:
    """With a last batch that leaves a slice without any row."""
    return replace(training, samples=2 * batch_size + batch_size // 5, batch_size=batch_size)


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("batch_size", [7, 33])
@pytest.mark.parametrize("training", [CLASSES, NUMBERS], ids=["classes", "numbers"])
def test_parity(training: Training, batch_size: int, count: int) -> None:
    training = replace(of(training, batch_size), threads=count)
    for steps in (1, draws(200)):
        found = disagreement(training, torch.float64, steps)
        assert max(found.values()) <= 1


def test_a_sum_has_nothing_to_divide_by() -> None:
    assert max(disagreement(replace(of(SUM, 7), threads=2), torch.float64, 50).values()) <= 1


def test_the_history_says_so() -> None:
    training = replace(CLASSES, threads=3)
    assert training.run("native", torch.float32, 1).history.engine_reason == "asked for, on 3 threads"


def test_the_bits_depend_on_nothing_but_the_number_of_threads(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither on the run, nor on where it is cut into calls, nor on whether the system gives any thread."""

    def bits(threads: int = 3) -> dict[tuple[str, str], bytes]:
        tensors = replace(of(CLASSES, 33), threads=threads).run("native", torch.float32, 60).tensors
        return {key: tensor.numpy().tobytes() for key, tensor in tensors.items()}

    alone, expected = bits(threads=1), bits()
    assert bits() == expected != alone
    with monkeypatch.context() as patch:
        patch.setattr(engine, "SECONDS_PER_CALL", 0.0)
        assert bits() == expected
    header = tmp_path / "refused.hpp"
    header.write_text("#include <pthread.h>\n#define pthread_create(...) 11\n")
    compiler = script(tmp_path / "cxx", f'exec {shutil.which("c++")} "$@" -O1 -include {header}')
    monkeypatch.setenv("CXX", str(compiler))
    assert bits() == expected


def test_a_run_that_diverges_is_stopped_in_the_same_step() -> None:
    training = replace(of(SUM, 7), optimizer=partial(optim.SGD, lr=3.0), threads=2)
    told = []
    for name in ("native", "eager"):
        with pytest.raises(TrainingDiverged) as caught:
            training.run(name, torch.float64, 90)
        told.append((str(caught.value), caught.value.history.loss))
    assert told[0][0] == told[1][0]
    assert told[0][1] == pytest.approx(told[1][1], rel=1e-6)


LARGE = dense(64, 400, 64)


@pytest.mark.parametrize(
    ("layers", "batch_size", "given", "expected"),
    [
        (LARGE, 128, 2, "asked for, on 2 threads"),
        (LARGE, 128, 1, "asked for"),
        (LARGE, 4, 2, "asked for"),
        (dense(64, 4000, 64), 8, 2, "asked for"),
        ((*LARGE, partial(nn.BatchNorm1d, 64)), 128, 2, "asked for"),
    ],
    ids=["large", "one thread", "small", "few rows", "over the batch"],
)
def test_what_is_split(
    layers: tuple[Callable[[], Module], ...], batch_size: int, given: int, expected: str
) -> None:
    model = nn.Sequential(*(make() for make in layers))
    data = torch.randn(128, 64), torch.randn(128, 64)
    with threads(given):
        history = run(model, data, epochs=1, batch_size=batch_size, engine="native")
    assert history.engine_reason == expected


def test_tables_are_not_split() -> None:
    model = nn.Sequential(nn.Embedding(500, 64), nn.Flatten(), *(make() for make in LARGE))
    data = torch.randint(500, (512, 1)), torch.randn(512, 64)
    with threads(2):
        history = run(model, data, epochs=1, batch_size=512, engine="native")
    assert history.engine_reason == "asked for"
