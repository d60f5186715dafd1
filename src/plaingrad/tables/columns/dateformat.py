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
TIMES = ["", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p"]
CLOCK = [time.strip() for time in TIMES if time]  # times of day
DIGITS = [
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%d.%m.%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%Y-%m",
    "%d/%m/%y",
    "%m/%d/%y",
]
# With years of two digits and all parts padded, lest they be versions or chapters.
PADDED = ["%d.%m.%y", "%d-%m-%y", "%m-%d-%y", "%y-%m-%d"]
NAMED = [
    "%d-%b-%Y",
    "%d %b %Y",
    "%d %b, %Y",
    "%d/%b/%Y",
    "%d%b%Y",
    "%b %d, %Y",
    "%b %d %Y",
    "%b-%d-%Y",
    "%Y-%b-%d",
    "%Y %b %d",
    "%b %Y",
    "%b, %Y",
    "%b-%Y",
    "%d-%b-%y",
    "%d %b %y",
    "%d/%b/%y",
    "%d%b%y",
    "%b-%y",
]
WITH_ZONE = ["%d %b %Y %H:%M:%S %z", "%d/%b/%Y:%H:%M:%S %z", "%b %d %H:%M:%S %z %Y"]  # of mail, servers and C
LONG_NAMED = ["%d %B %Y", "%B %d, %Y"]  # of older models; a short name stands for a long one too


def _with_times(days: list[str]) -> list[str]:
    return [day + time for day, time in product(days, TIMES)]


OF_DIGITS = _with_times([*DIGITS, *PADDED]) + CLOCK
OF_NAMES = _with_times(NAMED) + WITH_ZONE
FORMATS = OF_DIGITS + OF_NAMES + _with_times(LONG_NAMED)
MONTHS = (
    "(?i)(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)(?:uary|ruary|ch|il|ust|tember|ober|ember|t|e|y)?"
)
SHORTER = (  # as strptime has it
    (r"(?i)^(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,? +", ""),
    (r"\. ", " "),
    (MONTHS, r"\1"),
    (r"(?i)(\d)(?:st|nd|rd|th)\b", r"\1"),
    (r"(?i) (?:GMT|UTC)$", " +0000"),
)
IS_PADDED = r"^\d\d[.-]\d\d[.-]\d\d( |$)"
PARTS = r"[\pL\d]{1,9}[-/. ]+[\pL\d]{1,9}([-/., ]+[\pL\d:+ -]+)?"
LIKE_A_DATE = rf"^({PARTS}|\d\d?:\d\d[\pL\d: ]*|\d\d?\pL{{3}}\d{{2,4}}[\pL\d: ]*)$"
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
    if not len(levels) or not pc.all(pc.match_substring_regex(_shorter(levels), pattern)).as_py():
        return None
    fitting = []
    for format in (ISO, *_formats(levels)):
        odd = np.isnat(parsed(levels.slice(0, FIRST_LOOK), format))
        if odd.mean() <= 0.5 and rows[np.isnat(parsed(levels, format))].sum() <= most_odd * rows.sum():
            fitting.append(format)
    return fitting[0] if len(fitting) == 1 else None


def candidates(levels: pa.Array) -> list[tuple[str, np.ndarray]]:
    """The formats in which all these texts can be read as dates, and the dates that they are then."""
    texts = without_words(levels).drop_null()
    if not len(texts) or not pc.all(pc.match_substring_regex(texts.slice(0, FIRST_LOOK), r"\d")).as_py():
        return []
    if pc.all(pc.match_substring_regex(texts, ISO_DATE)).as_py():
        dates = parsed(texts, ISO)
        return [] if np.isnat(dates).any() else [(ISO, dates)]
    look = texts.slice(0, FIRST_LOOK)
    for part in (look, texts):
        if not pc.all(pc.match_substring_regex(_shorter(part), LIKE_A_DATE)).as_py():
            return []
    formats = [format for format in _formats(look) if not np.isnat(parsed(look, format)).any()]
    fitting = [(format, parsed(texts, format)) for format in formats]
    return [(format, dates) for format, dates in fitting if not np.isnat(dates).any()]


def _formats(texts: pa.Array) -> list[str]:
    """The formats that come into question, whether these texts have names of months or digits alone."""
    return OF_NAMES if pc.any(pc.match_substring_regex(texts, MONTHS)).as_py() else OF_DIGITS


def _shorter(texts: pa.Array) -> pa.Array:
    """Texts with short names of months, and without weekdays and endings as in 3rd."""
    shorter = texts
    for pattern, short in SHORTER:
        shorter = pc.replace_substring_regex(shorter, pattern, short)
    return pc.if_else(pc.match_substring_regex(texts, MONTHS), shorter, texts)


def parsed(texts: pa.Array, format: str) -> np.ndarray:
    """Texts as datetime64[us] in UTC, NaT for what is no date in this format."""
    # Words such as "now", and years alone, which pandas would read too.
    is_padded = format.split(" ")[0] in PADDED
    is_date = pc.match_substring_regex(
        texts, ISO_DATE if format == ISO else IS_PADDED if is_padded else r"\d"
    )
    if format not in (ISO, *OF_DIGITS):
        texts, format = _shorter(texts), format.replace("%B", "%b")
    texts = pc.if_else(is_date, texts, pa.scalar(None, texts.type))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # what cannot be read is told by the caller
        dates = pd.to_datetime(
            pd.Series(texts.to_pylist(), dtype=object), format=format, errors="coerce", utc=True
        )
    return dates.dt.tz_localize(None).to_numpy().astype("datetime64[us]")
