"""Real data, standardised, a few rows of each."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_linnerud
from sklearn.preprocessing import StandardScaler

ROWS = 120


@cache
def classes(kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Two classes, three by name, or three labels at once."""
    load: Any = load_breast_cancer if kind == "binary" else load_iris
    bunch = load()
    rows = np.random.RandomState(0).permutation(len(bunch.data))[:ROWS]
    x = StandardScaler().fit_transform(bunch.data)[rows]
    if kind == "multilabel":
        return x, (x[:, [0, 1, 2]] > 0).astype(int)
    return x, bunch.target_names[bunch.target[rows]]


@cache
def numbers(kind: str) -> tuple[np.ndarray, np.ndarray]:
    """One number, counts, or three numbers at once."""
    if kind == "multioutput":
        x, y = load_linnerud(return_X_y=True)
        return StandardScaler().fit_transform(x), StandardScaler().fit_transform(y)
    x, y = load_diabetes(return_X_y=True)
    x, y = StandardScaler().fit_transform(x)[:ROWS], y[:ROWS]
    return x, np.round(y / 50) if kind == "counts" else (y - y.mean()) / y.std()
