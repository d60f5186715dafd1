"""Intervals of scores, by drawing the test rows again and again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

REPLICATES = 1000
COVERAGE = 0.95
MOST_ROWS, FEWEST_ROWS = 2000, 500  # of a replicate: more rows cost time, and their number makes up for it
WORK = 10_000  # rows times classes
FEWEST_GROUPS = 50
AT_ONCE = 300_000  # weights that stay in the cache

Scored = Mapping[str, np.ndarray]  # scores by name, each (replicates,)


def replicated(
    score: Callable[[np.ndarray, np.ndarray], Mapping[str, Scored]],
    rows: int,
    classes: int = 1,
    groups: np.ndarray | None = None,
    seed: int = 0,
) -> tuple[dict[str, dict[str, np.ndarray]], float]:
    """The scores of models on bootstrap samples of the rows, the same samples for each of them.

    Args:
        score: called with the indices of rows, ``(k,)``, and how often each of them is drawn,
            ``(k, replicates)``; returns the scores of each model.
        rows: how many there are.
        classes: how many classes each row is scored for, of which many make it slow.
        groups: a number or name for each row, ``(rows,)``, if rows that share it are drawn together.
        seed: of the draws.

    Returns:
        The scores of each model, each ``(REPLICATES + 1,)``, of which the first is that of the rows as they
        are; and the factor by which all rows make the deviation from it smaller.
    """
    random = np.random.default_rng(seed)
    most = max(FEWEST_ROWS, min(MOST_ROWS, WORK // classes))
    kept, units, factor = _sampled(rows, most, groups, random)
    count = int(units.max()) + 1
    parts = [score(kept, np.ones((len(kept), 1)))]
    for size in _sizes(len(kept)):
        draws = random.integers(0, count, (size, count)) + count * np.arange(size)[:, None]
        counts = np.bincount(draws.ravel(), minlength=size * count).reshape(size, count)
        parts.append(score(kept, counts.T[units].astype(np.float64, order="C")))
    return {
        model: {name: np.concatenate([part[model][name] for part in parts]) for name in scores}
        for model, scores in parts[0].items()
    }, factor


def interval(
    value: float, scores: np.ndarray, factor: float, limits: tuple[float, float] = (-np.inf, np.inf)
) -> list[float] | None:
    """The percentile interval of a score, or of a difference of two.

    Args:
        value: of all rows.
        scores: as `replicated` gives them.
        factor: that it gives too.
        limits: the lowest and the highest score there is.

    Returns:
        The lower and the upper end; None if too few samples have such a score.
    """
    first, draws = scores[0], scores[1:]
    draws = draws[np.isfinite(draws)]
    if not np.isfinite(first) or len(draws) < REPLICATES / 2:
        return None
    tail = (1 - COVERAGE) / 2
    ends = value + factor * (np.quantile(draws, [tail, 1 - tail]) - first)
    return np.clip(ends, *limits).tolist()


def _sizes(rows: int) -> Iterator[int]:
    """Numbers of replicates to draw at once."""
    size = max(1, AT_ONCE // rows)
    for start in range(0, REPLICATES, size):
        yield min(size, REPLICATES - start)


def _sampled(
    rows: int, most: int, groups: np.ndarray | None, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, float]:
    """The rows to draw from, the unit of each that is drawn as a whole, and the factor of `replicated`."""
    every = np.arange(rows)
    if groups is None:
        kept = every if rows <= most else np.sort(random.choice(rows, most, replace=False))
        return kept, np.arange(len(kept)), float(np.sqrt(len(kept) / rows))
    units = np.unique(groups, return_inverse=True)[1]
    count = int(units.max()) + 1
    fitting = min(count, max(FEWEST_GROUPS, count * most // rows))
    kept = np.flatnonzero(np.isin(units, random.choice(count, fitting, replace=False)))
    if len(kept) > most:  # few large groups, which differ more from each other than within
        kept = np.sort(random.choice(kept, most, replace=False))
    return kept, np.unique(units[kept], return_inverse=True)[1], float(np.sqrt(fitting / count))
