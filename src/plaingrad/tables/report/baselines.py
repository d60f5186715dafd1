"""Baselines of the network: guessing, a linear model, and boosted trees."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, QuantileRegressor, Ridge
from sklearn.preprocessing import OneHotEncoder
from threadpoolctl import threadpool_limits

from plaingrad.tables import Target
from plaingrad.tables.columns.order import median_class
from plaingrad.tables.model.rows import Samples
from plaingrad.tables.report.scores import Predictions
from plaingrad.tables.settings import Settings

MOST_NUMBERS = 5_000_000  # in the matrix that they are trained on: more change little and take long
FEWEST_ROWS = 1000  # which is also enough for a linear program
MOST_TREES = 30  # that boosting grows at a time, one for each class
ONE_THREAD = 500_000  # numbers, of which threads wait for each other more than they gain
MOST_CATEGORIES = 255  # that a tree can tell apart


@dataclass
class Baselines:
    """The predictions of scikit-learn's models, trained on the network's rows.

    Attributes:
        train: the training rows.
        coded: the features that are codes for an embedding.
        target: what is predicted.
        quantile: which of the target's quantiles; None for its mean, or for classes.
        settings: of the training; say whether boosting is trained too.
    """

    train: Samples
    coded: list[int]
    target: Target
    quantile: float | None
    settings: Settings

    @property
    def rows(self) -> dict[str, int]:
        """The number of rows that each is trained on."""
        sizes = {name: sample_size(self._width, self.quantile) for name in ("dummy", "linear")}
        if self.settings.baselines and self.settings.report and len(self.target.labels) <= MOST_TREES:
            trees = len(self.target.labels) if len(self.target.labels) > 2 else 1
            sizes["boosting"] = max(FEWEST_ROWS, MOST_NUMBERS // (self._width * trees))
        return {name: min(size, len(self.train)) for name, size in sizes.items()}

    @property
    def _width(self) -> int:
        return self.train.X.shape[1]

    def predictions(self, X: np.ndarray) -> dict[str, Predictions]:
        """Train them, and predict rows ``(rows, features)``."""
        predictions = {}
        makers = {"dummy": self._dummy, "linear": self._linear, "boosting": self._boosting}
        for name, size in self.rows.items():
            sample = self.train.sample(size, self.settings.seed)
            model = makers[name]()
            # Codes are no quantities that a linear model could use.
            own, other = self._one_hot(sample.X, X) if name == "linear" and self.coded else (sample.X, X)
            small = 1 if name == "boosting" and sample.X.size < ONE_THREAD else None
            with warnings.catch_warnings(), threadpool_limits(small):
                warnings.simplefilter("ignore", ConvergenceWarning)
                model.fit(own, self._learned(sample.y), sample_weight=sample.weights)
                predictions[name] = self._predicted(model, other)
        return predictions

    @cached_property
    def _own_scale(self) -> Target | None:
        """The target on its own scale, if the network learned another: a user would not take logarithms."""
        target = self.target
        return None if target.log_scale is None else target.on_own_scale(target.undo(self.train.y))

    def _learned(self, y: np.ndarray) -> np.ndarray:
        return y if self._own_scale is None else self._own_scale.standardised(self.target.undo(y))

    def _predicted(self, model: Any, X: np.ndarray) -> Predictions:
        if not self.target.labels:
            values = model.predict(X)
            return Predictions(
                values if self._own_scale is None else self.target.standardised(self._own_scale.undo(values))
            )
        every = np.zeros((X.shape[0], len(self.target.labels)))
        every[:, model.classes_] = model.predict_proba(X)
        codes = median_class(every) if self.target.task == "ordinal" else every.argmax(1)
        return Predictions(codes, every)

    def _one_hot(self, train: np.ndarray, other: np.ndarray) -> tuple[Any, Any]:
        levels = OneHotEncoder(handle_unknown="ignore", dtype=np.float32)
        features = make_column_transformer((levels, self.coded), remainder="passthrough")
        return features.fit_transform(train), features.transform(other)

    def _dummy(self) -> Any:
        if self.target.labels:
            return DummyClassifier()
        if self.quantile is None:
            return DummyRegressor()
        return DummyRegressor(strategy="quantile", quantile=self.quantile)

    def _linear(self) -> Any:
        if self.target.labels:
            return LogisticRegression(max_iter=200)
        return Ridge() if self.quantile is None else QuantileRegressor(quantile=self.quantile, alpha=1e-4)

    def _boosting(self) -> Any:
        # Imported late, for it takes most of a second.
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        largest = self.train.X[:, self.coded].max(0, initial=0)
        categories = [code for code, most in zip(self.coded, largest) if most < MOST_CATEGORIES]
        options = {"categorical_features": categories or None, "random_state": self.settings.seed}
        if self.target.labels:
            return HistGradientBoostingClassifier(**options)
        if self.quantile is None:
            return HistGradientBoostingRegressor(**options)
        return HistGradientBoostingRegressor(loss="quantile", quantile=self.quantile, **options)


def sample_size(features: int, quantile: float | None) -> int:
    """The most rows, of so many features, that baselines are trained on."""
    return FEWEST_ROWS if quantile is not None else max(FEWEST_ROWS, MOST_NUMBERS // features)
