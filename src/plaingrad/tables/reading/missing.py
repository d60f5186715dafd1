"""Words and marks that stand for a missing value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

MISSING = ["", "#N/A", "<NA>", "?", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"]
# Among numbers and dates alone, for they may be levels of a category; in any case of letters.
MARKS = [
    "-", "--", "---", "–", "—", ".", "..", "...", "*", "n.a.", "n.d.", "n/d", "k.a.", "s/d", "none", "nil",
    "unknown", "missing", "not available", "not applicable", "no data", "(none)", "(missing)", "(blank)",
    "0000-00-00", "0000-00-00 00:00:00", "#div/0!", "#value!", "#ref!", "#name?", "#num!", "#null!",
]  # fmt: skip

Texts = TypeVar("Texts", pa.Array, pa.ChunkedArray)


def without_words(text: Texts) -> Texts:
    """Text in which words for missing values are missing."""
    return without(text, MISSING)


def without(text: Texts, words: Sequence[str]) -> Texts:
    """Text in which these words are missing."""
    return pc.if_else(pc.is_in(text, pa.array(words, text.type)), pa.scalar(None, text.type), text)
