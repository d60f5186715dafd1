"""The network and its baselines, judged by rows that none of them has seen."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from plaingrad.tables import Target
from plaingrad.tables.model.model import TableModel
from plaingrad.tables.model.network import Encoded
from plaingrad.tables.report.baselines import baselines, sample_size
from plaingrad.tables.report.scores import Predictions, judged, quantile_of, scores
from plaingrad.tables.settings import Settings


@dataclass
class Judgement:
    """Predictions of the same rows by the network and by its baselines.

    Attributes:
        target: what is predicted.
        truth: the encoded target of the rows.
        predictions: of each model, by "network", "dummy" and "linear".
        folds: the scores of each fold of a cross-validation; empty for a single split.
        baseline_rows: how many rows the baselines were trained on.
        training_rows: how many rows the network was trained on.
        quantile: which of the target's quantiles was learned; None for its mean, or for classes.
    """

    target: Target
    truth: np.ndarray
    predictions: dict[str, Predictions]
    folds: list[dict[str, dict[str, float | None]]] = field(default_factory=list)
    baseline_rows: int = 0
    training_rows: int = 0
    quantile: float | None = None

    @classmethod
    def of(cls, model: TableModel, encoded: Encoded, settings: Settings) -> Judgement:
        """Judge by the test rows of a split."""
        train, test, quantile = encoded.train, encoded.test, quantile_of(vars(settings))
        assert test is not None
        outputs = model.outputs(test.X)
        probabilities = model.probabilities(outputs) if model.target.labels else None
        predictions = {"network": Predictions(model.codes(outputs), probabilities)}
        sample = train.sample(sample_size(train.X.shape[1], quantile), settings.seed)
        predictions |= baselines(sample, test.X, list(model.encoder.cardinalities_), model.target, quantile)
        return cls(model.target, test.y, predictions, [], len(sample), len(train), quantile)

    @classmethod
    def joined(cls, folds: list[Judgement]) -> Judgement:
        """The judgements of the folds of a cross-validation as one, over all rows."""
        first = folds[0]
        predictions = {
            name: _joined([fold.predictions[name] for fold in folds]) for name in first.predictions
        }
        truth = np.concatenate([fold.truth for fold in folds])
        return cls(
            first.target,
            truth,
            predictions,
            [fold.scores() for fold in folds],
            first.baseline_rows,
            first.training_rows,
            first.quantile,
        )

    def scores(self) -> dict[str, dict[str, float | None]]:
        """The scores of the network and of each baseline."""
        return {
            name: scores(self.target, self.truth, predictions, self.quantile)
            for name, predictions in self.predictions.items()
        }

    def to_dict(self) -> dict[str, object]:
        """Convert to JSON data: the report of the judgement."""
        report = judged(self.target, self.truth, self.predictions["network"], self.quantile)
        every = self.scores()
        return {
            **report,
            "baselines": {name: every[name] for name in every if name != "network"},
            "baseline_rows": self.baseline_rows,
            "training_rows": self.training_rows,
            "folds": [fold["network"] for fold in self.folds],
        }


def _joined(parts: list[Predictions]) -> Predictions:
    codes = np.concatenate([part.codes for part in parts])
    probabilities = [part.probabilities for part in parts if part.probabilities is not None]
    return Predictions(codes, np.concatenate(probabilities) if probabilities else None)
