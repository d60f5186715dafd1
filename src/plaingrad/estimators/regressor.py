"""`MLPRegressor`: a network that predicts numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any, ClassVar

import numpy as np
import torch
from scipy.special import xlogy
from sklearn.base import RegressorMixin, _fit_context
from sklearn.callback import with_callbacks
from sklearn.metrics import r2_score
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from torch import Tensor

from plaingrad import nn
from plaingrad.estimators.base import BaseMultilayerPerceptron
from plaingrad.estimators.continuity import all_or_nothing
from plaingrad.estimators.objectives import Objective, regression
from plaingrad.estimators.training import Part
from plaingrad.module import Module
from plaingrad.optim import Optimizer, Schedule
from plaingrad.train.callbacks import Callback


class MLPRegressor(RegressorMixin, BaseMultilayerPerceptron):
    """A multilayer perceptron for numbers: scikit-learn's `MLPRegressor`, compiled, and with more options.

    Everything up to ``max_fun`` means what it means in `sklearn.neural_network.MLPRegressor` (1.9), and the
    same ``random_state`` gives the same initial weights and the same batches. The parameters that this class
    shares with `MLPClassifier` are told there.

    Args:
        loss: "squared_error", "poisson" (with a logarithmic link), "absolute_error", "huber", "quantile"; or
            a loss of `plaingrad.nn` such as ``nn.HuberLoss(delta=0.1)``.
        quantile: which quantile ``loss="quantile"`` aims at.

    Attributes:
        validation_scores_: R² on the validation data; None without early stopping.
        out_activation_: "identity", or "exp" for the Poisson loss.

    Raises:
        ValueError: a parameter is out of range.
    """

    _class = "MLPRegressor"
    _numeric_targets = True
    _stratifies = False
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseMultilayerPerceptron._parameter_constraints,
        "loss": [
            StrOptions({"squared_error", "poisson", "absolute_error", "huber", "quantile"}),
            nn.Loss,
        ],
        "quantile": [Interval(Real, 0, 1, closed="neither")],
    }

    def __init__(
        self,
        loss: str | nn.Loss = "squared_error",
        hidden_layer_sizes: int | Sequence[int] = (100,),
        activation: str = "relu",
        *,
        solver: str | Callable[..., Optimizer] = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str | Callable[[Optimizer], Schedule] = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: int | np.random.RandomState | None = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        quantile: float = 0.5,
        dropout: float = 0.0,
        normalization: str | None = None,
        clip_norm: float | None = None,
        callbacks: Sequence[Callback] | None = None,
        max_time: float | None = None,
        dtype: str = "auto",
        engine: str = "auto",
        n_models: int = 1,
        module: Module | Callable[[int, int], Module] | None = None,
        embedding: Sequence[Any] | dict[Any, int] | None = None,
    ) -> None:
        self._keep(locals())

    @available_if(lambda estimator: estimator._check_solver())
    @all_or_nothing
    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPRegressor:
        """Train for one epoch, going on from the last call.

        Args:
            X: shape ``(n_samples, n_features)``.
            y: numbers, shape ``(n_samples,)`` or ``(n_samples, n_outputs)``.
            sample_weight: shape ``(n_samples,)``.

        Returns:
            The estimator itself.
        """
        return self._fit(X, y, sample_weight, None, incremental=True)

    # What the targets are

    def _encoded(self, y: Any, incremental: bool) -> np.ndarray:
        if y.dtype.kind not in "biuf":
            raise ValueError(f"y: expected numbers, got values of {y.dtype} such as {y.flat[0]!r}")
        encoded = y.reshape(len(y), -1)
        if self.loss == "poisson" and (encoded < 0).any():
            raise ValueError(f"loss 'poisson' needs targets of at least 0, got {encoded.min():g}")
        self.n_outputs_ = encoded.shape[1]
        self.out_activation_ = regression(self.loss, self.n_outputs_, self.quantile).link
        return encoded

    def _class_weighted(self, weights: np.ndarray | None, y: Any, incremental: bool) -> np.ndarray | None:
        return weights

    def _objective(self, part: Part) -> Objective:
        objective = regression(self.loss, self.n_outputs_, self.quantile)
        if self.loss != "poisson":
            return objective
        # Half of the deviance: what the loss leaves out does not depend on the predictions.
        rest = (xlogy(part.encoded, part.encoded) - part.encoded).sum(1)
        return dataclasses.replace(objective, constant=float(np.average(rest, weights=part.weights)))

    def _targets(self, encoded: np.ndarray, dtype: torch.dtype) -> Tensor:
        return torch.from_numpy(np.array(encoded, dtype=np.float64)).to(dtype)

    def _score(self, predicted: np.ndarray, held_out: Part) -> float:
        return float(r2_score(held_out.encoded, predicted, sample_weight=held_out.weights))

    # What is predicted

    def predict(self, X: Any) -> np.ndarray:
        """The numbers, shape ``(n_samples,)`` or ``(n_samples, n_outputs)``."""
        found = self._outputs(X)
        return found.ravel() if self.n_outputs_ == 1 else found
