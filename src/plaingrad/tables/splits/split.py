"""The ways to hold out rows: at random here, by group and by time beside it."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch

from plaingrad.console.output import plural
from plaingrad.data import Dataset, split
from plaingrad.errors import InputError
from plaingrad.tables import Target

Pair = tuple[np.ndarray, np.ndarray]


class Split(ABC):
    """A way to hold out some of the rows, and what it must know of each of them.

    Attributes:
        kind: "random", "group" or "time".
        column: the column that it goes by; None for a random one.
        missing: how many rows of the table have no value there.
    """

    kind: ClassVar[str]
    column: str | None
    missing: int

    @property
    def units(self) -> np.ndarray | None:
        """A number that rows share which belong together, ``(rows,)``; None if each is alone."""
        return None

    @abstractmethod
    def take(self, indices: np.ndarray) -> Split:
        """The same for some of the rows, in this order."""

    @abstractmethod
    def divided(self, y: np.ndarray, target: Target, size: float, seed: int) -> Pair:
        """Hold out about a fraction of the rows.

        Args:
            y: the encoded target, ``(rows,)``.
            target: what is predicted; of classes, both parts have the same shares as far as can be.
            size: the fraction.
            seed: of a draw.

        Returns:
            The indices of the rows that remain, and of those that are held out, each in order.

        Raises:
            InputError: there are too few rows or groups, or times that differ.
        """

    @abstractmethod
    def folds(self, y: np.ndarray, target: Target, count: int, seed: int) -> list[Pair]:
        """The training and the test rows of each fold of a cross-validation; arguments as for `divided`."""

    def part(self) -> dict[str, Any]:
        """A part, for a program."""
        return {}

    def description(self, parts: dict[str, dict[str, Any]]) -> str:
        """The parts in a line; empty if there is nothing to say of them."""
        return ""

    def judged_by(self, part: dict[str, Any]) -> str:
        """The test rows in a sentence, after a blank; empty for a random split."""
        return ""

    def cross_validated_by(self, folds: int, rows: int) -> str:
        """The rows that a cross-validation judges by, in words."""
        return f"cross-validation with {folds} folds over all {rows:,} rows"

    def expect_folds(self, things: str, number: int, count: int) -> None:
        """Refuse fewer things, such as rows, than there must be for so many folds."""
        if number < count:
            problem = f"too few {things}: expected at least {count} for as many folds, got {number}"
            raise InputError(problem, column=self.column)

    def report(self, parts: dict[str, dict[str, Any]]) -> dict[str, Any]:
        """The split and its parts, for a program."""
        return {"kind": self.kind, "column": self.column, "missing": self.missing, "parts": parts}


@dataclass(frozen=True)
class RandomSplit(Split):
    """Rows drawn at random; classes keep their share in both parts."""

    kind: ClassVar[str] = "random"
    column: None = None
    missing: int = 0

    def take(self, indices: np.ndarray) -> RandomSplit:
        """The same, for rows of which nothing must be known."""
        return self

    def divided(self, y: np.ndarray, target: Target, size: float, seed: int) -> Pair:
        """Draw about a fraction of the rows."""
        data = Dataset(torch.arange(len(y)), torch.from_numpy(y), (), target.class_names)
        rest, drawn = split(data, size, seed)
        return rest.inputs.numpy(), drawn.inputs.numpy()

    def folds(self, y: np.ndarray, target: Target, count: int, seed: int) -> list[Pair]:
        """Draw folds of the same size."""
        from sklearn.model_selection import KFold, StratifiedKFold

        self.expect_folds("rows", len(y), count)
        kind = StratifiedKFold if target.labels and np.bincount(y).max() >= count else KFold
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The least populated class")
            return list(kind(count, shuffle=True, random_state=seed).split(y, y))


def counted_parts(parts: dict[str, str]) -> str:
    """Parts in words: what is trained, validated and tested by."""
    verbs = {"train": "to train", "validation": "to validate", "test": "to test"}
    return ", ".join(f"{text} {verbs[name]}" for name, text in parts.items())


def rows_without(count: int, column: str) -> str:
    """The number of rows that have no value in a column, in words."""
    return f"{plural(count, 'row')} without {column!r}"
