"""Columns that only name their rows."""

from __future__ import annotations

import re

import numpy as np
import pyarrow.compute as pc

from plaingrad.tables.columns.column import Column
from plaingrad.tables.columns.dateformat import candidates

FEWEST_ROWS = 20
WORDS = "ids?#?|idx|index|key|no[.]?|nr[.]?|row|rowid|rownum(ber)?|rownames?|sno|uuid|guid|#|unnamed.*"
NAMES = re.compile(rf"(?i:(.*[_ .-])?({WORDS}))|.*[a-z]I[dD]")


def is_identifier(column: Column, kind: str, name: str) -> bool:
    """True for single words, each of them once, and for integers, each once, in a column named like one.

    Integers alone do not tell: no two towns need have as many inhabitants. Nor is a word what has other signs
    in it than hyphens, such as a pair of coordinates, an address or a date.

    Args:
        column: all rows of a table.
        kind: "number" or "text", which its cells mean; nothing else is one.
        name: of the column.
    """
    rows = len(column.values)
    if rows < FEWEST_ROWS or column.missing().any() or kind not in ("number", "text"):
        return False
    if kind == "number" and not NAMES.fullmatch(name.strip()):
        return False
    if column.form == "number":
        return len(np.unique(column.values)) == rows and bool((column.values % 1 == 0).all())
    pattern = r"^[+-]?\d+$" if kind == "number" else r"^#?[\pL\pN_-]*$"
    matching = pc.all(pc.match_substring_regex(column.levels, pattern)).as_py()
    return len(column.levels) == rows and matching and not (kind == "text" and candidates(column.levels))
