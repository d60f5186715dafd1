"""Importance of columns by gradients: what each adds to a prediction, and how predictions follow it."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from plaingrad.estimators.prediction import averaged
from plaingrad.inspect import gradient_importance
from plaingrad.module import Module
from plaingrad.nn import Linear, Sequential, Sigmoid, Softmax
from plaingrad.tables.model.model import TableModel, outputs_of
from plaingrad.tables.model.rows import Samples
from plaingrad.tables.report.importance import MOST_ROWS, blocks

STEPS = 128  # with which the kinks of "relu" leave about a hundredth of a difference unexplained


@dataclass(frozen=True)
class GradientsOfColumns:
    """The importance of each column by integrated gradients.

    Attributes:
        measure: what the numbers are parts of, in words.
        rows: how many rows were looked at.
        of_rows: how many there were.
        gap: the largest difference between the sum of a row's parts and that of the predictions.
        columns: for each column the mean size of its part, and the sizes of the gradients of its features,
            mean over the rows and summed; the largest part first.
    """

    measure: str
    rows: int
    of_rows: int
    gap: float
    columns: dict[str, tuple[float, float]]

    def to_dict(self) -> dict[str, Any]:
        """Convert to JSON data."""
        columns = [
            {"name": name, "mean": mean, "sensitivity": slope} for name, (mean, slope) in self.columns.items()
        ]
        return {**vars(self), "columns": columns}


def gradients_of_columns(model: TableModel, unseen: Samples, seed: int) -> GradientsOfColumns:
    """Attribute the predictions for some rows to the columns, against the mean of these rows.

    The part of a column is the sum of those of its features, so that the parts of all columns sum up to the
    difference between a row's prediction and that for the mean row.

    Args:
        model: what predicts.
        unseen: rows that it was not trained on; a sample is taken if there are many.
        seed: of the sample.
    """
    sample = unseen.sample(MOST_ROWS, seed)
    network, measure = explained(model)
    measured = gradient_importance(network, sample.X, steps=STEPS)
    parts, slopes = measured.attributions.numpy(), measured.sensitivity.numpy()
    columns = {
        name: (float(np.abs(parts[:, block].sum(1)).mean()), float(slopes[block].sum()))
        for name, block in zip(model.columns, blocks(model))
    }
    ordered = dict(sorted(columns.items(), key=lambda each: (-each[1][0], each[0])))
    return GradientsOfColumns(measure, len(sample), len(unseen), measured.gap, ordered)


def explained(model: TableModel) -> tuple[Module, str]:
    """The network from features to the number that is explained, in float64, and that number in words."""
    members = [deepcopy(member).to(torch.float64) for member in model.members]
    width = outputs_of(model.link, len(model.classes))
    link = "identity" if model.link == "exp" else model.link
    network, end = averaged(members, link, width)
    if end is not None:
        network = Sequential(network, Softmax(1) if end == "softmax" else Sigmoid())
    target = model.target
    if target.task == "ordinal":  # the sum of the probabilities to lie above each class but the last
        return Sequential(network, _linear(width, 1.0, 0.0)), "expected rank"
    if target.labels:
        names = [target.class_names[code] for code in model.classes]
        of = repr(names[1]) if width == 1 else "the predicted class"
        weighted = "" if model.weights is None else ", class weights included"
        return network, f"probability of {of}{weighted}"
    if model.link == "exp" or target.log_scale is not None:
        several = model.link == "exp" and len(members) > 1  # whose prediction is a mean of powers
        return (
            network,
            "mean logarithm of the predictions" if several else "logarithm of the prediction",
        )
    return Sequential(network, _linear(1, target.deviation, target.mean)), "prediction"


def _linear(inputs: int, weight: float, bias: float) -> Linear:
    """The sum of some numbers times a weight, and a bias."""
    layer = Linear(inputs, 1, dtype=torch.float64)
    values = {"weight": torch.full((1, inputs), weight), "bias": torch.full((1,), bias)}
    layer.load_state_dict({name: value.double() for name, value in values.items()})
    return layer
