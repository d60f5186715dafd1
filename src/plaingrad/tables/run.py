"""A run of `plaingrad train`, from a file to a folder with model and report."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from plaingrad.console.output import Reporter, duration, plural
from plaingrad.data.checks import expect_folder
from plaingrad.errors import InputError
from plaingrad.extras import needed_by
from plaingrad.files import filling
from plaingrad.tables import Target
from plaingrad.tables.mapped.training import FOLDER, removed_when_done
from plaingrad.tables.model.deciding import decided, threshold_text
from plaingrad.tables.model.encoded import Encoded
from plaingrad.tables.model.model import TableModel
from plaingrad.tables.model.network import Fitted
from plaingrad.tables.model.progress import EpochProgress
from plaingrad.tables.model.trainings import FOLDER as TRAININGS
from plaingrad.tables.model.trainings import Trainings
from plaingrad.tables.model.transform import Scaled, scaled
from plaingrad.tables.preparation import Prepared
from plaingrad.tables.report import terminal
from plaingrad.tables.report.contents import contents
from plaingrad.tables.report.files import Report, write, write_page
from plaingrad.tables.report.judging import Judgement
from plaingrad.tables.report.suspicions import repeated_rows, repeated_text
from plaingrad.tables.search.search import searched
from plaingrad.tables.settings import FILES, MODEL, STUDY, Settings


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
    _expect_usable(output, settings)
    with removed_when_done(output / FOLDER):
        return _run(data, settings, output, reporter)


def _expect_usable(output: Path, settings: Settings) -> None:
    """Refuse an output folder or a database that could not be written to, before anything is read.

    Raises:
        InputError: something else has the name of a file or folder, or the URL of a database is none.
        OSError: the database cannot be reached.
    """
    for name in (FOLDER, TRAININGS):
        expect_folder(output / name)
    for name in FILES if settings.tune is None else (*FILES, STUDY):
        if (output / name).is_dir():
            raise InputError("expected a file, got a folder", file=output / name)
    if settings.tune is not None:
        with needed_by("--tune"):
            from plaingrad.tables.search import storage
        storage.expect_usable(settings)


def _run(data: Path, settings: Settings, output: Path, reporter: Reporter) -> Report:
    table = Prepared.of(data, settings, reporter, output / FOLDER)
    watchers = partial(_watchers, reporter)
    if settings.tune is None:
        with Trainings.of(output, table.encoded, settings, reporter) as trainings:
            scale = scaled(table.encoded, table.target, settings, reporter, watchers, trainings)
            return _written(data, table, scale, settings, None, trainings, output, reporter)
    scale = replace(scaled(table.encoded, table.target, settings, reporter, watchers), fitted=None)

    def write(best: Settings, search: Any) -> Report:
        with Trainings.of(output, scale.encoded, best, reporter) as trainings:
            return _written(data, table, scale, best, search, trainings, output, reporter)

    return searched(scale.encoded, scale.target, settings, output, reporter, write)


def _written(
    data: Path,
    table: Prepared,
    scale: Scaled,
    settings: Settings,
    search: Any,
    trainings: Trainings,
    output: Path,
    reporter: Reporter,
) -> Report:
    """Train with these settings, judge, write and report; returns the report."""
    page, no_page = [], None
    with filling(output, last=MODEL) as folder:
        trained = _trained(table, scale, settings, trainings, reporter)
        judgement = trained.judgement
        repeated = repeated_rows(trained.encoded.train, trained.encoded.test or trained.encoded.validation)
        scores = judgement.scores()["network"]
        suspicions = list(table.clues.suspicions(scores.get("accuracy", scores.get("r2")), repeated))
        report = {
            "data": str(data),
            **contents(trained.model, trained.result, judgement, table, trained.encoded, settings, reporter),
            "target_transform": scale.report,
            "split": {**table.split.report(table.parts), "repeated_rows": repeated},
            "suspicions": [suspicion.to_dict() for suspicion in suspicions],
            "search": search,
        }
        reporter.text(*terminal.report(report))  # before the files, for which the disk may have no room
        if repeated["rows"]:
            reporter.text(repeated_text(repeated))
        for suspicion in suspicions:
            reporter.warn(suspicion.words)
        write(folder, trained.model, trained.result, report)
        if settings.report:
            page = ["report.html"]
            try:
                write_page(folder, trained.result, judgement, report, settings)
            except Exception as error:  # a plot that fails costs no model
                no_page = error
    trainings.remove()
    if no_page is not None:
        raise no_page
    reporter.text(
        f"{', '.join(['model.safetensors', *page, 'report.json'])} and history.json are in {output}"
    )
    return report


@dataclass(frozen=True)
class _Trained:
    """A trained model, and its judgement by rows held out."""

    model: TableModel
    result: Fitted
    encoded: Encoded
    judgement: Judgement


def _trained(
    table: Prepared, scale: Scaled, settings: Settings, trainings: Trainings, reporter: Reporter
) -> _Trained:
    target, encoded = scale.target, scale.encoded
    judgement = _cross_validated(table, target, settings, trainings, reporter) if table.folded else None
    progress = [EpochProgress(reporter.stderr)]
    result = scale.fitted or trainings.fitted("network", encoded, target, settings, progress)
    reporter.text(_ended(result))
    model = decided(result, encoded, target, settings)
    if model.decision is not None and model.decision.threshold is not None:
        reporter.text(threshold_text(target, model.decision))
    if judgement is None:
        with reporter.status("training baselines"):
            judgement = Judgement.of(model, encoded, settings)
    return _Trained(model, result, encoded, judgement)


def _cross_validated(
    table: Prepared, target: Target, settings: Settings, trainings: Trainings, reporter: Reporter
) -> Judgement:
    assert table.folded is not None
    judgements = []
    for number, parts in enumerate(table.folded, 1):
        title = f"fold {number}/{settings.cv}, epoch"
        encoded = Encoded.of(parts, settings)
        if target != table.target:
            encoded = encoded.retargeted(table.target, target)
        progress = [EpochProgress(reporter.stderr, title)]
        result = trainings.fitted(f"fold {number}", encoded, target, settings, progress)
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
