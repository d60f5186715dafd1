"""Text that is found to be numbers, truth values or dates."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from plaingrad.tables.columns.numberformat import number_format
from plaingrad.tables.reading.missing import without_words

FIRST_LOOK = 1000
ROWS_PER_LEVEL = 2  # at least, on average, for a column of levels instead of texts
LOOK_AT_LEVELS = 100_000

ISO_DATE = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$"
LEADING_ZERO = r"^[+-]?0[0-9xX]"


def typed(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text as what it says: truth values, numbers, ISO 8601 dates, or text without blanks around it.

    Words such as NA are missing values among numbers, truth values and dates, and words among words.
    Numbers with leading zeros are no numbers but names (postal codes). Text with few distinct values becomes
    a dictionary array, unless it is numbers written in another way (see `number_format`), which stay text:
    other rows have to be read in the way in which the first ones were written, which is not known here.

    Args:
        text: strings.
    """
    trimmed = pc.utf8_trim_whitespace(text)
    trimmed = pc.if_else(pc.equal(trimmed, ""), None, trimmed)
    values = without_words(trimmed)
    if values.null_count == len(values):
        return pa.chunked_array([pa.nulls(len(values), pa.float64())])
    look = values.drop_null().slice(0, FIRST_LOOK)
    for reading in (_truth_values, _numbers, _dates):
        if reading(look) is not None:
            inferred = reading(values)
            if inferred is not None:
                return inferred
    return trimmed if number_format(trimmed) else _levels(trimmed)


Reading = Callable[[pa.ChunkedArray], "pa.ChunkedArray | None"]


def _truth_values(text: pa.ChunkedArray) -> pa.ChunkedArray | None:
    small = pc.utf8_lower(text)
    true = pc.equal(small, "true")
    return true if pc.all(pc.or_(true, pc.equal(small, "false"))).as_py() else None


def _numbers(text: pa.ChunkedArray) -> pa.ChunkedArray | None:
    if pc.any(pc.match_substring_regex(text, LEADING_ZERO)).as_py():
        return None
    for kind in (pa.int64(), pa.float64()):
        try:
            return pc.cast(text, kind)
        except pa.ArrowInvalid:
            continue
    return None


def _dates(text: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """ISO 8601 dates; those with an offset as UTC."""
    if not pc.all(pc.match_substring_regex(text, ISO_DATE)).as_py():
        return None
    offset = pc.match_substring_regex(text, r"(Z|[+-]\d{2}:?\d{2})$")
    with_time = pc.match_substring(text, ":")
    zoned = pc.any(pc.and_(offset, with_time)).as_py()
    kind = pa.timestamp("us", "UTC") if zoned else pa.timestamp("us")
    try:
        return pc.cast(pc.cast(text, kind), pa.timestamp("us"))
    except pa.ArrowInvalid:  # the 30th of February, or an offset in some rows only
        return None


def _levels(text: pa.ChunkedArray) -> pa.ChunkedArray:
    look = text.slice(0, LOOK_AT_LEVELS)
    if pc.count_distinct(look).as_py() * ROWS_PER_LEVEL > len(look):
        return text
    return pc.dictionary_encode(text)
