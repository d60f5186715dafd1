"""The network and its baselines, judged by rows that none of them has seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from plaingrad.tables.metric import costs
from plaingrad.tables.model.encoded import Encoded
from plaingrad.tables.model.model import TableModel
from plaingrad.tables.report.baselines import Baselines
from plaingrad.tables.report.comparison import compared, compared_by
from plaingrad.tables.report.intervals import interval, replicated
from plaingrad.tables.report.names import limits
from plaingrad.tables.report.scores import Predictions, Scoring, judged, quantile_of
from plaingrad.tables.settings import Settings

NETWORK = "network"


@dataclass
class Judgement:
    """Predictions of the same rows by the network and by its baselines.

    Attributes:
        scoring: the scores that suit what was learned.
        truth: the encoded target of the rows.
        predictions: of each model, by "network", "dummy", "linear" and "boosting".
        folds: the scores of each fold of a cross-validation; empty for a single split.
        baseline_rows: how many rows each baseline was trained on.
        training_rows: how many rows the network was trained on.
        decisive: the score by which models are compared.
        groups: rows with the same number are drawn together; None if each is drawn alone.
    """

    scoring: Scoring
    truth: np.ndarray
    predictions: dict[str, Predictions]
    folds: list[dict[str, dict[str, float | None]]] = field(default_factory=list)
    baseline_rows: dict[str, int] = field(default_factory=dict)
    training_rows: int = 0
    decisive: str = ""
    groups: np.ndarray | None = None

    @classmethod
    def of(cls, model: TableModel, encoded: Encoded, settings: Settings) -> Judgement:
        """Judge by the test rows of a split."""
        train, test, target = encoded.train, encoded.test, model.target
        assert test is not None and encoded.raw is not None  # noqa: PT018, both are there or none
        scoring = scoring_of(model, vars(settings))
        predictions = {NETWORK: predicted(model, test.X)}
        baselines = Baselines(encoded.raw, train, target, scoring.quantile, settings)
        predictions |= baselines.predictions()
        decisive = compared_by(scoring, train.y, settings)
        return cls(scoring, test.y, predictions, [], baselines.rows, len(train), decisive, test.groups)

    @classmethod
    def joined(cls, folds: list[Judgement]) -> Judgement:
        """The judgements of the folds of a cross-validation as one, over all rows."""
        first = folds[0]
        predictions = {
            name: _joined([fold.predictions[name] for fold in folds]) for name in first.predictions
        }
        groups = [fold.groups for fold in folds if fold.groups is not None]
        return cls(
            first.scoring,
            np.concatenate([fold.truth for fold in folds]),
            predictions,
            [fold.scores() for fold in folds],
            first.baseline_rows,
            first.training_rows,
            first.decisive,
            np.concatenate(groups) if groups else None,
        )

    def scores(self) -> dict[str, dict[str, float | None]]:
        """The scores of the network and of each baseline."""
        return {name: self.scoring.scores(self.truth, each) for name, each in self.predictions.items()}

    def to_dict(self) -> dict[str, object]:
        """Convert to JSON data: the report of the judgement."""
        report = report_of(self.scoring, self.truth, self.predictions, self.groups)
        sizes = self.baseline_rows
        return {
            **report,
            "compared_by": self.decisive,
            "baseline_rows": sizes.get("linear", 0),
            "boosting_rows": sizes.get("boosting"),
            "training_rows": self.training_rows,
            "folds": [fold[NETWORK] for fold in self.folds],
        }


def scoring_of(model: TableModel, settings: Mapping[str, Any]) -> Scoring:
    """The scores that suit a model trained with these settings."""
    decision = model.decision
    positive, metric = (None, None) if decision is None else (decision.positive, decision.metric)
    return Scoring(model.target, quantile_of(settings), positive, costs(metric))


def predicted(model: TableModel, X: np.ndarray) -> Predictions:
    """A model's predictions for encoded rows."""
    outputs = model.outputs(X)
    return Predictions(model.codes(outputs), model.probabilities(outputs) if model.target.labels else None)


def report_of(
    scoring: Scoring,
    truth: np.ndarray,
    predictions: dict[str, Predictions],
    groups: np.ndarray | None = None,
) -> dict[str, Any]:
    """The report on the network's predictions, with the intervals of its scores and of the differences.

    Args:
        scoring: the scores that suit what was learned.
        truth: the encoded target of the rows.
        predictions: of the network, and of the baselines, for the same rows.
        groups: rows with the same number are drawn together; None if each is drawn alone.
    """
    scoring = scoring.settled(truth)
    report = judged(scoring, truth, predictions[NETWORK])
    baselines = {name: each for name, each in predictions.items() if name != NETWORK}
    scores = {name: scoring.scores(truth, each) for name, each in baselines.items()}
    with threadpool_limits(1):  # of products so small that threads wait for each other
        draws, factor = replicated(
            lambda rows, weights: {
                name: scoring.replicated(truth[rows], each.take(rows), weights)
                for name, each in predictions.items()
            },
            len(truth),
            len(scoring.target.labels) or 1,
            groups,
        )
    network = report["scores"], draws[NETWORK]
    report["intervals"] = {
        name: None if value is None else interval(value, draws[NETWORK][name], factor, limits(name))
        for name, value in report["scores"].items()
    }
    report["baselines"] = scores
    report["differences"] = {
        name: compared(*network, scores[name], draws[name], factor) for name in baselines
    }
    return report


def _joined(parts: list[Predictions]) -> Predictions:
    codes = np.concatenate([part.codes for part in parts])
    probabilities = [part.probabilities for part in parts if part.probabilities is not None]
    return Predictions(codes, np.concatenate(probabilities) if probabilities else None)
