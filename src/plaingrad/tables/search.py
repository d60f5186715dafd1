"""The search for good settings, which can be left and gone on with."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from plaingrad.console.output import Reporter, plural
from plaingrad.errors import InputError
from plaingrad.extras import needed_by
from plaingrad.tables import Target
from plaingrad.tables.model.encoded import Encoded
from plaingrad.tables.model.monitoring import column_of, smaller_is_better
from plaingrad.tables.model.network import fitted
from plaingrad.tables.model.progress import EpochProgress
from plaingrad.tables.model.watcher import Watcher
from plaingrad.tables.settings import STUDY, Settings
from plaingrad.train import TrainingDiverged
from plaingrad.train.callbacks.callback import Logs

WIDTHS = [16, 32, 64, 128, 256]
BATCH_SIZES = [16, 32, 64, 128, 256, 512, 1024, 2048]
SEARCHED = ("hidden", "activation", "dropout", "normalization", "lr", "weight_decay", "batch_size")
# Settings that must be the same for the losses of two searches to be comparable.
SHARED = (
    "optimizer", "schedule", "clip_norm", "epochs", "loss", "quantile", "label_smoothing", "class_weight",
    "patience", "max_time", "seed",
)  # fmt: skip


def tuned(
    encoded: Encoded, target: Target, settings: Settings, output: Path, reporter: Reporter
) -> tuple[Settings, dict[str, Any]]:
    """Search settings, and return the best with a report of the search.

    Args:
        encoded: what to train on, and to judge settings by.
        target: what is to be predicted.
        settings: that are not searched; those that are, are tried first.
        output: the folder that keeps the search, whatever happens.
        reporter: tells how it goes.

    Raises:
        MissingExtra: Optuna is not installed.
        InputError: the folder has a search of other data or settings.
        KeyboardInterrupt: after Ctrl-C; what has been searched is kept.
    """
    with needed_by("--tune"):
        import optuna
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study = _study(optuna, output / STUDY, _fingerprint(encoded, settings), settings)
        done = len(_counted(study))
        if done:
            reporter.text(f"{done} settings searched before in {output / STUDY}")
        else:
            study.enqueue_trial(_as_parameters(settings, len(encoded.train)), skip_if_exists=True)
        assert settings.tune is not None
        for number in range(done + 1, settings.tune + 1):
            title = f"setting {number}/{settings.tune}"
            outcome = _try(
                optuna, study, encoded, target, settings, EpochProgress(reporter.stderr, f"{title}, epoch")
            )
            reporter.text(f"{title}: {outcome}")
    if not any(trial.state.name == "COMPLETE" for trial in study.trials):
        raise InputError("no setting could be trained to the end")
    best = _settings(study.best_trial, settings)
    chosen = {name: getattr(best, name) for name in SEARCHED}
    trials = [
        {
            "number": trial.number,
            "state": trial.state.name.lower(),
            "value": trial.value if trial.values else None,
            "settings": _searched(trial, settings) if trial.params else {},
        }
        for trial in _counted(study)
    ]
    value = "validation_loss" if settings.metric is None else "validation_metric"
    return best, {"best": chosen, value: study.best_value, "metric": settings.metric, "trials": trials}


def _study(optuna: Any, path: Path, fingerprint: str, settings: Settings) -> Any:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    storage = JournalStorage(JournalFileBackend(str(path)))
    direction = "minimize" if smaller_is_better(settings) else "maximize"
    options = {"study_name": "plaingrad", "storage": storage, "load_if_exists": True}
    study = optuna.create_study(**options, direction=direction)
    if study.user_attrs.get("fingerprint", fingerprint) != fingerprint:
        problem = "a search of other data or settings"
        raise InputError(problem, file=path, hint="remove it, or choose another folder")
    study.set_user_attr("fingerprint", fingerprint)
    # A new seed for the rest, or else the first draws would come again.
    study.sampler = optuna.samplers.TPESampler(seed=(settings.seed + len(study.trials)) % 2**32)
    study.pruner = optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=4)
    return study


def _fingerprint(encoded: Encoded, settings: Settings) -> str:
    shared = [getattr(settings, name) for name in SHARED]
    shared += [] if settings.metric is None else [settings.metric]
    digest = hashlib.sha256(repr(shared).encode())
    assert encoded.validation is not None
    train, held_out = encoded.train, encoded.validation
    for array in (train.X, train.y, held_out.X, held_out.y, train.weights):
        if array is not None:
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _counted(study: Any) -> list[Any]:
    """The trials that have an end, and were not interrupted."""
    return [
        trial for trial in study.trials if trial.state.is_finished() and "interrupted" not in trial.user_attrs
    ]


def _try(
    optuna: Any, study: Any, encoded: Encoded, target: Target, settings: Settings, progress: EpochProgress
) -> str:
    """Train with the next setting, and tell how it went."""
    trial = study.ask()
    chosen = _suggested(trial, settings, len(encoded.train))
    pruning = Pruning(trial, settings)
    state = optuna.trial.TrialState
    try:
        result = fitted(encoded, target, replace(chosen, models=1), [progress, pruning])
    except TrainingDiverged:
        study.tell(trial, state=state.FAIL)
        return "diverged"
    if result.history.stopped.startswith("interrupted"):
        trial.set_user_attr("interrupted", True)
        study.tell(trial, state=state.FAIL)
        raise KeyboardInterrupt
    if pruning.pruned:
        study.tell(trial, state=state.PRUNED)
        return f"given up after {plural(len(result.history), 'epoch')}, {pruning.name} {pruning.best:.4g}"
    if not np.isfinite(pruning.best):
        study.tell(trial, state=state.FAIL)
        return f"{pruning.name} never finite"
    study.tell(trial, pruning.best)
    return f"{pruning.name} {pruning.best:.4g}, best {study.best_value:.4g}"


class Pruning(Watcher):
    """Ends the training of a setting that is behind the median of the others.

    Args:
        trial: of Optuna; told the best loss so far after epochs 1, 2, 4, 8...
        settings: say what to look at: the validation loss, or a metric.

    Attributes:
        best: the best value of it.
        name: of it, in words.
        pruned: whether training was ended so.
    """

    watches_model = False

    def __init__(self, trial: Any, settings: Settings) -> None:
        self.column, self.smaller = column_of(settings), smaller_is_better(settings)
        self.name = f"validation {self.column.removeprefix('val_').replace('_', ' ')}"
        self.trial, self.best, self.pruned = trial, float("inf" if self.smaller else "-inf"), False

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        self.best = (min if self.smaller else max)(self.best, logs[self.column])
        if (epoch + 1) & epoch == 0 and np.isfinite(self.best):
            self.trial.report(self.best, epoch + 1)
            if self.trial.should_prune():
                self.pruned = True
                self.run.stop(f"given up after epoch {epoch + 1}: worse than the median of other settings")


def _suggested(trial: Any, settings: Settings, rows: int) -> Settings:
    """The settings of a trial, drawn by Optuna."""
    layers = trial.suggest_int("layers", 0, 4)
    for i in range(layers):
        trial.suggest_int(f"width_{i + 1}", 4, 512, log=True)
    trial.suggest_float("lr", 1e-5, 1e-1, log=True)
    trial.suggest_float("weight_decay", 1e-7, 1.0, log=True)
    trial.suggest_float("dropout", 0.0, 0.6)
    trial.suggest_categorical("normalization", ["none", "batch", "layer"])
    trial.suggest_categorical("activation", ["relu", "gelu", "silu", "tanh"])
    trial.suggest_categorical("batch_size", _batch_sizes(rows))
    return _settings(trial, settings)


def _batch_sizes(rows: int) -> list[int]:
    return [size for size in BATCH_SIZES if size <= rows] or [rows]


def _settings(trial: Any, settings: Settings) -> Settings:
    """A trial's parameters as settings."""
    parameters = dict(trial.params)
    widths = tuple(parameters.pop(f"width_{i + 1}") for i in range(parameters.pop("layers")))
    return replace(settings, hidden=widths, **parameters)


def _searched(trial: Any, settings: Settings) -> dict[str, Any]:
    chosen = _settings(trial, settings)
    return {name: getattr(chosen, name) for name in SEARCHED}


def _as_parameters(settings: Settings, rows: int) -> dict[str, Any]:
    """The settings that were given as a first trial, brought to where the search may go."""
    sizes = _batch_sizes(rows)
    batch_size = settings.batch_size or min(1024, max(32, rows / 100))
    clipped: Callable[[float, float, float], float] = lambda value, low, high: min(max(value, low), high)  # noqa: E731
    parameters = {
        "layers": min(len(settings.hidden), 4),
        "lr": clipped(settings.lr, 1e-5, 1e-1),
        "weight_decay": clipped(settings.weight_decay, 1e-7, 1.0),
        "dropout": clipped(settings.dropout, 0.0, 0.6),
        "normalization": settings.normalization,
        "activation": settings.activation
        if settings.activation in ("relu", "gelu", "silu", "tanh")
        else "relu",
        "batch_size": min(sizes, key=lambda size: abs(size - batch_size)),
    }
    widths = {f"width_{i + 1}": int(clipped(width, 4, 512)) for i, width in enumerate(settings.hidden[:4])}
    return parameters | widths
