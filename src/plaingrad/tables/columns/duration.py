"""Durations written as text: 3h 5m, 90 minutes, 1:02:03 or PT3H5M."""

from __future__ import annotations

import re
from typing import ClassVar

import numpy as np
import pyarrow as pa

from plaingrad.tables.columns.numeric import NumberEncoder

HOURS, MINUTES, NEITHER = "h:mm", "m:ss", "h:mm:ss"  # the meaning of two parts, such as 90:30
DURATIONS = (NEITHER, HOURS, MINUTES)
FIRST_LOOK = 50
FEWEST_TEXTS = 10  # distinct ones, lest they be codes or a few levels

SECONDS = {
    "s|secs?|seconds?": 1.0,
    "m|mins?|minutes?": 60.0,
    "h|hrs?|hours?": 3600.0,
    "d|days?": 86400.0,
    "w|wks?|weeks?": 7 * 86400.0,
    "mos?|months?": 30.4375 * 86400,
    "yrs?|years?": 365.25 * 86400,
    "ms|msecs?|milliseconds?": 1e-3,
}
NUMBER = r"\d+(?:\.\d+)?"
UNIT = "|".join(f"(?P<u{i}>{words})" for i, words in enumerate(SECONDS))
PART = re.compile(rf"(?P<number>{NUMBER}) ?(?:{UNIT})(?![A-Za-z])", re.IGNORECASE)
BETWEEN = re.compile(r" ?(?:,|and)? ?")
CLOCK = re.compile(  # such as 1 day, 2:03:04, and -1 days +23:59:58 as pandas writes it
    r"(?P<sign>[+-](?!\d+ day))?(?:(?P<days>-?\d+) days?,? \+?)?"
    r"(?P<hours>\d+):(?P<minutes>[0-5]\d):(?P<seconds>[0-5]\d(?:\.\d+)?)"
)
TWO_PARTS = re.compile(r"(?P<first>\d+):(?P<second>[0-5]\d(?:\.\d+)?)")
SIGNED = rf"([+-]?{NUMBER})"  # pandas writes P-1DT23H
ISO = re.compile(
    rf"P(?=.)(?:{SIGNED}Y)?(?:{SIGNED}M)?(?:{SIGNED}W)?(?:{SIGNED}D)?"
    rf"(?:T(?=.)(?:{SIGNED}H)?(?:{SIGNED}M)?(?:{SIGNED}S)?)?"
)
ISO_SECONDS = (365.25 * 86400, 30.4375 * 86400, 7 * 86400.0, 86400.0, 3600.0, 60.0, 1.0)

WORDS = "duration|elapsed|runtime|uptime|laps?|pace|took|time[ _]?taken"
NAMES = re.compile(rf"(?:.*[^a-z])?(?:{WORDS})(?:[^a-z].*)?")
NAMES_OF_HOURS = re.compile(r"(?:.*[^a-z])?(?:hours?|hrs|worked|overtime|flight|sleep)(?:[^a-z].*)?")


class DurationEncoder(NumberEncoder, frozen=True):
    """A duration in seconds, as a number."""

    kind: ClassVar[str] = "duration"


def seconds(text: str, two_parts: str = NEITHER) -> float:
    """A duration in seconds; nan if it is none.

    Args:
        text: such as 3h 5m, 2 days, 1:02:03, 1 day 02:03:04 or PT3H5M, with or without a sign.
        two_parts: the meaning of such as 90:30, "h:mm" or "m:ss"; "h:mm:ss" if it has none.
    """
    if match := CLOCK.fullmatch(text):
        days, hours, minutes, rest = (float(part or 0) for part in match.groups()[1:])
        clock = 86400 * days + 3600 * hours + 60 * minutes + rest
        return -clock if match["sign"] == "-" else clock
    sign, text = (-1.0, text[1:]) if text.startswith("-") else (1.0, text.removeprefix("+"))
    if text.startswith("P"):
        match = ISO.fullmatch(text)
        return sign * sum(float(n or 0) * s for n, s in zip(match.groups(), ISO_SECONDS)) if match else np.nan
    if match := TWO_PARTS.fullmatch(text):
        if two_parts == NEITHER or (two_parts == HOURS and "." in text):
            return np.nan
        first, second = map(float, match.groups())
        return sign * (60 * first + second) * (60 if two_parts == HOURS else 1)
    return sign * _with_units(text)


def _with_units(text: str) -> float:
    total, position = 0.0, 0
    while position < len(text):
        match = PART.match(text, position)
        if match is None:
            return np.nan
        unit = next(words for i, words in enumerate(SECONDS) if match[f"u{i}"])
        total += float(match["number"]) * SECONDS[unit]
        position = match.end()
        if position < len(text) and (between := BETWEEN.match(text, position)):
            position = between.end()
    return total if text else np.nan


def durations(texts: pa.Array, two_parts: str) -> np.ndarray:
    """Texts as float64 seconds; nan for a missing one, and for what is no duration."""
    return np.array([np.nan if text is None else seconds(text, two_parts) for text in texts.to_pylist()])


def duration_format(levels: pa.Array, rows: np.ndarray, most_odd: float, name: str) -> str | None:
    """The meaning of two parts in a column of durations; None if it is no such column.

    Args:
        levels: distinct texts, none of which stands for a missing value.
        rows: how many rows have each of them.
        most_odd: the fraction of the rows that may be no durations.
        name: of the column, which decides whether few texts are levels, and the meaning of two parts.
    """
    if not len(levels) or np.isnan(durations(levels.slice(0, FIRST_LOOK), MINUTES)).mean() > 0.5:
        return None
    odd = np.isnan(durations(levels, MINUTES))
    if rows[odd].sum() > most_odd * rows.sum():
        return None
    texts = levels.filter(pa.array(~odd)).to_pylist()
    if (
        not (any(":" in text for text in texts) or is_named_like_a_duration(name))
        and len(texts) <= FEWEST_TEXTS
    ):
        return None
    if not any(TWO_PARTS.fullmatch(text.lstrip("+-")) for text in texts):
        return NEITHER
    of_hours = NAMES_OF_HOURS.fullmatch(name.lower()) and not any("." in text for text in texts)
    return HOURS if of_hours and not any(CLOCK.fullmatch(text) for text in texts) else MINUTES


def is_named_like_a_duration(name: str) -> bool:
    """True for names such as duration, elapsed time or runtime."""
    return NAMES.fullmatch(name.strip().lower()) is not None
