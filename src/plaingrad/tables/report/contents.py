"""The contents of a report for programs."""

from __future__ import annotations

import platform
from dataclasses import fields
from pathlib import Path

import msgspec
import torch

from plaingrad._version import __version__
from plaingrad.console.output import Reporter, plural
from plaingrad.tables.model.encoded import Encoded
from plaingrad.tables.model.model import TableModel
from plaingrad.tables.model.network import Fitted
from plaingrad.tables.model.progress import counted
from plaingrad.tables.preparation import Prepared
from plaingrad.tables.report.files import Report
from plaingrad.tables.report.gradients import gradients_of_columns
from plaingrad.tables.report.importance import importance
from plaingrad.tables.report.judging import Judgement
from plaingrad.tables.report.scores import quantile_of
from plaingrad.tables.settings import Settings


def contents(
    model: TableModel,
    result: Fitted,
    judgement: Judgement,
    table: Prepared,
    encoded: Encoded,
    settings: Settings,
    reporter: Reporter,
) -> Report:
    """The report on a trained model.

    Args:
        model: what was trained.
        result: how it was trained.
        judgement: of the model by rows held out.
        table: that it was trained on.
        encoded: its rows, on the scale on which the target was learned.
        settings: of everything.
        reporter: shows the progress of what takes long.
    """
    target = model.target
    return {
        "task": target.task,
        "reason": target.reason,
        "target": target.name,
        "judged_by": _judged_by(judgement, encoded, settings, table),
        "rows": {**encoded.counts(), "without_target": table.lost},
        "test": judgement.to_dict(),
        "importance": _importance(model, encoded, settings, reporter),
        "gradient_importance": _gradient_importance(model, encoded, settings),
        "class_weights": model.class_weights,
        "decision": None if model.decision is None else msgspec.to_builtins(model.decision),
        **_training(result, settings),
        "columns": table.columns,
    }


def _judged_by(judgement: Judgement, encoded: Encoded, settings: Settings, table: Prepared) -> str:
    count, parts = len(judgement.truth), table.parts
    if settings.cv:
        held_out = f", {len(encoded.validation):,} others tell when to stop" if encoded.validation else ""
        every = "of them" if len(encoded.train) + len(encoded.validation or ()) == count else "rows"
        trained = f"the model is trained on {len(encoded.train):,} {every}{held_out}"
        return f"Judged by {table.split.cross_validated_by(settings.cv, count)}; {trained}."
    where = f" of {settings.test}" if settings.test else ""
    were = "was" if count == 1 else "were"
    how = table.split.judged_by(parts["test"]) if "test" in parts else ""
    return f"Judged by {plural(count, 'row')}{where} that {were} not seen in training.{how}"


def _importance(model: TableModel, encoded: Encoded, settings: Settings, reporter: Reporter) -> Report:
    unseen = encoded.test or encoded.validation
    if unseen is None or not (settings.importance and settings.report):
        return {"measure": "", "rows": 0, "of_rows": 0, "repeats": 0, "columns": []}
    with counted(reporter.stderr, "shuffling columns to see which matter") as progress:
        return importance(model, unseen, settings.seed, quantile_of(vars(settings)), progress).to_dict()


def _gradient_importance(model: TableModel, encoded: Encoded, settings: Settings) -> Report | None:
    unseen = encoded.test or encoded.validation
    if unseen is None or not settings.gradient_importance:
        return None
    return gradients_of_columns(model, unseen, settings.seed).to_dict()


def _training(result: Fitted, settings: Settings) -> Report:
    """The network, its training, the settings and versions, for the report."""
    estimator, history = result.estimator, result.history
    parameters = sum(parameter.value.numel() for parameter in estimator.module_.parameters())
    sizes = [estimator.n_features_in_, *settings.hidden, estimator.n_outputs_]
    options = {field.name: getattr(settings, field.name) for field in fields(settings)}
    del options["storage"]  # whose URL may have a password
    return {
        "network": {
            "architecture": sizes,
            "parameters": parameters,
            "models": len(estimator.modules_),
            "embedded_columns": len(result.encoder.cardinalities_),
        },
        "training": {
            "epochs": len(history),
            "best_epoch": result.best_epoch,
            "stopped": history.stopped,
            "engine": history.engine,
            "engine_reason": history.engine_reason,
            "batch_size": result.batch_size,
            "seconds": round(history.seconds, 3),
        },
        "settings": {
            name: str(value) if isinstance(value, Path) else value for name, value in options.items()
        },
        "versions": {
            "plaingrad": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
        },
    }
