"""Doubts about what a column means, each with what decides it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plaingrad.tables.columns.column import Column, text_of
from plaingrad.tables.columns.dateformat import CLOCK, ISO, candidates, parsed
from plaingrad.tables.columns.duration import HOURS, MINUTES, NEITHER
from plaingrad.tables.columns.schema import ColumnSchema
from plaingrad.tables.columns.timestamp import possible_format
from plaingrad.tables.reading.inference import ISO_DATE
from plaingrad.tables.reading.missing import MARKS, without_words

STAND_INS = [sign * (10.0**digits - 1) for digits in range(2, 7) for sign in (-1, 1)]  # 99, -99, 999, ...
FEWEST_ROWS = 2
FEWEST_COUNTED = 20  # rows, below which integers follow each other by chance
TIMES = re.compile(
    r"(?i:(.*[_ .-])?(t|time|date|years?|months?|weeks?|days?|hours?|quarter|period|step|age))"
)
INTEGER = r"^[+-]?\d{16,}$"  # of which a float64 holds few
LATE = np.datetime64("2040-01-01")  # in which no year of two digits is expected


def doubts(name: str, schema: ColumnSchema, cells: Column, read: Column) -> Iterator[str]:
    """Sentences about what might be meant otherwise.

    Args:
        name: of the column.
        schema: what it was taken for.
        cells: all rows of the table, as they stand.
        read: the same, as the schema reads them.
    """
    decided = "in the file that --columns names"
    if cells.form == "text":
        yield from _of_texts(name, schema, cells.levels)
    if schema.kind == "text" and cells.form == "text":
        marked = pc.is_in(pc.utf8_lower(cells.levels), pa.array(MARKS, cells.levels.type))
        texts = without_words(cells.levels.filter(pc.invert(marked))).drop_null()
        formats = [format for format, _ in candidates(texts)]
        if len(formats) > 1:
            shown = texts[0].as_py()
            options = " or ".join(f'kind = "date", dates = "{format}"' for format in formats)
            yield (
                f"{name}: dates such as {shown} can be read in {len(formats)} ways, and are taken for text; "
                f"{options} {decided} tells which"
            )
    if schema.kind == "date" and "%y" in schema.dates and (read.values >= LATE).any():
        late = int((read.values >= LATE).argmax())
        year = read.values[late].astype(object).year
        yield (
            f"{name}: {cells.shown(late)} is taken for a date of {year}, for two digits below 69 are of this "
            "century; if that is wrong, write years of four digits in the table"
        )
    if schema.kind == "duration" and cells.form == "text" and schema.durations != NEITHER:
        yield from _two_parts(name, schema.durations, cells.levels)
    if schema.kind == "number" and cells.form == "text":
        yield from _without_unit(name, schema.numbers.unit, cells, read)
    if schema.kind == "number" and (format := possible_format(read.values)):
        shown = text_of(read.values[~np.isnan(read.values)][0])
        yield (
            f"{name}: integers such as {shown} may be dates, and are taken for numbers; "
            f'kind = "date", dates = "{format}" {decided} says so'
        )
    is_time = bool(TIMES.fullmatch(name.strip()))
    if schema.kind == "number" and not schema.numbers.unit and not is_time and _are_counted(read.values):
        first, last = (text_of(value) for value in (read.values.min(), read.values.max()))
        yield (
            f"{name}: each integer from {first} to {last} stands in one row, as numbers of rows do; if they "
            f'only name the rows, kind = "identifier" {decided} leaves them out'
        )
    if schema.kind == "number":
        for value, count in _stand_ins(read.values):
            text = text_of(value)
            yield (
                f"{name}: {text} stands in {count:,} of {len(read.values):,} rows, far from all others; "
                f'if a missing one is meant, missing = ["{text}"] {decided} says so'
            )


def _of_texts(name: str, schema: ColumnSchema, levels: pa.Array) -> Iterator[str]:
    """Sentences about how distinct cells are written."""
    decided = "in the file that --columns names"
    if schema.kind == "text":
        texts = without_words(levels).drop_null()
        if len(texts) and pc.all(pc.match_substring_regex(texts, ISO_DATE)).as_py():
            wrong = np.isnat(parsed(texts, ISO))
            if wrong.any() and not wrong.all():
                yield (
                    f"{name}: {texts[int(wrong.argmax())].as_py()} does not exist, and dates are taken for "
                    f'text; mend it, or kind = "date" {decided} takes such for missing ones'
                )
    if schema.kind == "date" and schema.dates in CLOCK and (shown := _like_minutes(levels)):
        yield (
            f"{name}: such as {shown} are taken for times of day; if they are minutes and seconds, "
            f'kind = "duration", durations = "m:ss" {decided} says so'
        )
    if schema.kind == "number" and schema.numbers.is_usual:
        long = levels.filter(pc.match_substring_regex(levels, INTEGER)).to_pylist()
        if inexact := next((text for text in long if int(text) != float(text)), None):
            yield (
                f"{name}: integers such as {inexact} have more digits than a number holds; if names, "
                f'kind = "text" {decided} keeps them apart, and --ignore leaves them out'
            )


def _like_minutes(levels: pa.Array) -> str | None:
    """One of several texts such as 4:35, none of which has a zero before or is after noon."""
    texts = levels.filter(pc.match_substring(levels, ":"))
    morning = pc.all(pc.match_substring_regex(texts, r"^(\d|1[0-2]):\d\d$")).as_py()
    odd = texts.filter(pc.match_substring_regex(texts, "[1-46-9]$"))  # of a clock, five minutes are usual
    return odd[0].as_py() if morning and 2 * len(odd) > len(texts) else None


def _are_counted(values: np.ndarray) -> bool:
    """True for integers of which each between the least and the largest occurs once."""
    if len(values) < FEWEST_COUNTED or np.isnan(values).any() or np.ptp(values) != len(values) - 1:
        return False
    return bool((np.diff(np.sort(values)) == 1).all())


def _two_parts(name: str, durations: str, levels: pa.Array) -> Iterator[str]:
    """Durations such as 65:10, without others such as 1:02:03 that decide what the parts are."""
    others = {HOURS: (MINUTES, "hours and minutes"), MINUTES: (HOURS, "minutes and seconds")}
    other, words = others[durations]
    two = levels.filter(pc.equal(pc.count_substring(levels, ":"), 1))
    if len(two) and not pc.any(pc.equal(pc.count_substring(levels, ":"), 2)).as_py():
        yield (
            f"{name}: durations such as {two[0].as_py()} are taken for {words}; "
            f'durations = "{other}" in the file that --columns names says otherwise'
        )


def _without_unit(name: str, unit: str, cells: Column, read: Column) -> Iterator[str]:
    """Numbers without the sign that others have, such as 0.05 beside 5%."""
    if not unit:
        return
    has_unit = np.append(pc.match_substring(cells.levels, unit).to_numpy(zero_copy_only=False), True)
    bare = ~read.missing() & ~has_unit[cells.values]
    signed = ~read.missing() & has_unit[cells.values]
    if bare.any() and signed.any():
        one, other = (cells.shown(int(rows.argmax())) for rows in (bare, signed))
        yield (
            f"{name}: {int(bare.sum()):,} of {len(bare):,} values have no {unit}, such as {one} beside "
            f"{other}, and are taken for numbers of the same unit; if they are not, mend the table"
        )


def _stand_ins(values: np.ndarray) -> Iterator[tuple[float, int]]:
    """Numbers such as -999 that lie further from all others than these lie from each other."""
    present = values[~np.isnan(values)]
    for value in STAND_INS:
        count = int((present == value).sum())
        others = present[~np.isin(present, STAND_INS)]
        if count >= FEWEST_ROWS and len(others) and np.abs(others - value).min() > np.ptp(others) > 0:
            yield value, count
