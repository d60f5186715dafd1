"""Suspicions of a score that flatters: groups, times, columns and rows that tell the target beforehand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from plaingrad.console.output import plural
from plaingrad.tables import Target
from plaingrad.tables.columns.column import Column
from plaingrad.tables.model.rows import Rows, Samples
from plaingrad.tables.settings import Settings
from plaingrad.tables.splits.parts import Parts

MOST_ROWS = 4000  # that are looked at
FEWEST_ROWS = 50  # of fewer, a column may foretell all by chance
FEWEST_VALUES = 10  # of groups or dates
NEAR_PERFECT = 0.98
CONSTANT = 0.95  # share of the target that groups explain, if it hardly differs within them
STRONG = 0.5  # the same, if the score is near perfect besides
DEPTH, DEPTH_OF_NUMBERS = 3, 6  # of a tree: 64 steps follow a curve
FEWEST_LEAF = 5  # rows
MANY_LEVELS = 20  # of a category, which then is one of groups


@dataclass(frozen=True)
class Suspicion:
    """A reason why a score may flatter.

    Attributes:
        kind: "group", "time", "column", "rows" or "class".
        column: the column that it is about; None if it is about rows.
        words: a sentence.
    """

    kind: str
    column: str | None
    words: str

    def to_dict(self) -> dict[str, str | None]:
        """Convert to JSON data."""
        return asdict(self)


@dataclass(frozen=True)
class _Values:
    """A column of the sample, with its own share of the target.

    Attributes:
        name: of the column.
        kind: of its schema.
        codes: integers that differ where values do, -1 for a missing one.
        alone: the share of the target that the column foretells alone, of rows held out.
        within: the share of the target that lies between its groups and not within; 0 if it has no groups.
    """

    name: str
    kind: str
    codes: np.ndarray
    alone: float
    within: float

    @property
    def distinct(self) -> int:
        """The number of values."""
        return len(np.unique(self.codes[self.codes >= 0]))


class Clues:
    """Properties of a table that make a score suspect; its rows need not be kept.

    Args:
        rows: all rows of the table.
        target: what is predicted.
        parts: of these rows.
        settings: which say how they are split.
    """

    def __init__(self, rows: Rows, target: Target, parts: Parts, settings: Settings) -> None:
        self.target, self.settings = target, settings
        self.at_random = rows.split.kind == "random" and settings.test is None
        sample = _sampled(rows, settings.seed)
        truth = np.eye(len(target.labels))[sample.codes] if target.labels else sample.codes[:, None]
        kinds = {name: schema.kind for name, schema in rows.meaning.schema.items()}
        self.columns = [
            _measured(str(name), kinds[str(name)], sample.frame[name], sample.codes, truth, target)
            for name in sample.frame.columns
        ]
        self.unlearned = sorted(set(np.unique(rows.codes)) - set(np.unique(parts.train.codes)))
        self.unlearned = self.unlearned if target.labels else []

    def suspicions(self, score: float | None, repeated: dict[str, int]) -> Iterator[Suspicion]:
        """The suspicions after a training.

        Args:
            score: accuracy or R² of the network; None if it has neither.
            repeated: as `repeated_rows` counts them.
        """
        leaks = [each for each in self.columns if each.alone >= NEAR_PERFECT and each.kind != "date"]
        groups = [column for column in self.columns if self._groups(column, score)] if self.at_random else []
        yield from map(self._of_group, groups)
        named = {column.name for column in groups}
        yield from (self._of_column(column) for column in leaks if column.name not in named)
        yield from self._of_time()
        yield from _of_rows(repeated)
        yield from self._of_classes()

    def _groups(self, column: _Values, score: float | None) -> bool:
        """True of a column whose groups tell the target, and not the order of its values."""
        if column.kind in ("number", "date") and column.alone > STRONG:
            return False
        near_perfect = score is not None and score >= NEAR_PERFECT
        return column.within >= (STRONG if near_perfect else CONSTANT)

    def _of_group(self, column: _Values) -> Suspicion:
        constant = column.within >= CONSTANT
        what = "hardly differs" if constant else "differs little"
        words = (
            f"{column.name}: its values repeat, and {self.target.name!r} {what} within the rows of each; "
            f"if the model is for values that are not in this table, --group {column.name!r} tells "
            f"how good it is"
        )
        return Suspicion("group", column.name, words)

    def _of_column(self, column: _Values) -> Suspicion:
        measure = "R²" if not self.target.labels else "errors of guessing avoided:"
        words = (
            f"{column.name}: it tells {self.target.name!r} almost alone ({measure} {column.alone:.3f} "
            f"on rows held out); if it is not known before, --ignore {column.name!r} leaves it out"
        )
        return Suspicion("column", column.name, words)

    def _of_time(self) -> Iterator[Suspicion]:
        dates = [column for column in self.columns if column.kind == "date"]
        if self.at_random and dates:
            column = max(dates, key=lambda column: column.distinct)
            if column.distinct >= FEWEST_VALUES:
                words = (
                    f"{column.name}: these are dates, and the rows were split at random; if the model is for "
                    f"later rows, --time {column.name!r} tells how good it is"
                )
                yield Suspicion("time", column.name, words)
        own = next((column for column in self.columns if column.name == self.settings.time), None)
        if own is not None:
            words = (
                f"{own.name}: later rows lie beyond all values that were learned from, where a network may "
                f"be far off; --ignore {own.name!r} leaves the column out, and the rows are split by it still"
            )
            yield Suspicion("time", own.name, words)

    def _of_classes(self) -> Iterator[Suspicion]:
        if self.unlearned:
            names = ", ".join(repr(self.target.class_names[code]) for code in self.unlearned[:5])
            yield Suspicion(
                "class", self.target.name, f"no training row has {names}, which is never predicted"
            )


def repeated_rows(train: Samples, held_out: Samples | None) -> dict[str, int]:
    """Count the rows held out that are the same, as the network gets them, as a training row.

    Returns:
        Under "of" how many rows were looked at, under "rows" how many of them are repeated, and under
        "same_target" how many of these have the target of such a training row.
    """
    if held_out is None:
        return {"of": 0, "rows": 0, "same_target": 0}
    X, y = held_out.X[:MOST_ROWS], held_out.y[:MOST_ROWS]
    factors = np.random.default_rng(0).integers(1, 2**63, 1 + X.shape[1], np.uint64) | np.uint64(1)
    keys, others = _keys(train.X, factors[1:]), _keys(X, factors[1:])
    targets, other_targets = (_keys(each[:, None].astype(np.float32), factors) for each in (train.y, y))
    same = np.isin(others + other_targets, keys + targets)
    return {"of": len(X), "rows": int(np.isin(others, keys).sum()), "same_target": int(same.sum())}


def repeated_text(repeated: dict[str, int]) -> str:
    """The count of `repeated_rows` in words; rows of few columns may well be the same by chance."""
    count, same = repeated["rows"], repeated["same_target"]
    are = "is" if count == 1 else "are"
    return (
        f"{count:,} of {plural(repeated['of'], 'row')} held out {are} the same as a "
        f"training row in all columns, {same:,} in the target too"
    )


def _keys(X: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Integers that are the same for the same rows, and else practically never."""
    keys = np.zeros(len(X), np.uint64)
    for column, factor in zip(X.T, factors):
        bits = (np.ascontiguousarray(column) + np.float32(0)).view(np.uint32).astype(np.uint64)  # no -0
        keys += (bits + np.uint64(1)) * factor
    return keys


def _of_rows(repeated: dict[str, int]) -> Iterator[Suspicion]:
    count, same = repeated["rows"], repeated["same_target"]
    if count >= FEWEST_VALUES and count >= 0.02 * repeated["of"] and same >= 0.95 * count:
        hint = "if a thing stands in the table twice, leave it there once, or name it with --group"
        words = f"{repeated_text(repeated)}; {hint}"
        yield Suspicion("rows", None, words)


def _sampled(rows: Rows, seed: int) -> Rows:
    if len(rows) <= MOST_ROWS:
        return rows.take(np.random.default_rng(seed).permutation(len(rows)))
    return rows.take(np.random.default_rng(seed).choice(len(rows), MOST_ROWS, replace=False))


def _measured(
    name: str, kind: str, cells: pd.Series, y: np.ndarray, truth: np.ndarray, target: Target
) -> _Values:
    column = Column.of(cells)
    if column.form == "text":
        codes = column.values
        values = codes.astype(float)
    else:
        values = column.values.astype(np.int64).astype(float) if column.form == "date" else column.values
        values = np.where(column.missing(), np.nan, values)
        codes = pd.factorize(values)[0]
    alone = 0.0
    if len(y) >= FEWEST_ROWS:
        levels = column.form == "text"
        few = not levels or len(np.unique(codes)) <= len(codes) / 2
        alone = _foretold(codes if levels else values, levels, y, truth, target) if few else 0.0
    whole = column.form == "text" or bool((values[np.isfinite(values)] % 1 == 0).all())
    return _Values(name, kind, codes, alone, _between(codes, truth) if whole and kind != "boolean" else 0.0)


def _foretold(values: np.ndarray, levels: bool, y: np.ndarray, truth: np.ndarray, target: Target) -> float:
    """The share of the target that one column foretells, each half of the rows from the other half."""
    guesses = np.empty(truth.shape)
    middle = len(y) // 2
    halves = np.arange(middle), np.arange(middle, len(y))
    for train, tested in (halves, halves[::-1]):
        known = values[train], truth[train], values[tested]
        depth = DEPTH if target.labels else DEPTH_OF_NUMBERS
        guesses[tested] = _by_level(*known) if levels else _by_tree(*known, depth)
    if not target.labels:
        spread = ((truth - truth.mean()) ** 2).sum()
        return float(1 - ((truth - guesses) ** 2).sum() / spread) if spread else 0.0
    wrong, guessed_wrong = np.mean(guesses.argmax(1) != y), 1 - np.bincount(y).max() / len(y)
    return float(1 - wrong / guessed_wrong) if guessed_wrong * len(y) >= FEWEST_VALUES else 0.0


def _by_level(values: np.ndarray, truth: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The mean of the target of the same level, or of all for one that is not there."""
    count = 2 + max(values.max(), others.max())  # the last is of missing values
    rows = np.bincount(values % count, minlength=count)
    means = np.stack([np.bincount(values % count, each, count) for each in truth.T], 1)
    means = np.where(rows[:, None] > 0, means / np.maximum(rows, 1)[:, None], truth.mean(0))
    return means[others % count]


def _by_tree(values: np.ndarray, truth: np.ndarray, others: np.ndarray, depth: int) -> np.ndarray:
    """The means of a few intervals of ranks, which are always small enough for a tree."""
    from sklearn.tree import DecisionTreeRegressor

    train, other = np.split(pd.Series([*values, *others]).rank(method="dense").to_numpy(), [len(values)])
    tree = DecisionTreeRegressor(max_depth=depth, min_samples_leaf=FEWEST_LEAF)
    return tree.fit(train[:, None], truth).predict(other[:, None]).reshape(len(others), -1)


def _between(codes: np.ndarray, truth: np.ndarray) -> float:
    """The share of the target's variance between groups, adjusted for their number; 0 for no groups."""
    known = codes >= 0
    _, codes, counts = np.unique(codes[known], return_inverse=True, return_counts=True)
    repeats = counts[codes] > 1 if len(codes) else np.zeros(0, bool)
    truth = truth[known][repeats]
    _, codes = np.unique(codes[repeats], return_inverse=True)
    groups = int(codes.max(initial=-1)) + 1
    if groups < MANY_LEVELS or len(codes) < max(2 * groups, known.sum() / 2):
        return 0.0
    counts = np.bincount(codes)[:, None]
    means = np.stack([np.bincount(codes, each) for each in truth.T], 1) / counts
    within = ((truth - means[codes]) ** 2).sum() / (len(codes) - groups)
    total = ((truth - truth.mean(0)) ** 2).sum() / (len(codes) - 1)
    return float(1 - within / total) if total > 0 else 0.0
