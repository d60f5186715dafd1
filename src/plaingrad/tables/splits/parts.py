"""Rows in parts: what a network is trained on, what ends its training, and what it is judged by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

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

    def split(self) -> dict[str, dict[str, Any]]:
        """The parts of the table that was split, for a program; those of other tables are none."""
        named = {"train": self.train, "validation": self.validation, "test": self.test}
        kind = self.train.split.kind
        parts = {name: rows.split.part() for name, rows in named.items() if rows and rows.split.kind == kind}
        return {name: part for name, part in parts.items() if part}


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
        InputError: there are too few rows for parts with all classes, or the split cannot be made.
    """
    rest = np.arange(len(rows))
    if test is None:
        rest, tested = _divided(rest, rows, target, settings.test_size, settings.seed)
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
    assert settings.cv is not None
    for rest, tested in rows.split.folds(rows.codes, target, settings.cv, settings.seed):
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
        rest, drawn = _divided(rest, rows, target, settings.validation_size, settings.seed)
        validation = rows.take(drawn)
    train = rows.take(rest) if len(rest) < len(rows) else rows
    if target.labels:
        known = np.unique(train.codes)
        if len(known) < 2:
            only = target.class_names[known[0]]
            problem = f"expected training rows of at least two classes of {target.name!r}, got {only!r} alone"
            raise InputError(problem, column=rows.split.column)
        validation = validation and _of_classes(validation, known, target)
    return Parts(train, validation, test)


def _of_classes(validation: Rows, known: np.ndarray, target: Target) -> Rows:
    """The rows of classes that are learned; of others nothing can tell when to stop."""
    judging = np.isin(validation.codes, known)
    if not judging.any():
        names = ", ".join(repr(target.class_names[code]) for code in np.unique(validation.codes))
        problem = f"expected a class of the training rows among those that tell when to stop, got {names}"
        raise InputError(problem, column=validation.split.column)
    return validation if judging.all() else validation.take(np.flatnonzero(judging))


def _divided(
    indices: np.ndarray, rows: Rows, target: Target, size: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Hold out a fraction of some rows, as the split of the table has it."""
    rest, drawn = rows.split.take(indices).divided(rows.codes[indices], target, size, seed)
    return indices[rest], indices[drawn]
