"""Importance of columns: how much worse predictions get when a column's values are shuffled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from plaingrad.estimators.inputs import dense
from plaingrad.estimators.objectives import LINKS
from plaingrad.module import Module
from plaingrad.nn import Linear, Sequential
from plaingrad.tables.model.model import TableModel
from plaingrad.tables.model.rows import Samples
from plaingrad.train.threads import FLOPS_PER_THREAD, threads

REPEATS = 5
MOST_ROWS, FEWEST_ROWS, FEWEST_OF_ALL = 2000, 100, 10
WORK = 10**11  # multiplications that may be spent, some seconds
PER_SCORE = 2 * 10**6  # which take as long as what each scoring costs besides


@dataclass(frozen=True)
class Importance:
    """The importance of each column.

    Attributes:
        measure: what is compared, in words.
        rows: how many rows were looked at.
        of_rows: how many there were.
        repeats: how often each column was shuffled.
        columns: mean and standard deviation for each column, the most important first.
    """

    measure: str
    rows: int
    of_rows: int
    repeats: int
    columns: dict[str, tuple[float, float]]

    def to_dict(self) -> dict[str, Any]:
        """Convert to JSON data."""
        columns = [
            {"name": name, "mean": mean, "deviation": std} for name, (mean, std) in self.columns.items()
        ]
        return {**vars(self), "columns": columns}


def importance(
    model: TableModel,
    unseen: Samples,
    seed: int,
    quantile: float | None = None,
    progress: Callable[[int, int], object] = lambda done, total: None,
) -> Importance:
    """Measure what scikit-learn's `permutation_importance` of the original columns does.

    Shuffling a column and encoding it is the same as encoding it and shuffling all its features together. The
    shuffles are scikit-learn's from the same seed, which are the same for each column.

    Args:
        model: what predicts.
        unseen: rows that it was not trained on; a sample is taken if there are many, a smaller one if there
            are many columns, and then there are fewer shuffles, so that it ends within seconds.
        seed: of sample and shuffling.
        quantile: which of the target's quantiles was learned; None for its mean, or for classes.
        progress: called after each column with how many are done, and how many there are.
    """
    network = _Network(model)
    rows, repeats = affordable(len(unseen), len(model.columns), network.work)
    sample = unseen.sample(rows, seed)
    score = _scoring(model, sample.y, quantile)
    orders = _orders(rows, repeats, seed)
    network.begin(sample.X)
    measured = []
    each = 2 * rows * network.work / len(model.columns)
    with threads(max(1, min(torch.get_num_threads(), int(each / FLOPS_PER_THREAD)))):
        best = score(network.shuffled(slice(0, 0), orders[0]))
        for done, (name, block) in enumerate(zip(model.columns, blocks(model)), 1):
            drops = [best - score(network.shuffled(block, order)) for order in orders]
            measured.append((name, (float(np.mean(drops)), float(np.std(drops)))))
            progress(done, len(model.columns))
    numbers = "drop of R²" if quantile is None else "growth of the pinball loss"
    measure = "growth of the log loss" if model.target.labels else numbers
    measured.sort(key=lambda each: (-each[1][0], each[0]))
    return Importance(measure, rows, len(unseen), repeats, dict(measured))


def affordable(rows: int, columns: int, work: int) -> tuple[int, int]:
    """The number of rows to shuffle each column on, and of repeats, that fit into the budget of work.

    Args:
        rows: how many there are.
        columns: how many there are.
        work: multiplications that shuffling all columns once takes for a row.
    """
    fixed = columns * PER_SCORE
    some = min(rows, MOST_ROWS, max(FEWEST_ROWS, (WORK // REPEATS - fixed) // work))
    repeats = max(1, min(REPEATS, WORK // (some * work + fixed)))
    if repeats == 1:
        some = min(some, max(FEWEST_OF_ALL, (WORK - fixed) // work))
    return some, repeats


def blocks(model: TableModel) -> list[slice]:
    """The features of each column."""
    widths = [choice.features for choice in model.encoder.choices() if choice.features]
    ends = np.cumsum(widths)
    return [slice(end - width, end) for width, end in zip(widths, ends)]


def _orders(rows: int, repeats: int, seed: int) -> list[np.ndarray]:
    """The orders in which scikit-learn's `permutation_importance` puts the values of a column."""
    random = np.random.RandomState(np.random.RandomState(seed).randint(np.iinfo(np.int32).max + 1))
    shuffle, order, orders = np.arange(rows), np.arange(rows), []
    for _ in range(repeats):
        random.shuffle(shuffle)
        order = order[shuffle]
        orders.append(order)
    return orders


def _scoring(model: TableModel, truth: np.ndarray, quantile: float | None) -> Callable[[np.ndarray], float]:
    """The score of outputs, the larger the better; as scikit-learn has it, without its checks."""
    rows = np.arange(len(truth))

    def log_likelihood(outputs: np.ndarray) -> float:
        probabilities = model.probabilities(outputs).astype(np.float64)
        true, tiny = probabilities[rows, truth] / probabilities.sum(1), np.finfo(np.float64).eps
        return float(np.log(true.clip(tiny, 1 - tiny)).mean())

    if model.target.labels:
        return log_likelihood
    expected = model.target.undo(truth)
    spread = float(((expected - expected.mean()) ** 2).sum())

    def of_numbers(outputs: np.ndarray) -> float:
        off = expected - model.target.undo(model.codes(outputs))
        if quantile is not None:
            return -float(np.maximum(quantile * off, (quantile - 1) * off).mean())
        lost = float((off**2).sum())
        return 1 - lost / spread if spread else float(not lost) if len(truth) > 1 else np.nan

    return of_numbers


class _Network:
    """Outputs of a model for rows in which the features of one column are shuffled.

    Where its networks begin with a linear layer, what that makes of the other features is kept.
    """

    def __init__(self, model: TableModel) -> None:
        self.model = model
        self.kept = [layers for layers in map(_after_linear, model.members) if layers is not None]
        size = sum(parameter.value.numel() for member in model.members for parameter in member.parameters())
        columns = len(model.columns)
        if len(self.kept) < len(model.members):
            self.kept = []
            self.work = max(1, size * columns)
        else:
            weights = sum(layer.weight.value.numel() for layer, _ in self.kept)
            self.work = max(1, (size - weights) * columns + weights)

    def begin(self, X: np.ndarray) -> None:
        """Take the rows ``(rows, features)`` as they are."""
        self.X = X.copy()
        self.inputs = dense(self.X, self.model.members[0])
        self.first_outputs = [layer.forward(self.inputs) for layer, _ in self.kept]

    def shuffled(self, block: slice, order: np.ndarray) -> np.ndarray:
        """The outputs if the features of a block are those of the rows in this order."""
        if not self.kept:
            before = self.X[:, block].copy()
            self.X[:, block] = before[order]
            outputs = self.model.outputs(self.X)
            self.X[:, block] = before
            return outputs
        part = self.inputs[:, block]
        change = part[torch.from_numpy(order)] - part
        predictions = []
        for (layer, rest), first in zip(self.kept, self.first_outputs):
            value = first + change @ layer.weight.value[:, block].T
            for module in rest:
                value = module.forward(value)
            predictions.append(LINKS[self.model.link](value.numpy()))
        return self.model.complete(predictions[0] if len(predictions) == 1 else np.mean(predictions, 0))


def _after_linear(member: Module) -> tuple[Linear, list[Module]] | None:
    """The linear layer that a network begins with, and those after it; None if it begins otherwise."""
    layers = list(member) if isinstance(member, Sequential) else []
    return (layers[0], layers[1:]) if layers and isinstance(layers[0], Linear) else None
