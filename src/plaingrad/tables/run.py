"""A run of `plaingrad train`, from a file to a folder with model and report."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import fields
from functools import partial
from pathlib import Path

import msgspec
import pyarrow as pa
import torch

from plaingrad._version import __version__
from plaingrad.console.output import Reporter, duration, plural
from plaingrad.files import filling
from plaingrad.tables import Target
from plaingrad.tables.model.deciding import decided, threshold_text
from plaingrad.tables.model.model import TableModel
from plaingrad.tables.model.network import Encoded, Fitted, expect_fitting, fitted
from plaingrad.tables.model.parts import Parts, divided, folds, whole
from plaingrad.tables.model.progress import EpochProgress, counted
from plaingrad.tables.model.rows import Rows, read_more, read_rows
from plaingrad.tables.model.splits import Split, rows_without
from plaingrad.tables.model.transform import scaled
from plaingrad.tables.report import terminal
from plaingrad.tables.report.files import Report, write, write_page
from plaingrad.tables.report.gradients import gradients_of_columns
from plaingrad.tables.report.grids import columns_grid
from plaingrad.tables.report.importance import importance
from plaingrad.tables.report.judging import Judgement
from plaingrad.tables.report.scores import quantile_of
from plaingrad.tables.report.suspicions import Clues, repeated_rows, repeated_text
from plaingrad.tables.search import tuned
from plaingrad.tables.settings import Settings


def run(data: Path, settings: Settings, output: Path, reporter: Reporter) -> Report:
    """Read, train, judge, write and report; returns the report.

    Args:
        data: the table.
        settings: of everything.
        output: where model and report go.
        reporter: tells how it goes.

    Raises:
        InputError: the table or an option cannot be used.
        OSError: a file cannot be read or written.
        TrainingDiverged: the parameters became infinite.
    """
    with reporter.status(f"reading {data}"):
        rows, target = read_rows(data, settings)
    expect_fitting(settings, target)
    lost = rows.lost
    reporter.text(f"{target.task}: {target.reason}")
    if lost:
        reporter.text(f"{plural(lost, 'row')} without {target.name!r} left out")
    if rows.split.kind == "time" and rows.split.missing:
        reporter.warn(f"{rows_without(rows.split.missing, str(rows.split.column))} left out")
    for problem in (*rows.meaning.strange, *rows.meaning.doubts):
        reporter.warn(str(problem))
    with reporter.status("encoding columns"):
        parts = _parts(rows, target, settings, reporter)
        folded = folds(rows, target, settings) if settings.cv else None
        clues = Clues(rows, target, parts, settings)
        split, split_parts = rows.split, parts.split()
        del rows  # of a large table, what is not needed leaves memory
        encoded = Encoded.of(parts, settings)
        del parts
        pa.default_memory_pool().release_unused()
    columns = msgspec.to_builtins(encoded.encoder.choices())
    reporter.text(terminal.drawn(columns_grid(columns)), encoded.description())
    if description := split.description(split_parts):
        reporter.text(description)
    for path, strange in encoded.strange.items():
        for cells in strange:
            reporter.warn(f"{path}: {cells}")
    with filling(output) as folder:
        own = target
        scale = scaled(encoded, target, settings, reporter, partial(_watchers, reporter))
        target, encoded, result = scale.target, scale.encoded, scale.fitted
        search = None
        if settings.tune:
            result = None
            settings, search = tuned(encoded, target, settings, output, reporter)
        judgement = _cross_validated(folded, own, target, settings, reporter) if folded else None
        result = result or fitted(encoded, target, settings, [EpochProgress(reporter.stderr)])
        reporter.text(_ended(result))
        model = decided(result, encoded, target, settings)
        if model.decision is not None and model.decision.threshold is not None:
            reporter.text(threshold_text(target, model.decision))
        if judgement is None:
            with reporter.status("training baselines"):
                judgement = Judgement.of(model, encoded, settings)
        repeated = repeated_rows(encoded.train, encoded.test or encoded.validation)
        scores = judgement.scores()["network"]
        suspicions = list(clues.suspicions(scores.get("accuracy", scores.get("r2")), repeated))
        important = _importance(model, encoded, settings, reporter)
        report = {
            "data": str(data),
            "task": target.task,
            "reason": target.reason,
            "target": target.name,
            "target_transform": scale.report,
            "judged_by": _judged_by(judgement, encoded, settings, split, split_parts),
            "split": {**split.report(split_parts), "repeated_rows": repeated},
            "suspicions": [suspicion.to_dict() for suspicion in suspicions],
            "rows": {**encoded.counts(), "without_target": lost},
            "test": judgement.to_dict(),
            "importance": important,
            "gradient_importance": _gradient_importance(model, encoded, settings),
            "class_weights": model.class_weights,
            "decision": None if model.decision is None else msgspec.to_builtins(model.decision),
            **_training_report(result, settings),
            "columns": columns,
            "search": search,
        }
        reporter.text(*terminal.report(report))  # before the files, for which the disk may have no room
        if repeated["rows"]:
            reporter.text(repeated_text(repeated))
        for suspicion in suspicions:
            reporter.warn(suspicion.words)
        write(folder, model, result, report)
    if settings.report:
        with filling(output) as folder:  # of its own, so that a plot that fails costs no training
            write_page(folder, result, judgement, report, settings)
    names = (
        "model.safetensors, report.html, report.json" if settings.report else "model.safetensors, report.json"
    )
    reporter.text(f"{names} and history.json are in {output}")
    return report


def _parts(rows: Rows, target: Target, settings: Settings, reporter: Reporter) -> Parts:
    if settings.cv:
        return whole(rows, target, settings)
    others: list[Rows | None] = []
    for path in (settings.validation, settings.test):
        if path is None:
            others.append(None)
            continue
        more = read_more(path, target, list(rows.frame.columns), settings.reading)
        if more.lost:
            reporter.text(f"{plural(more.lost, 'row')} of {path} without {target.name!r} left out")
        others.append(more)
    return divided(rows, target, settings, *others)


def _cross_validated(
    folded: Iterator[Parts], own: Target, target: Target, settings: Settings, reporter: Reporter
) -> Judgement:
    judgements = []
    for number, parts in enumerate(folded, 1):
        title = f"fold {number}/{settings.cv}, epoch"
        encoded = Encoded.of(parts, settings)
        if target != own:
            encoded = encoded.retargeted(own, target)
        result = fitted(encoded, target, settings, [EpochProgress(reporter.stderr, title)])
        expect_uninterrupted(result)
        judgements.append(Judgement.of(decided(result, encoded, target, settings), encoded, settings))
        scores = ", ".join(
            f"{name} {value:.4g}"
            for name, value in judgements[-1].scores()["network"].items()
            if value is not None
        )
        reporter.text(f"fold {number}/{settings.cv}: {scores}")
    return Judgement.joined(judgements)


def _watchers(reporter: Reporter, transform: str) -> list[EpochProgress]:
    return [EpochProgress(reporter.stderr, f"transform {transform}, epoch")]


def expect_uninterrupted(result: Fitted) -> None:
    """Raise KeyboardInterrupt if Ctrl-C has ended the training."""
    if result.history.stopped.startswith("interrupted"):
        raise KeyboardInterrupt


def _ended(result: Fitted) -> str:
    history = result.history
    kept = f"; epoch {result.best_epoch} kept" if result.best_epoch else ""
    count = len(result.estimator.modules_)
    many = f" for the first of {count} networks" if count > 1 else ""
    time = f"{duration(history.seconds)} ({history.engine} engine)"
    return f"{plural(len(history), 'epoch')}{many} in {time}: {history.stopped}{kept}"


def _judged_by(
    judgement: Judgement, encoded: Encoded, settings: Settings, split: Split, parts: dict[str, Report]
) -> str:
    count = len(judgement.truth)
    if settings.cv:
        held_out = f", {len(encoded.validation):,} others tell when to stop" if encoded.validation else ""
        every = "of them" if len(encoded.train) + len(encoded.validation or ()) == count else "rows"
        trained = f"the model is trained on {len(encoded.train):,} {every}{held_out}"
        return f"Judged by {split.cross_validated_by(settings.cv, count)}; {trained}."
    where = f" of {settings.test}" if settings.test else ""
    were = "was" if count == 1 else "were"
    how = split.judged_by(parts["test"]) if "test" in parts else ""
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


def _training_report(result: Fitted, settings: Settings) -> Report:
    """The network, its training, the settings and versions, for the report."""
    estimator, history = result.estimator, result.history
    parameters = sum(parameter.value.numel() for parameter in estimator.module_.parameters())
    sizes = [estimator.n_features_in_, *settings.hidden, estimator.n_outputs_]
    options = {field.name: getattr(settings, field.name) for field in fields(settings)}
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
