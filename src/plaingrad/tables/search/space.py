"""The settings that a search tries, as parameters of Optuna."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from plaingrad.tables.settings import Settings

BATCH_SIZES = [16, 32, 64, 128, 256, 512, 1024, 2048]
SEARCHED = ("hidden", "activation", "dropout", "normalization", "lr", "weight_decay", "batch_size")


def suggested(trial: Any, settings: Settings, rows: int) -> Settings:
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
    return settings_of(trial, settings)


def _batch_sizes(rows: int) -> list[int]:
    return [size for size in BATCH_SIZES if size <= rows] or [rows]


def settings_of(trial: Any, settings: Settings) -> Settings:
    """A trial's parameters as settings."""
    parameters = dict(trial.params)
    widths = tuple(parameters.pop(f"width_{i + 1}") for i in range(parameters.pop("layers")))
    return replace(settings, hidden=widths, **parameters)


def searched_part(settings: Settings) -> dict[str, Any]:
    """The values of the settings that are searched."""
    return {name: getattr(settings, name) for name in SEARCHED}


def as_parameters(settings: Settings, rows: int) -> dict[str, Any]:
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
