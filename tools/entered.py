"""Count the files of the package that three everyday calls enter: how far a reader has to walk.

Run as ``python tools/entered.py``; ``--list`` names the files.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import torch
from sklearn.datasets import load_iris

import plaingrad
from plaingrad import fit, nn, optim
from plaingrad.estimators import MLPClassifier
from plaingrad.tables import TableEncoder, read_frame

PACKAGE = str(Path(plaingrad.__file__).parent)


def entered(call: Callable[[], object]) -> list[str]:
    """The files of the package whose functions a call enters, relative to the package, in order."""
    files: dict[str, None] = {}

    def note(frame: object, event: str, argument: object) -> None:
        file = frame.f_code.co_filename  # type: ignore[attr-defined]
        if event == "call" and file.startswith(PACKAGE):
            files.setdefault(file.removeprefix(PACKAGE + "/"))

    call()  # what is imported or compiled the first time does not count
    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
    return list(files)


def mini_batches() -> Callable[[], object]:
    """One epoch of four batches through three modules that have been made before."""
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    arguments = {"loss": nn.CrossEntropyLoss(), "optimizer": optim.SGD(model.parameters(), lr=0.1)}
    data = torch.randn(32, 4), torch.randint(3, (32,))
    return lambda: fit(model, data, **arguments, epochs=1, batch_size=8, engine="eager", progress=False)


def table(path: Path) -> None:
    """A table on disk, encoded."""
    frame = read_frame(path)
    TableEncoder().fit(frame).transform(frame)


def classifier(x: pd.DataFrame, y: pd.Series) -> None:
    """An estimator, fitted."""
    MLPClassifier(max_iter=2, engine="eager").fit(x, y)


def main() -> None:
    """Print how many files each call enters."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--list", action="store_true", help="name the files")
    options = parser.parse_args()
    frame = load_iris(as_frame=True).frame
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "iris.csv")
        frame.to_csv(path, index=False)
        calls: dict[str, Callable[[], object]] = {
            "fit, an epoch of four batches": mini_batches(),
            "a CSV to its encoded columns": lambda: table(path),
            "MLPClassifier.fit": lambda: classifier(frame.drop(columns="target"), frame["target"]),
        }
        for name, call in calls.items():
            files = entered(call)
            print(f"{len(files):3} files: {name}")
            if options.list:
                print(*(f"      {file}" for file in files), sep="\n")


if __name__ == "__main__":
    main()
