"""The search for good settings, which can be left and gone on with, and shared by several workers."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from plaingrad.console.output import Reporter, plural
from plaingrad.errors import InputError
from plaingrad.extras import needed_by
from plaingrad.tables import Target
from plaingrad.tables.model.encoded import Encoded
from plaingrad.tables.model.network import fitted
from plaingrad.tables.model.progress import EpochProgress
from plaingrad.tables.report.files import Report
from plaingrad.tables.search.pruning import Pruning
from plaingrad.tables.search.space import as_parameters, searched_part, settings_of, suggested
from plaingrad.tables.settings import MODEL, Settings
from plaingrad.train import TrainingDiverged

REPORT = "report.json"
ASIDE = ("output", "storage", "tune")  # settings that no model depends on
Write = Callable[[Settings, dict[str, Any]], Report]


def searched(
    encoded: Encoded, target: Target, settings: Settings, output: Path, reporter: Reporter, write: Write
) -> Report:
    """Search settings, together with whoever else does in this folder or database, and report on the best.

    Args:
        encoded: what to train on, and to judge settings by.
        target: what is to be predicted.
        settings: that are not searched; those that are, are tried first.
        output: the folder that keeps the search, unless a database does.
        reporter: tells how it goes.
        write: trains a model with the best settings, writes it with its report on the search, and returns
            that; called by one of the workers.

    Returns:
        The report, of whichever worker has written it.

    Raises:
        MissingExtra: Optuna is not installed.
        InputError: there is a search of other data or settings.
        OSError: the database cannot be used.
        KeyboardInterrupt: after Ctrl-C; what has been searched is kept.
    """
    with needed_by("--tune"):
        import optuna

        from plaingrad.tables.search import storage, workers
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with ExitStack() as around:
        around.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        database, name = around.enter_context(storage.connected(settings, output))
        study = storage.opened(database, name, encoded, settings, output)
        study.sampler = workers.SamplerByNumber(settings.seed, as_parameters(settings, len(encoded.train)))
        study.pruner = optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=4)
        if done := sum(map(workers.ended, study.trials)):
            reporter.text(f"{done} settings searched before in {name}")
        _search(study, encoded, target, settings, reporter)
        trials = [trial for trial in study.trials if workers.ended(trial)]
        if not any(trial.state.name == "COMPLETE" for trial in trials):
            raise InputError("no setting could be trained to the end")
        best = settings_of(study.best_trial, settings)
        value = "validation_loss" if settings.metric is None else "validation_metric"
        search = {
            "best": searched_part(best),
            value: study.best_value,
            "metric": settings.metric,
            "trials": [_trial(trial, settings) for trial in trials],
        }
        key = _key(settings, storage.checksums(encoded.test))
        models = optuna.create_study(
            study_name=f"{study.study_name}, models", storage=database, load_if_exists=True
        )
        return written(models, key, len(trials), output, reporter, lambda: write(best, search))


def _trial(trial: Any, settings: Settings) -> dict[str, Any]:
    """A trial as JSON has it."""
    return {
        "number": trial.number,
        "state": trial.state.name.lower(),
        "value": trial.value if trial.values else None,
        "settings": searched_part(settings_of(trial, settings)) if trial.params else {},
    }


def _search(study: Any, encoded: Encoded, target: Target, settings: Settings, reporter: Reporter) -> None:
    """Try settings until as many as were asked for have been tried."""
    from optuna.exceptions import TrialPruned

    from plaingrad.tables.search.workers import share

    assert settings.tune is not None
    total, outcome = settings.tune, [""]

    def attempt(trial: Any, index: int) -> float:
        chosen = suggested(trial, settings, len(encoded.train))
        title = f"setting {index + 1}/{total}"
        outcome[0] = f"{title}: diverged"
        pruning = Pruning(trial, settings)
        progress = EpochProgress(reporter.stderr, f"{title}, epoch")
        result = fitted(encoded, target, replace(chosen, models=1), [progress, pruning])
        if result.history.stopped.startswith("interrupted"):
            raise KeyboardInterrupt
        if pruning.pruned:
            epochs = plural(len(result.history), "epoch")
            outcome[0] = f"{title}: given up after {epochs}, {pruning.name} {pruning.best:.4g}"
            raise TrialPruned
        if not np.isfinite(pruning.best):
            outcome[0] = f"{title}: {pruning.name} never finite"
            return np.nan
        outcome[0] = f"{title}: {pruning.name} {pruning.best:.4g}"
        return pruning.best

    def after(trial: Any) -> None:
        best = f", best {study.best_value:.4g}" if trial.state.name == "COMPLETE" else ""
        reporter.text(outcome[0] + best)

    waiting = _Waiting(reporter, "tries settings")
    share(study, total, attempt, failures=(TrainingDiverged,), after=after, waiting=waiting)


class _Waiting:
    """Says once for whom a worker waits.

    Args:
        reporter: says it.
        activity: of the other worker, in words.
    """

    def __init__(self, reporter: Reporter, activity: str) -> None:
        self.reporter, self.activity, self.line = reporter, activity, ""

    def __call__(self, trials: Sequence[Any]) -> None:
        names = sorted({trial.user_attrs.get("worker", "") for trial in trials} - {""})
        line = f"waiting for another worker, which {self.activity}: {'; '.join(names)}"
        if names and line != self.line:
            self.line = line
            self.reporter.text(line)


def _key(settings: Settings, checksums: Sequence[float]) -> str:
    """The name of a model: by what it follows from, but for training data and trials, which the study has."""
    values = [getattr(settings, field.name) for field in fields(settings) if field.name not in ASIDE]
    rounded = [round(number, 1) for number in checksums]
    return hashlib.sha256(repr((values, rounded)).encode()).hexdigest()[:12]


def written(
    models: Any, key: str, tried: int, output: Path, reporter: Reporter, write: Callable[[], Report]
) -> Report:
    """Have one of the workers write model and report, while no other writes; if it dies, another.

    Args:
        models: a study whose trials are the models of the folder, one written after the other.
        key: the name of the model.
        tried: out of how many settings it is the best. A model out of more, for which another worker was
            asked, takes its place.
        output: the folder.
        reporter: tells how it goes.
        write: writes model and report into the folder.

    Returns:
        The report, of whichever worker has written it.
    """
    from plaingrad.tables.search.workers import ended, share

    def done() -> list[dict[str, Any]]:
        return [trial.user_attrs for trial in models.trials if ended(trial)]

    def serves(model: dict[str, Any]) -> bool:
        return model["key"] == key and model["tried"] >= tried

    before = done()
    is_there = (output / REPORT).exists() and bool(before) and before[-1]["model"] == _digest(output / MODEL)
    if is_there and serves(before[-1]):
        reporter.text(
            f"{MODEL} and {REPORT} of this search are in {output}; a larger --tune searches on, "
            "another folder anew"
        )
        return _read(output)
    reports: list[Report] = []

    def attempt(trial: Any, index: int) -> float:
        reports.append(write())
        facts = {
            "key": key,
            "tried": tried,
            "model": _digest(output / MODEL),
            "output": str(output.resolve()),
        }
        for name, value in facts.items():
            trial.set_user_attr(name, value)
        return 0.0

    while not reports:
        count = len(done())
        share(models, count + 1, attempt, waiting=_Waiting(reporter, "writes model and report"))
        others = [model for model in done()[len(before) :] if serves(model)]
        if others and not reports:
            worker, folder = others[-1]["worker"], others[-1]["output"]
            reporter.text(f"another worker ({worker}) has written model and report to {folder}")
            return _read(output)
    return reports[0]


def _digest(path: Path) -> str:
    """The digest of a file; empty if there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def _read(output: Path) -> Report:
    path = output / REPORT
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
