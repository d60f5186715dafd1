"""Expectations of what several processes have in the end."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from plaingrad import evaluate, nn
from train.ranks.scenarios import classes, network


def expect_close(left: Any, right: Any, tolerance: float = 1e-12) -> None:
    """Nests of tensors, numbers and other things are alike; bit for bit with a tolerance of 0."""
    if isinstance(left, (torch.Tensor, float)):
        torch.testing.assert_close(left, right, rtol=tolerance, atol=tolerance)
    elif isinstance(left, dict):
        assert left.keys() == right.keys()
        for name in left:
            expect_close(left[name], right[name], tolerance)
    elif isinstance(left, (list, tuple)):
        assert len(left) == len(right)
        for each, other in zip(left, right):
            expect_close(each, other, tolerance)
    else:
        assert left == right


def expect_same(results: list[Any]) -> None:
    """Networks, optimizers and histories have the same bits in all processes."""
    first, *others = results
    for other in others:
        for part in ("model", "optimizer", "epochs"):
            expect_close(other[part], first[part], 0.0)


def expect_history_of_all(result: dict[str, Any], rows: int) -> None:
    """The last epoch is that of these rows, the shares of all processes."""
    model = network(normalised=True)
    model.load_state_dict(result["model"])
    all_of_it, held_out = (
        evaluate(model, classes(n), loss=nn.CrossEntropyLoss(), metrics=["accuracy"]) for n in (rows, 20)
    )
    last = {name: column[-1] for name, column in result["epochs"].items()}
    assert last["accuracy"] == pytest.approx(all_of_it["accuracy"], rel=1e-12)
    assert last["val_loss"] == pytest.approx(held_out["loss"], rel=1e-12)
    assert last["val_accuracy"] == pytest.approx(held_out["accuracy"], rel=1e-12)
    assert last["lr"] == 0.01
