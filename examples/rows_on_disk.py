"""A table in many files that is read piece by piece, encoded once, and trained on from the disk.

Flights of an invented airline, by day, airport, aircraft and weather; which of them are late is to be
predicted. The files are written first, sorted by day as such files are. `dataset` reads them piece by piece
into a file that is mapped into memory, `fit` trains on it as on any data, and the private memory of the
process hardly grows.

    python examples/rows_on_disk.py
"""

import re
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from plaingrad import evaluate, fit, nn, optim
from plaingrad.tables import dataset

FILES, ROWS = 12, 100_000  # in each


def private() -> float:
    """The megabytes of memory that are this process's alone; 0 where the system does not say."""
    status = Path("/proc/self/status")
    match = re.search(r"RssAnon:\s*(\d+)", status.read_text()) if status.exists() else None
    return int(match[1]) / 1024 if match else 0.0


def flights(month: int, rows: int) -> pd.DataFrame:
    """The flights of a month."""
    random = np.random.default_rng(month)
    days = np.sort(random.integers(0, 28, rows))
    hour, wind = random.normal(14, 4, rows).clip(0, 23), random.gamma(2, 8, rows)
    airport, aircraft = random.integers(0, 25, rows), random.choice(["A320", "B737", "E190", "A350"], rows)
    risk = 0.15 * (hour - 14) + 0.06 * (wind - 16) + 0.5 * np.sin(airport) + 0.7 * (aircraft == "E190")
    frame = pd.DataFrame({"airport": [f"AP{i:02d}" for i in airport], "aircraft": aircraft})
    frame["day"] = pd.Timestamp(2025, month, 1) + pd.to_timedelta(days, "D")
    frame["hour"], frame["wind"] = hour, wind
    frame.loc[random.random(rows) < 0.02, "wind"] = np.nan
    frame["late"] = np.where(random.random(rows) < 1 / (1 + np.exp(1 - risk)), "yes", "no")
    return frame


def main(rows: int, epochs: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("train", "test"):
            (folder / part).mkdir()
        for month in range(1, FILES + 1):
            part = "test" if month == FILES else "train"
            flights(month, rows).to_parquet(folder / part / f"month-{month:02d}.parquet")

        before = private()
        train = dataset(folder / "train", target="late", cache=folder / "train-encoded")
        test = dataset(folder / "test" / "*.parquet", cache=folder / "test-encoded", like=train)
        print(train)

        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(train.inputs.shape[1], 32), nn.ReLU(), nn.Linear(32, 2))
        history = fit(
            model,
            train,
            loss=nn.CrossEntropyLoss(),
            optimizer=optim.Adam(model.parameters(), lr=0.003),
            epochs=epochs,
            batch_size=256,
            shuffle="blocks",
            seed=0,
        )
        score = evaluate(model, test, metrics=["accuracy"])["accuracy"]
        most = max(test.targets.bincount().tolist()) / len(test)
        print(f"loss {history.loss[-1]:.4f}, {sum(history.epochs['seconds']):.1f} s in {len(history)} epochs")
        print(f"accuracy in the last month {score:.3f}; by always saying the same, {most:.3f}")
        print(f"private memory grew by {private() - before:.0f} MB")


if __name__ == "__main__":
    main(*((2_000, 2) if "--quick" in sys.argv else (ROWS, 5)))
