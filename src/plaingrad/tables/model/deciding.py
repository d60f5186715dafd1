"""The decision of a trained model between two classes."""

from __future__ import annotations

from dataclasses import replace

from plaingrad.tables import Target
from plaingrad.tables.metric import OF_DECISIONS, costs, name_of_metric
from plaingrad.tables.model.decision import Decision, best_decision
from plaingrad.tables.model.encoded import Encoded
from plaingrad.tables.model.model import TableModel
from plaingrad.tables.model.network import Fitted
from plaingrad.tables.report.scores import rarer
from plaingrad.tables.settings import Settings


def decided(result: Fitted, encoded: Encoded, target: Target, settings: Settings) -> TableModel:
    """The trained model, with its decision if there are two classes.

    Where the metric asks for one, the threshold is the best one for the validation rows.
    """
    model = TableModel.of(result.estimator, result.encoder, target)
    if len(target.labels) != 2:
        return model
    decision, metric, held_out = Decision(rarer(encoded.train.y)), settings.metric, encoded.validation
    if metric is not None and name_of_metric(metric) in OF_DECISIONS and held_out is not None:
        probability = model.probabilities(model.outputs(held_out.X))[:, decision.positive]
        is_positive = held_out.y == decision.positive
        threshold, _ = best_decision(name_of_metric(metric), is_positive, probability, costs(metric))
        decision = Decision(decision.positive, threshold, metric)
    return replace(model, decision=decision)


def threshold_text(target: Target, decision: Decision) -> str:
    """The threshold in words."""
    name, threshold = target.class_names[decision.positive], decision.threshold
    chosen = f"chosen by {decision.metric} on the validation rows"
    return f"{name!r} is predicted from a probability of {threshold:.3g} on, {chosen}"
