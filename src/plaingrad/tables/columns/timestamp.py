"""Dates written as numbers: 20240131, or the seconds since 1970."""

from __future__ import annotations

import re

import numpy as np

YEAR_MONTH_DAY, WITH_TIME = "%Y%m%d", "%Y%m%d%H%M%S"
UNITS = {"unix seconds": 1, "unix milliseconds": 1_000, "unix microseconds": 1_000_000}  # in a second
TIMESTAMPS = (YEAR_MONTH_DAY, WITH_TIME, *UNITS)
USUAL = {**dict.fromkeys(TIMESTAMPS, (1900, 2100)), **dict.fromkeys(UNITS, (1990, 2040))}
READ = {**dict.fromkeys(TIMESTAMPS, (1800, 2200)), **dict.fromkeys(UNITS, (1971, 2100))}  # 0 is no date
LARGEST = 1e16  # microseconds or digits
FIRST_LOOK, FEWEST_DIGITS = 1000, 1e7
MOST_ODD = 0.05  # of the rows of a column named like a date
FEWEST_DATES, FEWEST_MONTHS = 20, 4  # distinct ones in a column with another name

WORDS = (
    "date|day|dt|time|timestamp|tstamp|ts|datetime|epoch|created|updated|modified|when|ymd|datum|fecha|dob"
)
NAMES = re.compile(rf"(?:.*[^A-Za-z])?(?:(?:{WORDS}|yyyymmdd)(?:[^A-Za-z].*)?|at|on)", re.IGNORECASE)
CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def moments(numbers: np.ndarray, format: str) -> np.ndarray:
    """Numbers as datetime64[us] in UTC, NaT for what is no date in this format, or one too far away."""
    never = np.datetime64("NaT", "us")
    numbers = np.clip(numbers, -LARGEST, LARGEST)  # which no sum or product makes infinite
    scaled = numbers * (1_000_000 // UNITS.get(format, 1_000_000))
    usable = np.abs(scaled) < LARGEST
    safe = np.where(usable, scaled, 0)
    if format in UNITS:
        dates = safe.round().astype("datetime64[us]")
    else:
        days, clock = np.divmod(safe, 1e6) if format == WITH_TIME else (safe, np.zeros_like(safe))
        usable &= safe % 1 == 0
        dates = _days(days.astype(np.int64)) + _clock(clock.astype(np.int64))
    first, end = (np.datetime64(str(year), "us") for year in READ[format])
    return np.where(usable & (first <= dates) & (dates < end), dates, never)


def _days(digits: np.ndarray) -> np.ndarray:
    """Such as 20240131 as a date."""
    year, month, day = digits // 10_000, digits // 100 % 100, digits % 100
    exists = (month > 0) & (month < 13) & (day > 0) & (np.abs(year) < 10_000)
    months = (np.where(exists, 12 * (year - 1970) + month - 1, 0)).astype("datetime64[M]")
    dates = months.astype("datetime64[D]") + (day - 1)
    return np.where(exists & (dates.astype("datetime64[M]") == months), dates, np.datetime64("NaT", "D"))


def _clock(digits: np.ndarray) -> np.ndarray:
    """Such as 235959 as a time of day."""
    hour, minute, second = digits // 10_000, digits // 100 % 100, digits % 100
    exists = (hour < 24) & (minute < 60) & (second < 60)
    seconds = (3600 * hour + 60 * minute + second).astype("timedelta64[s]")
    return np.where(exists, seconds, np.timedelta64("NaT", "s")).astype("timedelta64[us]")


def timestamp_format(numbers: np.ndarray, name: str) -> str | None:
    """The format in which a column of numbers writes dates; None if they are no dates, or might be others.

    Args:
        numbers: all rows, nan where missing.
        name: of the column. One like "created_at" is enough; under another name only many distinct dates of
            several months, year, month and day, can be nothing else.
    """
    if is_named_like_a_date(name):
        return possible_format(numbers, MOST_ODD)
    format = possible_format(numbers)
    if format not in (YEAR_MONTH_DAY, WITH_TIME):
        return None
    distinct = np.unique(moments(numbers[~np.isnan(numbers)], format))
    months = np.unique(distinct.astype("datetime64[M]"))
    return format if len(distinct) >= FEWEST_DATES and len(months) >= FEWEST_MONTHS else None


def possible_format(numbers: np.ndarray, most_odd: float = 0.0) -> str | None:
    """The format in which all present numbers, or but a fraction of them, are dates of usual years."""
    present = np.clip(numbers[~np.isnan(numbers)], -LARGEST, LARGEST)
    if not len(present) or np.median(present[:FIRST_LOOK]) < FEWEST_DIGITS:
        return None
    for format in TIMESTAMPS:
        first, end = (np.datetime64(str(year), "us") for year in USUAL[format])
        dates = moments(present, format)
        fitting = (first <= dates) & (dates < end)
        if format in UNITS:
            fitting &= present >= UNITS[format] * 1e9  # ten digits and more
        if fitting.mean() >= 1 - most_odd:
            return format
    return None


def is_named_like_a_date(name: str) -> bool:
    """True for names such as date, timestamp, created_at or updatedAt."""
    return NAMES.fullmatch(CAMEL.sub("_", name.strip())) is not None
