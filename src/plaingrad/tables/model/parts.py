"""Rows in parts: what a network is trained on, what ends its training, and what it is judged by."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from plaingrad.data import Dataset, split
from plaingrad.errors import InputError
from plaingrad.tables import Target
from plaingrad.tables.model.rows import Rows
from plaingrad.tables.settings import Settings


@dataclass(frozen=True)
class Parts:
    """Parts of a table that have no row in common.

    Attributes:
        train: what the network is trained on.
        validation: what tells when to stop; None if nothing does.
        test: what the network is judged by; None if it has been judged before.
    """

    train: Rows
    validation: Rows | None
    test: Rows | None


def divided(
    rows: Rows, target: Target, settings: Settings, validation: Rows | None = None, test: Rows | None = None
) -> Parts:
    """The parts of a single training.

    Args:
        rows: all rows of the table.
        target: what is to be predicted.
        settings: say how large the parts are.
        validation: what validates instead of a part of the rows.
        test: what tests instead of a part of the rows.

    Raises:
        InputError: there are too few rows for parts with all classes.
    """
    rest = np.arange(len(rows))
    if test is None:
        rest, tested = _drawn(rest, rows, target, settings.test_size, settings.seed)
        for name, part in (("test", tested), ("training", rest)):
            if len(part) < len(target.labels):
                raise InputError(
                    f"too few rows: {len(rows)} leave {len(part)} for the {name} part, "
                    f"which has to hold {len(target.labels)} classes"
                )
        test = rows.take(tested)
    return _trained(rows, rest, target, settings, validation, test)


def folds(rows: Rows, target: Target, settings: Settings) -> Iterator[Parts]:
    """The parts of each training of a cross-validation."""
    from sklearn.model_selection import KFold, StratifiedKFold

    count = settings.cv
    assert count is not None
    if count > len(rows):
        raise InputError(f"too few rows: expected at least {count} for as many folds, got {len(rows)}")
    kind = StratifiedKFold if target.labels else KFold
    if target.labels and np.bincount(rows.codes).max() < count:
        kind = KFold
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class")
        splits = list(kind(count, shuffle=True, random_state=settings.seed).split(rows.codes, rows.codes))
    for rest, tested in splits:
        yield _trained(rows, rest, target, settings, None, rows.take(tested))


def whole(rows: Rows, target: Target, settings: Settings) -> Parts:
    """The parts of a training on all rows, but for those that tell when to stop."""
    return _trained(rows, np.arange(len(rows)), target, settings, None, None)


def _trained(
    rows: Rows,
    rest: np.ndarray,
    target: Target,
    settings: Settings,
    validation: Rows | None,
    test: Rows | None,
) -> Parts:
    if settings.patience > 0 and validation is None:
        rest, drawn = _drawn(rest, rows, target, settings.validation_size, settings.seed)
        validation = rows.take(drawn)
    return Parts(rows.take(rest) if len(rest) < len(rows) else rows, validation, test)


def _drawn(
    indices: np.ndarray, rows: Rows, target: Target, size: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Split indices; classes keep their share in both parts, as far as there are enough rows."""
    data = Dataset(torch.from_numpy(indices), torch.from_numpy(rows.codes[indices]), (), target.class_names)
    return tuple(part.inputs.numpy() for part in split(data, size, seed))  # type: ignore[return-value]
