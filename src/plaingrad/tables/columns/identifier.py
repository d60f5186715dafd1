"""Columns that only name their rows, and numbers that name places."""

from __future__ import annotations

import re

import numpy as np
import pyarrow.compute as pc

from plaingrad.tables.columns.column import Column
from plaingrad.tables.columns.dateformat import candidates
from plaingrad.tables.reading.missing import without_words

FEWEST_ROWS = 20
WORDS = "ids?#?|idx|index|key|no[.]?|nr[.]?|row|rowid|rownum(ber)?|rownames?|sno|uuid|guid|#|unnamed.*"
NAMES = re.compile(rf"(?i:(.*[_ .-])?({WORDS}))|.*[a-z]I[dD]")
POSTAL_CODE = re.compile(r"(?i:(.*[_ .-])?(zip|zip[_ -]?code|post(al)?[_ -]?code|plz))|.*[a-z]Zip(Code)?")


def is_postal_code(column: Column, name: str) -> bool:
    """True for whole numbers in a column named like postal codes, which nobody adds up or compares.

    Args:
        column: all rows of a table, whose cells are numbers.
        name: of the column.
    """
    if not POSTAL_CODE.fullmatch(name.strip()):
        return False
    if column.form == "number":
        present = column.values[~column.missing()]
        return bool((present % 1 == 0).all())
    texts = without_words(column.levels).drop_null()
    return bool(pc.all(pc.match_substring_regex(texts, r"^\d+$")).as_py())


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
