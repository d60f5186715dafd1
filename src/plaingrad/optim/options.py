"""What the options of update rules and schedules may be, and the message for what they may not."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from typing import Any, NamedTuple


class Expected(NamedTuple):
    """The values an option may take, in words and as a test."""

    words: str
    fits: Callable[[Any], bool]


def is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)


def is_fraction(value: Any) -> bool:
    return is_number(value) and 0 <= value < 1


def is_count(value: Any) -> bool:
    return isinstance(value, numbers.Integral) and is_number(value) and int(value) >= 1


NUMBER = Expected("a finite number", is_number)
NON_NEGATIVE = Expected("a finite number of at least 0", lambda value: is_number(value) and value >= 0)
POSITIVE = Expected("a finite number above 0", lambda value: is_number(value) and value > 0)
POSITIVE_OR_NONE = Expected(f"{POSITIVE.words} or None", lambda value: value is None or POSITIVE.fits(value))
FRACTION = Expected("a number in [0, 1)", is_fraction)
SHARE = Expected("a number in [0, 1]", lambda value: is_number(value) and 0 <= value <= 1)
POSITIVE_SHARE = Expected("a number in (0, 1]", lambda value: is_number(value) and 0 < value <= 1)
FRACTIONS = Expected(
    "two numbers in [0, 1)",
    lambda value: isinstance(value, (tuple, list)) and len(value) == 2 and all(map(is_fraction, value)),
)
COUNT = Expected("a whole number of at least 1", is_count)
COUNT_OR_ZERO = Expected("a whole number of at least 0", lambda value: value == 0 or is_count(value))
FLAG = Expected("True or False", lambda value: isinstance(value, bool))


def one_of(*names: str) -> Expected:
    """Any of a few words."""
    return Expected(" or ".join(map(repr, names)), lambda value: value in names)


def expect(where: str, name: str, expected: Expected, value: Any) -> None:
    """Refuse an option's value that does not fit.

    Raises:
        ValueError: it does not.
    """
    if not expected.fits(value):
        raise ValueError(f"{where}: expected {name} to be {expected.words}, got {value!r}")
