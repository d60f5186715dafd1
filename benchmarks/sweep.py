"""64 networks on one small table, on two cores: beside scikit-learn's classifier under joblib."""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable

import numpy as np
import torch
from joblib import Parallel, delayed
from sklearn.datasets import load_breast_cancer
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from benchmarks.contenders.plaingrad_fit import network
from benchmarks.markdown import table
from plaingrad import fit_many, nn, optim
from plaingrad.data import Dataset

NETWORKS, EPOCHS, SIZES, CORES = 64, 100, (30, 64, 64, 2), 2
BATCHES = {32: 20.0, 200: None}  # batch size and bar
REPETITIONS = 3  # of ours; scikit-learn's long run is taken once


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


def _timed(work: Callable[..., float], *args: object) -> tuple[float, float]:
    start = time.perf_counter()
    accuracy = work(*args)
    return time.perf_counter() - start, accuracy


def report() -> str:
    """Markdown for the results file."""
    x, y = load_breast_cancer(return_X_y=True)
    x = StandardScaler().fit_transform(x).astype(np.float32)
    Parallel(CORES)(delayed(_classifier)(x, y, 200, seed) for seed in range(CORES))  # starts the processes
    rows = []
    for batch_size, bar in BATCHES.items():
        slow, expected = _timed(theirs, x, y, batch_size)
        runs = [_timed(ours, x, y, batch_size) for _ in range(REPETITIONS)]
        fast, accuracy = statistics.median(seconds for seconds, _ in runs), runs[0][1]
        met = "" if bar is None else f" / {bar:g}: {'met' if slow / fast >= bar else '**missed**'}"
        rows.append(
            [
                str(batch_size),
                f"{fast:.2f}",
                f"{slow:.2f}",
                f"{slow / fast:.3g}{met}",
                f"{accuracy:.4f}",
                f"{expected:.4f}",
            ]
        )
    return "\n".join(
        [
            "## A sweep",
            "",
            f"{NETWORKS} networks {'-'.join(map(str, SIZES))} on the {len(x)} rows of `breast_cancer`,",
            f"{EPOCHS} epochs of Adam each, {CORES} cores: seconds for all. plaingrad's include making",
            "the networks; joblib's processes for `MLPClassifier` are started beforehand. scikit-learn has",
            "one output for two classes. Accuracy: the mean over the networks, on the training data.",
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
