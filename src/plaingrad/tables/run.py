"""A run of `plaingrad train`, from a file to a folder with model and report."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from plaingrad.console.output import Reporter, duration, plural
from plaingrad.files import filling
from plaingrad.tables import Target
from plaingrad.tables.mapped.training import FOLDER, removed_when_done
from plaingrad.tables.model.deciding import decided, threshold_text
from plaingrad.tables.model.encoded import Encoded
from plaingrad.tables.model.model import TableModel
from plaingrad.tables.model.network import Fitted, fitted
from plaingrad.tables.model.progress import EpochProgress
from plaingrad.tables.model.transform import scaled
from plaingrad.tables.preparation import Prepared
from plaingrad.tables.report import terminal
from plaingrad.tables.report.contents import contents
from plaingrad.tables.report.files import Report, write, write_page
from plaingrad.tables.report.judging import Judgement
from plaingrad.tables.report.suspicions import repeated_rows, repeated_text
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
    with removed_when_done(output / FOLDER):
        return _run(data, settings, output, reporter)


def _run(data: Path, settings: Settings, output: Path, reporter: Reporter) -> Report:
    table = Prepared.of(data, settings, reporter, output / FOLDER)
    with filling(output) as folder:
        trained = _trained(table, settings, output, reporter)
        settings, judgement = trained.settings, trained.judgement
        repeated = repeated_rows(trained.encoded.train, trained.encoded.test or trained.encoded.validation)
        scores = judgement.scores()["network"]
        suspicions = list(table.clues.suspicions(scores.get("accuracy", scores.get("r2")), repeated))
        report = {
            "data": str(data),
            **contents(trained.model, trained.result, judgement, table, trained.encoded, settings, reporter),
            "target_transform": trained.transform,
            "split": {**table.split.report(table.parts), "repeated_rows": repeated},
            "suspicions": [suspicion.to_dict() for suspicion in suspicions],
            "search": trained.search,
        }
        reporter.text(*terminal.report(report))  # before the files, for which the disk may have no room
        if repeated["rows"]:
            reporter.text(repeated_text(repeated))
        for suspicion in suspicions:
            reporter.warn(suspicion.words)
        write(folder, trained.model, trained.result, report)
    page = []
    if settings.report:
        page = ["report.html"]
        with filling(output) as folder:  # of its own, so that a plot that fails costs no training
            write_page(folder, trained.result, judgement, report, settings)
    reporter.text(
        f"{', '.join(['model.safetensors', *page, 'report.json'])} and history.json are in {output}"
    )
    return report


@dataclass(frozen=True)
class _Trained:
    """A trained model, with the settings that it was trained with and its judgement by rows held out."""

    model: TableModel
    result: Fitted
    encoded: Encoded
    settings: Settings
    judgement: Judgement
    transform: Any
    search: Any


def _trained(table: Prepared, settings: Settings, output: Path, reporter: Reporter) -> _Trained:
    scale = scaled(table.encoded, table.target, settings, reporter, partial(_watchers, reporter))
    target, encoded, result, search = scale.target, scale.encoded, scale.fitted, None
    if settings.tune:
        result = None
        settings, search = tuned(encoded, target, settings, output, reporter)
    judgement = _cross_validated(table, target, settings, reporter) if table.folded else None
    result = result or fitted(encoded, target, settings, [EpochProgress(reporter.stderr)])
    reporter.text(_ended(result))
    model = decided(result, encoded, target, settings)
    if model.decision is not None and model.decision.threshold is not None:
        reporter.text(threshold_text(target, model.decision))
    if judgement is None:
        with reporter.status("training baselines"):
            judgement = Judgement.of(model, encoded, settings)
    return _Trained(model, result, encoded, settings, judgement, scale.report, search)


def _cross_validated(table: Prepared, target: Target, settings: Settings, reporter: Reporter) -> Judgement:
    assert table.folded is not None
    judgements = []
    for number, parts in enumerate(table.folded, 1):
        title = f"fold {number}/{settings.cv}, epoch"
        encoded = Encoded.of(parts, settings)
        if target != table.target:
            encoded = encoded.retargeted(table.target, target)
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
