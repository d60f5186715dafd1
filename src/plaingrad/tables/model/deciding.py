"""The decision of a trained model between two classes."""

from __future__ import annotations

from dataclasses import replace

from plaingrad.tables import Target
from plaingrad.tables.model.decision import Decision
from plaingrad.tables.model.model import TableModel
from plaingrad.tables.model.network import Encoded, Fitted
from plaingrad.tables.report.scores import rarer


def decided(result: Fitted, encoded: Encoded, target: Target) -> TableModel:
    """The trained model, with its decision if there are two classes."""
    model = TableModel.of(result.estimator, result.encoder, target)
    if len(target.labels) != 2:
        return model
    return replace(model, decision=Decision(rarer(encoded.train.y)))
