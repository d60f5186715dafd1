"""Dates written as text."""

from __future__ import annotations

import warnings
from itertools import product

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from plaingrad.tables.reading.inference import ISO_DATE
from plaingrad.tables.reading.missing import without_words

ISO = "ISO8601"
DAYS = [
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%d.%m.%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%d-%b-%Y",
    "%d %b %Y",
    "%d %B %Y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%Y-%m",
]
TIMES = ["", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p"]
CLOCK = [time.strip() for time in TIMES if time]  # times of day
FORMATS = [day + time for day, time in product(DAYS, TIMES)] + CLOCK
LIKE_A_DATE = r"^([\pL\d]{1,9}[-/. ]+[\pL\d]{1,9}([-/., ]+[\pL\d: ]+)?|\d\d?:\d\d[\pL\d: ]*)$"
FIRST_LOOK = 50


def date_format(levels: pa.Array) -> str | None:
    """The format in which distinct texts write dates.

    Args:
        levels: texts without blanks around them.

    Returns:
        "ISO8601", a format as strptime has it, or None: they are no dates, or day and month can be told apart
        in none of them.
    """
    fitting = candidates(levels)
    if not fitting or any((dates != fitting[0][1]).any() for _, dates in fitting):
        return None
    return fitting[0][0]


def date_format_of_most(levels: pa.Array, rows: np.ndarray, most_odd: float) -> str | None:
    """The one format in which all of these texts are dates but a few that are impossible, as 2023-02-30 is.

    Args:
        levels: texts without blanks around them, all of which have the form of a date.
        rows: how many rows have each of them.
        most_odd: the fraction of the rows that may have none that exists.
    """
    pattern = f"{LIKE_A_DATE}|{ISO_DATE}"
    if not len(levels) or not pc.all(pc.match_substring_regex(levels, pattern)).as_py():
        return None
    fitting = []
    for format in (ISO, *FORMATS):
        odd = np.isnat(parsed(levels.slice(0, FIRST_LOOK), format))
        if odd.mean() <= 0.5 and rows[np.isnat(parsed(levels, format))].sum() <= most_odd * rows.sum():
            fitting.append(format)
    return fitting[0] if len(fitting) == 1 else None


def candidates(levels: pa.Array) -> list[tuple[str, np.ndarray]]:
    """The formats in which all these texts can be read as dates, and the dates that they are then."""
    texts = without_words(levels).drop_null()
    if not len(texts):
        return []
    if pc.all(pc.match_substring_regex(texts, ISO_DATE)).as_py():
        dates = parsed(texts, ISO)
        return [] if np.isnat(dates).any() else [(ISO, dates)]
    look = texts.slice(0, FIRST_LOOK)
    if not all(pc.all(pc.match_substring_regex(part, LIKE_A_DATE)).as_py() for part in (look, texts)):
        return []
    formats = [format for format in FORMATS if not np.isnat(parsed(look, format)).any()]
    fitting = [(format, parsed(texts, format)) for format in formats]
    return [(format, dates) for format, dates in fitting if not np.isnat(dates).any()]


def parsed(texts: pa.Array, format: str) -> np.ndarray:
    """Texts as datetime64[us] in UTC, NaT for what is no date in this format."""
    # Words such as "now", and years alone, which pandas would read too.
    is_date = pc.match_substring_regex(texts, ISO_DATE if format == ISO else r"\d")
    texts = pc.if_else(is_date, texts, pa.scalar(None, texts.type))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # what cannot be read is told by the caller
        dates = pd.to_datetime(
            pd.Series(texts.to_pylist(), dtype=object), format=format, errors="coerce", utc=True
        )
    return dates.dt.tz_localize(None).to_numpy().astype("datetime64[us]")
