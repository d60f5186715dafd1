"""The first line of a separated file: names of columns, or data."""

from __future__ import annotations

import re

from plaingrad.errors import InputError
from plaingrad.tables.errors import expect_names, listed
from plaingrad.tables.reading.dialect import SEPARATORS

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
HEADER = "--no-header names the columns column_1, column_2, ...; --header takes the line for names still"
MOST_SHOWN = 5


def column_names(first: list[str], separator: str, header: bool | None) -> list[str]:
    """The names of the columns of a file.

    Args:
        first: the fields of its first line.
        separator: between them.
        header: whether these are the names; False: the columns are counted; None: they are, unless they look
            like data.

    Raises:
        InputError: there are no names, or such as look like data, or one stands twice.
    """
    fields = [field.strip() for field in first]
    if not any(fields):
        raise InputError("the file is empty")
    others = [other for other in SEPARATORS if len(fields) == 1 and other in fields[0] and other != separator]
    if others:
        raise InputError(f"the header has no {separator!r}, but {others[0]!r}: is that the separator?")
    if header is False:
        return [f"column_{i}" for i in range(1, len(fields) + 1)]
    if header is None and looks_like_data(fields):
        problem = f"the first line looks like data, not like names of columns ({listed(fields, MOST_SHOWN)})"
        raise InputError(problem, hint=HEADER)
    names = [name or f"Unnamed: {i}" for i, name in enumerate(fields)]  # as pandas calls them
    expect_names(names)
    return names


def looks_like_data(fields: list[str]) -> bool:
    """True for numbers alone, or half of the fields with a decimal point; numbers that count up are names."""
    present = [field for field in fields if field]
    numbers = [float(field) for field in present if NUMBER.fullmatch(field)]
    if len(numbers) == len(present):
        return numbers != [numbers[0] + i for i in range(len(numbers))] or len(numbers) == 1
    fractions = [field for field in present if NUMBER.fullmatch(field) and "." in field]
    return 2 * len(fractions) >= len(present)
