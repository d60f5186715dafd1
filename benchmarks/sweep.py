"""64 networks on one small table, on two cores: beside scikit-learn's classifier under joblib."""

from __future__ import annotations

import statistics
import warnings

import numpy as np
import torch
from joblib import Parallel, delayed
from rich.progress import track
from sklearn.datasets import load_breast_cancer
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from benchmarks.contenders.plaingrad_fit import network
from benchmarks.markdown import judged, table
from benchmarks.measure import in_turn, ratio
from plaingrad import fit_many, nn, optim
from plaingrad.data import Dataset

NETWORKS, EPOCHS, SIZES, CORES = 64, 100, (30, 64, 64, 2), 2
BATCHES = {32: 20.0, 200: None}  # batch size and bar
REPETITIONS = 5


def ours(x: np.ndarray, y: np.ndarray, batch_size: int) -> float:
    """Train all networks; the mean accuracy over the training data."""
    torch.manual_seed(0)
    models = [network(SIZES) for _ in range(NETWORKS)]
    data = Dataset.of((x, y))
    fit_many(
        models,
        data,
        loss=nn.CrossEntropyLoss(),
        optimizers=[optim.Adam(model.parameters(), lr=1e-3) for model in models],
        epochs=EPOCHS,
        batch_size=batch_size,
        seeds=range(NETWORKS),
        engine="native",
        progress=False,
    )
    right = [
        (model.forward(data.inputs).argmax(1) == data.targets).double().mean().item() for model in models
    ]
    return statistics.fmean(right)


def theirs(x: np.ndarray, y: np.ndarray, batch_size: int) -> float:
    """The same by scikit-learn."""
    train = delayed(_classifier)
    return statistics.fmean(Parallel(CORES)(train(x, y, batch_size, seed) for seed in range(NETWORKS)))


def _classifier(x: np.ndarray, y: np.ndarray, batch_size: int, seed: int) -> float:
    model = MLPClassifier(
        SIZES[1:-1],
        batch_size=batch_size,
        alpha=0,
        max_iter=EPOCHS,
        tol=0,
        n_iter_no_change=EPOCHS,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it ran to the end, as it should
        return model.fit(x, y).score(x, y)


def report() -> str:
    """Markdown for the results file."""
    x, y = load_breast_cancer(return_X_y=True)
    x = StandardScaler().fit_transform(x).astype(np.float32)
    rows = [_row(x, y, batch_size) for batch_size in track(BATCHES, "sweep", transient=True)]
    return "\n".join(
        [
            "## A sweep",
            "",
            f"{NETWORKS} networks {'-'.join(map(str, SIZES))} on the {len(x)} rows of `breast_cancer`,",
            f"{EPOCHS} epochs of Adam each, {CORES} cores: seconds for all, median (smallest to largest).",
            "plaingrad's include making the networks; joblib's processes for `MLPClassifier` are started",
            "beforehand. scikit-learn has one output for two classes. Accuracy: the mean over the networks,",
            "on the training data.",
            table(
                [
                    "batch",
                    "plaingrad",
                    "scikit-learn",
                    "faster / bar",
                    "plaingrad's accuracy",
                    "scikit-learn's",
                ],
                rows,
            ),
        ]
    )


def _row(x: np.ndarray, y: np.ndarray, batch_size: int) -> list[str]:
    accuracies = {}

    def train_ours() -> None:
        accuracies["ours"] = ours(x, y, batch_size)

    def train_theirs() -> None:
        accuracies["theirs"] = theirs(x, y, batch_size)

    timings = in_turn({"ours": train_ours, "theirs": train_theirs}, 1, REPETITIONS)
    faster, bar = ratio(timings, "theirs", "ours"), BATCHES[batch_size]
    return [
        str(batch_size),
        *(timings[name].in_seconds() for name in ("ours", "theirs")),
        judged(faster, bar),
        *(f"{accuracies[name]:.4f}" for name in ("ours", "theirs")),
    ]
