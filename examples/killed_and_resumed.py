"""A run that is killed again and again, and ends in the very bits of one that never was.

The program trains a network on handwritten digits in a process of its own, kills that process with SIGKILL at
random moments, starts it again, and compares the weights with those of a run that was left alone:

    python examples/killed_and_resumed.py

The whole of it is the argument ``checkpoint`` of `fit`; what a program does with it is the function `train`.
"""

import argparse
import multiprocessing
import random
import tempfile
from pathlib import Path

import torch

from digits import load
from plaingrad import fit, nn, optim
from plaingrad.train.callbacks import EarlyStopping

parser = argparse.ArgumentParser(description="a run that is killed and goes on")
parser.add_argument("--kills", type=int, default=20)
parser.add_argument("--epochs", type=int, default=150)
parser.add_argument("--quick", action="store_true", help="two kills in a short run")
arguments = parser.parse_args()
kills, epochs = (2, 40) if arguments.quick else (arguments.kills, arguments.epochs)
torch.set_num_threads(1)  # a process that has several cannot be forked
train_data, test_data = load(arguments.quick)


def train(checkpoint: Path, finished: Path) -> None:
    """Train with a checkpoint after every epoch; whoever calls it again goes on where it was."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(784, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 10)
    )
    optimizer = optim.AdamW(model.parameters(), lr=0.003)
    fit(
        model,
        train_data,
        loss=nn.CrossEntropyLoss(),
        optimizer=optimizer,
        schedule=optim.CosineAnnealingLR(optimizer, epochs),
        epochs=epochs,
        batch_size=32,
        validation=test_data,
        metrics=["accuracy"],
        callbacks=[EarlyStopping(patience=epochs, restore_best_weights=True)],
        seed=0,
        progress=False,
        checkpoint=checkpoint,
        checkpoint_every=0,
    )
    torch.save(model.state_dict(), finished)


def run(checkpoint: Path, finished: Path, kills: int) -> None:
    """Start the run again and again; all but the last time it is killed."""
    for left in range(kills, -1, -1):
        process = multiprocessing.get_context("fork").Process(target=train, args=(checkpoint, finished))
        process.start()
        process.join(random.uniform(0.1, 0.5) if left else None)
        process.kill()
        process.join()
        print(f"{left} kills to go, {'a' if checkpoint.exists() else 'no'} checkpoint", flush=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        alone, resumed = Path(folder) / "alone.pt", Path(folder) / "resumed.pt"
        run(Path(folder) / "one", alone, 0)
        run(Path(folder) / "other", resumed, kills)
        states = [torch.load(path) for path in (alone, resumed)]
        equal = all(torch.equal(value, states[1][name]) for name, value in states[0].items())
        print("the weights are equal to the last bit" if equal else "the weights differ")
