"""A program that is killed at random moments, in the middle of writing too, and started again until it ends.

``python -m train.resume.killed KINDS FOLDER KILLS SEED`` prints of each run that ends its kind, a checksum of
what it leaves, and whether its folder is there then. KINDS and KILLS may be several with commas between them:
each kind is run with each number of kills.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from plaingrad import fit, nn, optim
from plaingrad.contract.nest import tensors
from plaingrad.module import Module
from plaingrad.train import callbacks, fit_many

LONGEST = 0.4  # seconds to a kill


def network(width: int) -> Module:
    return nn.Sequential(
        nn.Linear(4, width), nn.BatchNorm1d(width), nn.GELU(), nn.Dropout(0.2), nn.Linear(width, 2)
    )


def points() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(300, 4, generator=generator)
    return x, (x[:, 0] > x[:, 1]).long()


def one(folder: Path, engine: Any) -> Any:
    """A run with a schedule of steps, early stopping and validation data."""
    torch.manual_seed(0)
    model, (x, t) = network(24), points()
    epochs = 100 if engine == "native" else 30
    optimizer = optim.AdamW(model.parameters(), lr=0.01, clip_norm=1.0)
    stopping = callbacks.EarlyStopping(patience=epochs, restore_best_weights=True)
    history = fit(
        model,
        (x[:200], t[:200]),
        loss=nn.CrossEntropyLoss(),
        optimizer=optimizer,
        epochs=epochs,
        batch_size=16,
        schedule=optim.OneCycleLR(optimizer, 0.02, total_steps=epochs * 13),
        validation=(x[200:], t[200:]),
        metrics=["accuracy"],
        engine=engine,
        callbacks=[stopping],
        progress=False,
        checkpoint=folder,
        checkpoint_every=0,
    )
    return model.state_dict(), optimizer.state_dict(), history.epochs["val_loss"], stopping.best_epoch


def many(folder: Path) -> Any:
    """A sweep over three networks."""
    torch.manual_seed(0)
    models = [network(8 + i) for i in range(3)]
    optimizers = [optim.SGD(model.parameters(), lr=0.05, momentum=0.9) for model in models]
    histories = fit_many(
        models,
        points(),
        loss=nn.CrossEntropyLoss(),
        optimizers=optimizers,
        epochs=[8, 12, 16],
        batch_size=16,
        progress=False,
        checkpoint=folder,
        checkpoint_every=0,
    )
    return [model.state_dict() for model in models], [history.loss for history in histories]


KINDS: dict[str, Callable[[Path], Any]] = {
    "eager": lambda folder: one(folder, "eager"),
    "native": lambda folder: one(folder, "native"),
    "sweep": many,
}


def checksum(nest: Any) -> str:
    result = hashlib.sha256(repr([each for each in nest if isinstance(each, (list, int))]).encode())
    for tensor in tensors(nest):
        result.update(tensor.numpy().tobytes())
    return result.hexdigest()


def until_it_ends(kind: str, folder: Path, kills: int, seed: int) -> None:
    """Run the program in children, which start with all that has been imported here."""
    moments = random.Random(seed)
    while True:
        child = os.fork()
        if not child:
            torch.set_num_threads(1)
            print(kind, checksum(KINDS[kind](folder)), folder.exists(), flush=True)
            os._exit(0)
        if not kills:
            os.waitpid(child, 0)
            return
        time.sleep(moments.uniform(0, LONGEST))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        kills -= os.WIFSIGNALED(status)  # one that had ended already begins a new run


def main(kinds: str, folder: str, kills: str, seed: str) -> None:
    for kind in kinds.split(","):
        for number in kills.split(","):
            until_it_ends(kind, Path(folder), int(number), int(seed))


if __name__ == "__main__":
    main(*sys.argv[1:])
