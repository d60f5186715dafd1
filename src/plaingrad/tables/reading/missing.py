"""Words that stand for a missing value."""

from __future__ import annotations

from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

MISSING = ["", "#N/A", "<NA>", "?", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"]

Texts = TypeVar("Texts", pa.Array, pa.ChunkedArray)


def without_words(text: Texts) -> Texts:
    """Text in which words for missing values are missing."""
    return pc.if_else(pc.is_in(text, pa.array(MISSING, text.type)), pa.scalar(None, text.type), text)
