"""Which columns matter: how much worse predictions get when a column's values are shuffled among the rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.inspection import permutation_importance
from sklearn.metrics import log_loss

from plaingrad.cli.table.rows import Samples
from plaingrad.cli.table.scores import first_score
from plaingrad.estimators.table import TableModel

MOST_ROWS = 2000
FEWEST_ROWS = 100
REPEATS = 5
WORK = 2 * 10**9  # multiplications that may be spent


@dataclass(frozen=True)
class Importance:
    """How much the columns matter.

    Attributes:
        measure: what is compared, in words.
        rows: how many rows were looked at.
        columns: mean and standard deviation for each column, the most important first.
    """

    measure: str
    rows: int
    columns: dict[str, tuple[float, float]]

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        columns = [
            {"name": name, "mean": mean, "deviation": std} for name, (mean, std) in self.columns.items()
        ]
        return {"measure": self.measure, "rows": self.rows, "columns": columns}


def importance(model: TableModel, unseen: Samples, seed: int, quantile: float | None = None) -> Importance:
    """Measure scikit-learn's `permutation_importance` of the original columns.

    Shuffling a column and encoding it is the same as encoding it and shuffling all its features together.
    What scikit-learn shuffles are the places of the rows.

    Args:
        model: what predicts.
        unseen: rows that it was not trained on; a sample is taken if there are many.
        seed: of sample and shuffling.
        quantile: which of the target's quantiles was learned; None for its mean, or for classes.
    """
    parameters = sum(value.numel() for member in model.members for value, _ in member.parameters())
    per_row = max(1, parameters) * len(model.columns) * REPEATS
    sample = unseen.sample(min(MOST_ROWS, max(FEWEST_ROWS, WORK // per_row)), seed)
    judge = _Judge(model, sample.X, quantile)
    places = np.tile(np.arange(len(sample))[:, None], (1, len(model.columns)))
    found = permutation_importance(
        judge, places, sample.y, scoring=_Judge.score, n_repeats=REPEATS, random_state=seed
    )
    numbers = "drop of R²" if quantile is None else "growth of the pinball loss"
    measure = "growth of the log loss" if model.target.labels else numbers
    each = sorted(
        zip(found.importances_mean, found.importances_std, model.columns), key=lambda c: (-c[0], c[2])
    )
    return Importance(measure, len(sample), {name: (float(mean), float(std)) for mean, std, name in each})


class _Judge:
    """Takes, for each column, the places of the rows whose features stand in for it."""

    def __init__(self, model: TableModel, X: np.ndarray, quantile: float | None) -> None:
        self.model, self.X, self.quantile = model, X, quantile
        widths = [choice.features for choice in model.encoder.choices() if choice.features]
        ends = np.cumsum(widths)
        self.blocks = [slice(end - width, end) for width, end in zip(widths, ends)]
        self.shuffled = X.copy()

    def fit(self) -> None:
        """What scikit-learn expects of everything that it looks at."""

    def score(self, places: np.ndarray, codes: np.ndarray) -> float:
        """The larger the better."""
        for column, block in enumerate(self.blocks):
            self.shuffled[:, block] = self.X[places[:, column], block]
        found = self.model.outputs(self.shuffled)
        if not self.model.target.labels:
            _, value = first_score(self.model.target, codes, self.model.places(found), self.quantile)
            return value if self.quantile is None else -value
        probabilities = self.model.probabilities(found).astype(np.float64)
        probabilities /= probabilities.sum(1, keepdims=True)
        return -float(log_loss(codes, probabilities, labels=np.arange(probabilities.shape[1])))
