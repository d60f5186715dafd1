"""scikit-learn's multi-layer perceptron, without penalty and early stop, started from given weights."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor

if TYPE_CHECKING:
    from benchmarks.workloads import Workload

warnings.simplefilter("ignore", ConvergenceWarning)  # it always runs to max_iter, as everyone here


class SklearnMLP:
    def __init__(self, workload: Workload, x: np.ndarray, y: np.ndarray, start: list[np.ndarray]) -> None:
        self.start, self.x, self.y = start, x, y
        regression = workload.loss == "mse"
        # Its squared error is half the sum over the outputs, torch's the mean over them.
        scale = 2 / workload.sizes[-1] if regression else 1
        self.model = (MLPRegressor if regression else MLPClassifier)(
            hidden_layer_sizes=workload.sizes[1:-1],
            solver=workload.optimizer.lower(),
            learning_rate_init=workload.lr * scale,
            batch_size=workload.batch_size,
            momentum=0,
            alpha=0,
            tol=0,
            n_iter_no_change=10**9,
            warm_start=True,
            max_iter=1,
            random_state=0,
        )
        self.model.fit(x, y)

    def train(self, epochs: int, shuffle: bool) -> None:
        self.model.coefs_ = [np.array(w.T, order="F") for w in self.start[::2]]
        self.model.intercepts_ = [b.copy() for b in self.start[1::2]]
        self.model.set_params(max_iter=epochs, shuffle=shuffle).fit(self.x, self.y)

    def weights(self) -> list[np.ndarray]:
        pairs = zip(self.model.coefs_, self.model.intercepts_)
        return [value.T for pair in pairs for value in pair]
