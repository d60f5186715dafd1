"""Baselines of the network: guessing, a linear model, and boosted trees, each with features that suit it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, QuantileRegressor, Ridge
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, TargetEncoder
from threadpoolctl import threadpool_limits

from plaingrad.tables import Target
from plaingrad.tables.columns.order import median_class
from plaingrad.tables.columns.raw import FEW_LEVELS, RawTable
from plaingrad.tables.model.raw import FEWEST_ROWS, MOST_NUMBERS, RawRows
from plaingrad.tables.model.rows import Samples
from plaingrad.tables.report.scores import Predictions
from plaingrad.tables.settings import Settings

MOST_TREES = 30  # that boosting grows at a time, one for each class
ONE_THREAD = 500_000  # numbers, of which threads wait for each other more than they gain


@dataclass
class Baselines:
    """The predictions of scikit-learn's models, trained on the network's rows.

    Attributes:
        raw: the rows as they stand.
        train: all training rows as the network gets them.
        target: what is predicted.
        quantile: which of the target's quantiles; None for its mean, or for classes.
        settings: of the training; say whether boosting is trained too.
    """

    raw: RawRows
    train: Samples
    target: Target
    quantile: float | None
    settings: Settings

    @property
    def rows(self) -> dict[str, int]:
        """The number of rows that each is trained on."""
        most = len(self.raw.indices)
        # Of a quantile the linear model is a linear program, for which few rows are enough.
        sizes = dict.fromkeys(("dummy", "linear"), most if self.quantile is None else FEWEST_ROWS)
        if self.settings.baselines and self.settings.report and len(self.target.labels) <= MOST_TREES:
            trees = len(self.target.labels) if len(self.target.labels) > 2 else 1
            sizes["boosting"] = max(FEWEST_ROWS, MOST_NUMBERS // (len(self.raw.table.kinds) * trees))
        return {name: min(size, most) for name, size in sizes.items()}

    def predictions(self) -> dict[str, Predictions]:
        """Train them, and predict the test rows."""
        predictions = {}
        makers = {"dummy": self._dummy, "linear": self._linear, "boosting": self._boosting}
        samples = self.raw.samples(self.train)
        for name, size in self.rows.items():
            sample = samples.sample(size, self.settings.seed)
            model = makers[name]()
            small = 1 if name == "boosting" and sample.X.size < ONE_THREAD else None
            with warnings.catch_warnings(), threadpool_limits(small):
                warnings.simplefilter("ignore", ConvergenceWarning)
                model.fit(sample.X, self._learned(sample.y), model__sample_weight=sample.weights)
                predictions[name] = self._predicted(model, self.raw.test)
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

    def _dummy(self) -> Pipeline:
        if self.target.labels:
            return _pipeline("passthrough", DummyClassifier())
        if self.quantile is None:
            return _pipeline("passthrough", DummyRegressor())
        return _pipeline("passthrough", DummyRegressor(strategy="quantile", quantile=self.quantile))

    def _linear(self) -> Pipeline:
        features = linear_features(self.raw.table)
        if self.target.labels:
            return _pipeline(features, LogisticRegression(max_iter=200))
        if self.quantile is None:
            return _pipeline(features, Ridge())
        return _pipeline(features, QuantileRegressor(quantile=self.quantile, alpha=1e-4))

    def _boosting(self) -> Pipeline:
        # Imported late, for it takes most of a second.
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        levels = self.raw.table.levels
        few = [feature for feature, count in levels.items() if count <= FEW_LEVELS]
        features = tree_features(self.raw.table, few, bool(self.target.labels), self.settings.seed)
        options: dict[str, Any] = {
            "categorical_features": list(range(len(few))) or None,  # where they stand now
            "random_state": self.settings.seed,
        }
        if self.target.labels:
            return _pipeline(features, HistGradientBoostingClassifier(**options))
        if self.quantile is None:
            return _pipeline(features, HistGradientBoostingRegressor(**options))
        quantile = {"loss": "quantile", "quantile": self.quantile}
        return _pipeline(features, HistGradientBoostingRegressor(**quantile, **options))


def _pipeline(features: Any, model: Any) -> Pipeline:
    return Pipeline([("features", features), ("model", model)])


def linear_features(table: RawTable) -> Any:
    """Numbers with the median where they are missing, which one more tells; a feature for each level."""
    return make_column_transformer(
        (
            SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
            table.features("number"),
        ),
        (make_pipeline(FunctionTransformer(_on_circle), SimpleImputer()), table.features("phase")),
        (OneHotEncoder(handle_unknown="ignore", dtype=np.float32), table.features("category")),
        remainder="passthrough",
    )


def tree_features(table: RawTable, few: list[int], classes: bool, seed: int) -> Any:
    """Codes of few levels first, for trees that can tell them apart; the target's means for those of many.

    Args:
        table: the features.
        few: the indices of features that are codes of few levels.
        classes: whether the target is one of classes.
        seed: of the folds within which the means are taken.
    """
    many = [feature for feature in table.levels if feature not in few]
    folds = KFold(5, shuffle=True, random_state=seed)
    means = TargetEncoder(target_type="auto" if classes else "continuous", cv=folds)
    return make_column_transformer(("passthrough", few), (means, many), remainder="passthrough")


def _on_circle(phases: np.ndarray) -> np.ndarray:
    """Sine and cosine of phases ``(rows, features)`` of cycles."""
    angles = 2 * np.pi * phases
    return np.hstack([np.sin(angles), np.cos(angles)])
