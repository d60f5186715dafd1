from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from plaingrad.train.callbacks import EarlyStopping
from train.callbacks.scripted import script
from train.small import network, plane, run, values


@pytest.mark.parametrize(
    ("arguments", "column", "stopped", "best"),
    [
        ({}, [3, 2, 1, 2, 0], 3, 2),
        ({"patience": 1}, [3, 2, 1, 2, 0], 3, 2),
        ({"patience": 2}, [3, 2, 3, 1, 2, 2, 0], 5, 3),
        ({"patience": 2}, [3, 2, 1], None, 2),
        ({"patience": 2}, [1, 1, 1, 1], 2, 0),
        ({"patience": 2, "mode": "max"}, [1, 2, 2, 2], 3, 1),
        ({"min_delta": 0.5}, [3, 2, 1.8, 0], 2, 1),
        ({"min_delta": 0.5}, [3, 2.5, 2], 1, 0),
        ({"mode": "max"}, [1, 2, 3, 2, 9], 3, 2),
        ({"baseline": 2.5, "patience": 2}, [4, 3, 1], 1, None),
        ({"start_from_epoch": 2}, [1, 2, 5, 4, 6], 4, 3),
        ({"patience": 2}, [3, math.nan, math.nan, 0], 2, 0),
    ],
)
def test_stops_when_nothing_improves(
    arguments: dict[str, Any], column: list[float], stopped: int | None, best: int | None
) -> None:
    callback = EarlyStopping(**arguments)
    history = script(callback, val_loss=column).history
    assert (callback.stopped_epoch, callback.best_epoch) == (stopped, best)
    assert len(history) == (len(column) if stopped is None else stopped + 1)
    assert bool(history.stopped) == (stopped is not None)
    if best is not None:
        assert callback.best == column[best]


def test_accuracy_is_better_when_larger() -> None:
    callback = EarlyStopping("val_accuracy", patience=2)
    assert script(callback, val_accuracy=[0.5, 0.9, 0.8, 0.7, 1.0]).history.stopped == (
        "val_accuracy has not improved since epoch 2"
    )


@pytest.mark.parametrize(
    ("arguments", "column", "reason"),
    [
        ({"patience": 2}, [math.nan, math.inf], "val_loss was never finite"),
        ({"baseline": 2.5}, [3.0], "val_loss was never better than 2.5"),
    ],
)
def test_the_reason_if_there_was_no_best_epoch(
    arguments: dict[str, Any], column: list[float], reason: str
) -> None:
    assert script(EarlyStopping(**arguments), val_loss=column).history.stopped == reason


@pytest.mark.parametrize(("restore", "epoch"), [(True, 1), (False, 3)])
def test_the_best_weights_are_restored_if_asked(restore: bool, epoch: int) -> None:
    callback = EarlyStopping(patience=2, restore_best_weights=restore)
    weights = script(callback, val_loss=[3, 1, 2, 2, 0]).model.parameters()
    assert all(bool((value == epoch).all()) for value, _ in weights)


def test_can_be_used_again() -> None:
    callback = EarlyStopping()
    script(callback, val_loss=[1, 2])
    script(callback, val_loss=[5, 4, 3])
    assert (callback.best, callback.best_epoch, callback.stopped_epoch) == (3, 2, None)


def test_in_training() -> None:
    callback = EarlyStopping("loss", min_delta=1e9)
    history = run(network(2, 1), plane(), epochs=9, callbacks=[callback])
    assert (len(history), history.stopped) == (2, "loss has not improved since epoch 1")


@pytest.mark.parametrize("patience", [1, 3])
def test_no_epoch_is_trained_after_the_last(patience: int) -> None:
    """Nothing but the training loss is watched here, so several epochs go into one call of the engine."""
    stopped, counted = network(2, 1), network(2, 1)
    callback = EarlyStopping("loss", min_delta=1e9, patience=patience)
    history = run(stopped, plane(), epochs=9, callbacks=[callback])
    run(counted, plane(), epochs=len(history))
    assert len(history) == 1 + patience
    for value, expected in zip(values(stopped), values(counted), strict=True):
        assert torch.equal(value, expected)


def test_what_cannot_be_watched_is_told_before_training() -> None:
    with pytest.raises(ValueError, match="EarlyStopping: expected monitor to be one of loss, lr, seconds"):
        run(network(2, 1), plane(), callbacks=[EarlyStopping("val_loss")])
    with pytest.raises(ValueError, match="EarlyStopping: expected mode 'min' or 'max' for 'f1', got 'auto'"):
        EarlyStopping("f1")
    with pytest.raises(ValueError, match="EarlyStopping: expected mode 'auto', 'min' or 'max', got 'best'"):
        EarlyStopping(mode="best")


@pytest.mark.parametrize(
    "arguments",
    [{"patience": "3"}, {"patience": -1}, {"min_delta": math.nan}, {"start_from_epoch": 0.5}],
)
def test_options_that_are_no_numbers_are_refused(arguments: dict[str, Any]) -> None:
    (name,) = arguments
    with pytest.raises(ValueError, match=f"EarlyStopping: expected {name} to be a "):
        EarlyStopping(**arguments)
