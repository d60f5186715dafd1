"""Runs that die between two epochs and go on, and runs that do not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from plaingrad import fit, nn, optim
from plaingrad.contract.nest import tensors
from plaingrad.optim import Optimizer
from plaingrad.train import callbacks

EPOCHS = 6

Made = dict[str, Any]
"""The arguments of `fit`, new each time."""


class Killed(BaseException):
    """In the place of SIGKILL."""


class Dies(callbacks.Callback):
    """Ends the program, as it were, before an epoch."""

    def __init__(self, epoch: int) -> None:
        self.epoch, self.seen = epoch, 0

    def state_dict(self) -> dict[str, Any]:
        return {"seen": self.seen}

    def on_epoch_begin(self, epoch: int, logs: dict[str, float]) -> None:
        if epoch == self.epoch:
            raise Killed

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        self.seen += 1


def points(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """Points of two classes."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(42, 3, generator=generator, dtype=dtype)
    return x, (x[:, 0] * x[:, 1] > 0).long()


def mixed(rule: Callable[[list[Any]], Optimizer] | None = None, **options: Any) -> Made:
    """A network with dropout, running statistics and a metric, and this update rule."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 2)).to(
        torch.float64
    )
    optimizer = (rule or (lambda params: optim.AdamW(params, lr=0.02)))(model.parameters())
    x, t = points()
    made = {
        "model": model,
        "train": (x[:30], t[:30]),
        "validation": (x[30:], t[30:]),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": optimizer,
        "epochs": EPOCHS,
        "batch_size": 8,
        "metrics": ["accuracy"],
        "seed": 3,
        "progress": False,
        "callbacks": [],
    }
    schedule = options.pop("schedule", None)
    return {**made, "schedule": schedule and schedule(optimizer), **options}


def outcome(made: Made, folder: Path | None = None, dies: int = -1) -> Any:
    """All that a run leaves, to be compared."""
    death = Dies(dies)
    made["callbacks"] = [*made["callbacks"], death]
    model, train = made.pop("model"), made.pop("train")
    history = fit(model, train, **made, checkpoint=folder, checkpoint_every=0)
    assert death.seen == len(history)
    columns = {name: column for name, column in history.epochs.items() if name != "seconds"}
    schedule = made.get("schedule")
    rates = None if schedule is None else schedule.state_dict()
    state = [model.state_dict(), made["optimizer"].state_dict(), rates]
    return state, columns, history.steps, history.stopped, history.engine


def interrupted(make: Callable[[], Made], folder: Path, *epochs: int) -> Any:
    """What a run leaves that dies before each of these epochs and is started anew."""
    for epoch in epochs:
        try:
            outcome(make(), folder, epoch)
        except Killed:
            assert list(folder.iterdir())
    result = outcome(make(), folder)
    assert not folder.exists()
    return result


def expect_equal(a: Any, b: Any) -> None:
    """Compare two outcomes bit for bit."""
    for x, y in zip(tensors(a), tensors(b), strict=True):
        assert torch.equal(x, y)
    assert repr(without_tensors(a)) == repr(without_tensors(b))


def without_tensors(nest: Any) -> Any:
    """The rest of a nest."""
    if isinstance(nest, dict):
        return {name: without_tensors(entry) for name, entry in nest.items()}
    if isinstance(nest, (list, tuple)):
        return [without_tensors(entry) for entry in nest]
    return None if isinstance(nest, Tensor) else nest
