"""`MLPRegressor`: a network that predicts numbers."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from numbers import Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.callback import with_callbacks
from sklearn.utils.metaestimators import available_if

from plaingrad import nn
from plaingrad.estimators.base import BaseMultilayerPerceptron
from plaingrad.estimators.private import Interval, StrOptions, fit_context
from plaingrad.estimators.state import all_or_nothing
from plaingrad.estimators.targets import NumberTargets


@dataclass(eq=False, repr=False)
class _Loss:
    """The first argument, before those of the base class."""

    loss: str | nn.Loss = "squared_error"


@dataclass(eq=False, repr=False)
class MLPRegressor(RegressorMixin, BaseMultilayerPerceptron, _Loss):
    """A multilayer perceptron for numbers: scikit-learn's `MLPRegressor`, compiled, and with more options.

    Everything up to ``max_fun`` means what it means in `sklearn.neural_network.MLPRegressor` (1.9), and the
    same ``random_state`` gives the same initial weights and the same batches. The parameters that this class
    shares with `MLPClassifier` are described there.

    Args:
        loss: "squared_error", "poisson" (with a logarithmic link), "absolute_error", "huber", "quantile"; or
            a loss of `plaingrad.nn` such as ``nn.HuberLoss(delta=0.1)``.
        quantile: the one that ``loss="quantile"`` aims at.

    Attributes:
        validation_scores_: R² on the validation data; None without early stopping.
        out_activation_: "identity", or "exp" for the Poisson loss.

    Raises:
        ValueError: a parameter is out of range.
    """

    _: KW_ONLY
    quantile: float = 0.5

    _class = "MLPRegressor"
    _numeric_targets = True
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseMultilayerPerceptron._parameter_constraints,
        "loss": [
            StrOptions({"squared_error", "poisson", "absolute_error", "huber", "quantile"}),
            nn.Loss,
        ],
        "quantile": [Interval(Real, 0, 1, closed="neither")],
    }

    @available_if(lambda estimator: estimator._check_solver())
    @all_or_nothing
    @with_callbacks
    @fit_context(prefer_skip_nested_validation=True)
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

    def _new_targets(self, y: np.ndarray, classes: np.ndarray | None) -> NumberTargets:
        return NumberTargets.of(self.loss, self.quantile, y.shape[1:])

    def _renewed(self, targets: NumberTargets) -> NumberTargets:
        return NumberTargets.of(self.loss, self.quantile, targets.columns)

    def predict(self, X: Any) -> np.ndarray:
        """The numbers, shape ``(n_samples,)`` or ``(n_samples, n_outputs)``."""
        outputs = self._outputs(X)
        return outputs.ravel() if self.n_outputs_ == 1 else outputs
