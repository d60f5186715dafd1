"""Lists in a cell: a|b|c, or ['a', 'b'] as programs write them."""

from __future__ import annotations

import ast
import json
from collections import Counter

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from plaingrad.tables.columns.column import Column, text_of

BRACKETS = "[]"  # stands for a list as JSON or Python has it
SEPARATORS = (BRACKETS, "|", ";", ",")
FIRST_LOOK = 50
FEWEST_TEXTS = 5  # distinct ones
FEWEST_LISTS = 0.1  # of the rows: those with more than one item
FEWEST_REPETITIONS = 5  # of an item, on average
MOST_ODD = 0.05  # of the rows: those that are no list, or have an item twice
LONGEST_ITEM = 30  # on average


def split(text: str, separator: str) -> list[str] | None:
    """The items of a list, without blanks around them; None for what is no list."""
    parts = _literal(text) if separator == BRACKETS else text.split(separator)
    if parts is None:
        return None
    return [part for part in (text_of(each).strip() for each in parts) if part]


def _literal(text: str) -> list[object] | None:
    if not (text[:1] == "[" and text[-1:] == "]"):
        return None
    for reading in (json.loads, ast.literal_eval):
        try:
            items = reading(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
        is_flat = isinstance(items, list) and not any(isinstance(item, list | dict | tuple) for item in items)
        return [item for item in items if item is not None] if is_flat else None
    return None


def is_list(levels: pa.Array, separator: str) -> np.ndarray:
    """Booleans that are true for texts that are lists."""
    return np.array([split(text or "", separator) is not None for text in levels.to_pylist()], bool)


def exploded(texts: Column, separator: str) -> Column:
    """The items of all rows, as a column of their own, each once for a row that has it."""
    lists = [sorted(set(split(text or "", separator) or ())) for text in texts.levels.to_pylist()]
    items = pd.Series([lists[code] for code in texts.values[texts.values >= 0]], dtype=object).explode()
    codes, levels = pd.factorize(items.dropna())
    return Column("text", codes, pa.array(levels, pa.large_string()))


def list_separator(levels: pa.Array, rows: np.ndarray) -> str | None:
    """The separator of a column of lists whose items repeat much; None if it is no such column.

    Args:
        levels: distinct texts, none of which stands for a missing value.
        rows: how many rows have each of them.
    """
    return next((each for each in SEPARATORS if _are_lists(levels, rows, each)), None)


def _are_lists(levels: pa.Array, rows: np.ndarray, separator: str) -> bool:
    several = pc.match_substring(levels, "," if separator == BRACKETS else separator)
    most = rows[several.to_numpy(zero_copy_only=False)].sum() >= FEWEST_LISTS * rows.sum()
    if len(levels) < FEWEST_TEXTS or not most or not _are_short(levels.slice(0, FIRST_LOOK), separator):
        return False
    lists = [split(text, separator) for text in levels.to_pylist()]
    lengths = np.array([-1 if items is None else len(items) for items in lists])
    twice = np.array([items is not None and len(set(items)) < len(items) for items in lists])
    if rows[(lengths < 0) | twice].sum() > MOST_ODD * rows.sum():
        return False
    if separator == "," and len(np.unique(lengths)) == 1:  # such as a town and its state
        return False
    counts = Counter[str]()
    for items, count in zip(lists, rows.tolist()):
        counts.update(dict.fromkeys(items or (), count))
    return len(counts) < len(levels) and counts.total() >= FEWEST_REPETITIONS * len(counts)


def _are_short(levels: pa.Array, separator: str) -> bool:
    """True for texts of which half are lists at least, and of no sentences."""
    lists = [split(text, separator) for text in levels.to_pylist()]
    lengths = [len(item) for items in lists for item in items or ()]
    are_most = 2 * sum(items is not None for items in lists) >= len(lists)
    return are_most and bool(lengths) and sum(lengths) <= LONGEST_ITEM * len(lengths)
