"""The options of update rules and schedules: their declaration and their allowed values."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, ClassVar, NamedTuple, dataclass_transform

from plaingrad.errors import InputError


class Expected(NamedTuple):
    """The allowed values of an option, in words and as a test."""

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
COUNT_OR_NONE = Expected(f"{COUNT.words} or None", lambda value: value is None or COUNT.fits(value))
COUNT_OR_ZERO = Expected("a whole number of at least 0", lambda value: value == 0 or is_count(value))
COUNT_OR_BEFORE = Expected(
    f"-1 or {COUNT_OR_ZERO.words}", lambda value: value == -1 or COUNT_OR_ZERO.fits(value)
)
FLAG = Expected("True or False", lambda value: isinstance(value, bool))
NEVER = Expected("False", lambda value: value is False)


def one_of(*names: str | None) -> Expected:
    """One of several names, or None if it is among them."""
    return Expected(" or ".join(map(repr, names)), lambda value: value in names)


def expect(where: str, name: str, expected: Expected, value: Any) -> None:
    """Refuse an option's value that does not fit.

    Raises:
        InputError: it does not.
    """
    if not expected.fits(value):
        raise InputError(f"{where}: expected {name} to be {expected.words}, got {value!r}")


def option(words: str, expected: Expected | None = None, *, default: Any = MISSING, **details: Any) -> Any:
    """Declare an option of an update rule, as a field of its class.

    Args:
        words: its description, for the documentation.
        expected: its allowed values; None for a field that is not an option of parameter groups.
        default: its default; without one, the argument is required.
        details: ``kw_only`` and ``init`` of a dataclass's field.
    """
    return field(default=default, metadata={"words": words, "expected": expected}, **details)


def arguments(rule: type) -> list[Field[Any]]:
    """The declared fields of a rule in the order of its signature."""
    return sorted(fields(rule), key=lambda each: bool(each.kw_only))


def documented(text: str | None, rule: type) -> str | None:
    """A rule's docstring with a section on its arguments, before the line that names the source."""
    if text is None:
        return None
    lines = text.rstrip().splitlines()
    margin = min((line[: len(line) - len(line.lstrip())] for line in lines[1:] if line.strip()), default="")
    end = next((i for i, line in enumerate(lines) if line.startswith(f"{margin}Source:")), len(lines))
    words = {each.name: each.metadata["words"] for each in arguments(rule) if each.init}
    section = ["Args:", *(f"    {name}: {text}." for name, text in words.items()), ""]
    raises = "ValueError: there are no parameters, one is in two groups, an option is unknown or out of"
    section += ["Raises:", f"    {raises}", "        range, or options do not go together.", ""]
    before = lines[:end] if end < len(lines) else [*lines, ""]
    return "\n".join([*before, *(margin + line if line else "" for line in section), *lines[end:], margin])


@dataclass_transform(eq_default=False, field_specifiers=(option,))
class Declared:
    """A class whose constructor, options and documentation are made from its fields."""

    options: ClassVar[dict[str, Expected]] = {}

    def __init_subclass__(cls, **details: Any) -> None:
        super().__init_subclass__(**details)
        for name, value in vars(cls).items():
            if name in cls.options and not isinstance(value, Field):
                raise InputError(f"{cls.__name__}: expected {name} = option(...), got {value!r}")
        dataclass(eq=False, repr=False, match_args=False)(cls)
        for each in arguments(cls):
            if "expected" not in each.metadata:
                got = "no value" if each.default is MISSING else repr(each.default)
                expected = f"{each.name} = option(...), or a ClassVar if it is no option"
                raise InputError(f"{cls.__name__}: expected {expected}, got {got}")
        known = {each.name: each.metadata["expected"] for each in arguments(cls)}
        cls.options = {name: expected for name, expected in known.items() if expected is not None}
        for name in cls.options.keys() & vars(cls).keys():
            delattr(cls, name)  # each group has its own value; a class attribute would suggest one for all
        cls.__doc__ = documented(cls.__doc__, cls)
