"""The scale on which a number is learned: its own or a logarithmic one, as the validation rows say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy.stats import skew
from sklearn import metrics

from plaingrad.console.output import Reporter
from plaingrad.tables import Target
from plaingrad.tables.model.encoded import Encoded
from plaingrad.tables.model.network import Fitted, fitted
from plaingrad.tables.model.trainings import Trainings
from plaingrad.tables.model.watcher import Watcher
from plaingrad.tables.settings import Settings

SKEWED, VERY_SKEWED = 1.0, 2.0
MARGIN = 0.02  # by which errors have to be smaller, for a few validation rows err themselves
MANY_ROWS = 50_000  # for which a second training has to promise more


@dataclass(frozen=True)
class Scaled:
    """A target on the scale that was decided on.

    Attributes:
        target: the target.
        encoded: what to train on, with its values.
        fitted: the network that was trained for the decision; None if none was.
        report: the decision as JSON has it; None for classes.
    """

    target: Target
    encoded: Encoded
    fitted: Fitted | None = None
    report: dict[str, Any] | None = None


def scaled(
    encoded: Encoded,
    target: Target,
    settings: Settings,
    reporter: Reporter,
    callbacks: Callable[[str], Sequence[Watcher]],
    trainings: Trainings | None = None,
) -> Scaled:
    """Decide on the scale of a target, and say so.

    Args:
        encoded: what to train on.
        target: on its own scale.
        settings: of network and training.
        reporter: tells what was decided.
        callbacks: those of a training with a name.
        trainings: of the run; None to keep none of those that are done here.

    Raises:
        InputError: a logarithm was asked for, and a value is negative.
    """
    if target.labels:
        return Scaled(target, encoded)
    values = target.undo(encoded.train.y)
    measured = {"transform": "none", "skewness": float(skew(values)), "measure": None, "validation": None}
    if settings.target_transform == "log":
        logarithmic = target.on_log_scale(values)
        again = encoded.retargeted(target, logarithmic)
        return Scaled(
            logarithmic, again, None, {**measured, "transform": "log", "scale": logarithmic.log_scale}
        )
    if settings.target_transform == "none" or not _promises(values, encoded, settings):
        return Scaled(target, encoded, None, measured)
    logarithmic = target.on_log_scale(values)
    again = encoded.retargeted(target, logarithmic)
    tried: list[tuple[float, Fitted]] = []
    for name, each, rows in (("none", target, encoded), ("log", logarithmic, again)):
        train = fitted if trainings is None else partial(trainings.fitted, f"transform {name}")
        result = train(rows, each, settings, callbacks(name))
        if result.history.stopped.startswith("interrupted"):
            return Scaled(target, encoded, tried[0][1] if tried else result, measured)
        tried.append((_error(result, rows, each, settings), result))
    measure = _measure(settings)
    words = measure if "loss" in measure else measure.upper()
    (unscaled, first), (log, second) = tried
    measured |= {"measure": measure, "validation": {"none": unscaled, "log": log}}
    skewness = f"{target.name!r} is skewed ({measured['skewness']:.2g})"
    errors = f"{log:.4g} on the validation rows, {unscaled:.4g} without"
    if log < (1 - MARGIN) * unscaled:
        reporter.text(f"{skewness} and learned on a logarithmic scale: {words} {errors}")
        measured |= {"transform": "log", "scale": logarithmic.log_scale}
        return Scaled(logarithmic, again, second, measured)
    reporter.text(f"{skewness}, but a logarithmic scale does not help: {words} {errors}")
    return Scaled(target, encoded, first, measured)


def _promises(values: np.ndarray, encoded: Encoded, settings: Settings) -> bool:
    """True if a logarithmic scale is worth a training."""
    if encoded.validation is None or settings.loss == "poisson" or values.min() < 0:
        return False
    return bool(skew(values) > (SKEWED if len(values) <= MANY_ROWS else VERY_SKEWED))


def _measure(settings: Settings) -> str:
    return {"auto": "rmse", "squared_error": "rmse", "quantile": "pinball loss"}.get(settings.loss, "mae")


def _error(result: Fitted, encoded: Encoded, target: Target, settings: Settings) -> float:
    """The error of a network on the validation rows, in the target's own units."""
    held_out = encoded.validation
    assert held_out is not None
    true, predicted = target.undo(held_out.y), target.undo(result.predict(held_out.X))
    if settings.loss == "quantile":
        return float(metrics.mean_pinball_loss(true, predicted, alpha=settings.quantile))
    if _measure(settings) == "rmse":
        return float(metrics.root_mean_squared_error(true, predicted))
    return float(metrics.mean_absolute_error(true, predicted))
