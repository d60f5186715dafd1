"""Values of options, from the text to the value, or a refusal that says what was expected."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import typer

from plaingrad.errors import InputError
from plaingrad.nearest import did_you_mean

LARGEST_SIZE = 10**6
MOST_PARAMETERS = 10**9

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing unless something fails.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output, and nothing else.")]


def refused(problem: str, option: str | None = None) -> typer.BadParameter:
    """The refusal of an option's value; the parser of a command line names the option by itself."""
    return typer.BadParameter(problem, param_hint=option and f"'{option}'")


def number(
    low: float = -math.inf, high: float = math.inf, *, above: bool = False, below: bool = False
) -> Callable[[Any], float]:
    """A finite number in a range.

    Args:
        low: the least.
        high: the greatest.
        above: whether ``low`` itself is too small.
        below: whether ``high`` itself is too large.
    """
    parts = [f"more than {low:g}" if above else f"at least {low:g}"] if low > -math.inf else []
    parts += [f"less than {high:g}" if below else f"at most {high:g}"] if high < math.inf else []
    expected = f"a number of {' and '.join(parts)}" if parts else "a number"

    def parse(text: Any) -> float:
        try:
            value = float(text)
        except (TypeError, ValueError):
            raise refused(f"expected {expected}, got {text!r}") from None
        inside = (value > low if above else value >= low) and (value < high if below else value <= high)
        if not (inside and math.isfinite(value)):
            raise refused(f"expected {expected}, got {text}")
        return value

    return parse


def integer(low: int, high: int | None = None, *, word: str | None = None) -> Callable[[Any], int | None]:
    """A whole number in a range; or None for a word such as "auto"."""
    expected = (
        f"a whole number of at least {low:,}" if high is None else f"a whole number from {low:,} to {high:,}"
    )
    expected += f", or {word!r}" if word else ""

    def parse(text: Any) -> int | None:
        if word is not None and text in (word, None):
            return None
        try:
            value = int(text)
        except (TypeError, ValueError):
            raise refused(f"expected {expected}, got {text!r}") from None
        if value < low or (high is not None and value > high):
            raise refused(f"expected {expected}, got {text}")
        return value

    return parse


def one_of(*names: str) -> Callable[[Any], str]:
    """One of these names, whatever its case, hyphens and underscores."""
    by_key = {_key(name): name for name in names}

    def parse(text: Any) -> str:
        key = _key(str(text))
        if key not in by_key:
            meant = did_you_mean(str(text), names)
            raise refused(f"expected one of {', '.join(names)}; got {str(text)!r}{meant}")
        return by_key[key]

    return parse


def _key(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")


def sizes(text: Any) -> tuple[int, ...]:
    """The numbers in a text such as "64,64"; an empty one has none."""
    if isinstance(text, tuple):
        return text
    try:
        values = tuple(int(part) for part in text.split(",")) if text.strip() else ()
    except ValueError:
        values = (0,)
    if any(size < 1 for size in values):
        raise refused(f"expected sizes of at least 1 such as 25,25, got {text!r}")
    if any(size > LARGEST_SIZE for size in values):
        raise refused(f"expected sizes of at most {LARGEST_SIZE:,}, got {text!r}")
    return values


def names(text: Any) -> tuple[str, ...]:
    """The names in a line such as "low,medium,high"; one with a comma stands in double quotes."""
    if isinstance(text, tuple):
        return text
    values = tuple(name.strip() for name in next(csv.reader([text], skipinitialspace=True), []))
    if "" in values or len(set(values)) < len(values) or len(values) == 1:
        raise refused(f"expected distinct names such as low,medium,high, got {text!r}")
    return values


def expect_size(sizes: Sequence[int]) -> None:
    """Refuse linear layers that no memory holds."""
    parameters = sum((inputs + 1) * outputs for inputs, outputs in pairwise(sizes))
    if parameters > MOST_PARAMETERS:
        name = "-".join(map(str, sizes))
        raise InputError(
            f"network {name}: expected at most {MOST_PARAMETERS:,} parameters, got {parameters:,}"
        )


def output_path(text: Any) -> Path:
    """The path of what is to be written."""
    if not str(text):  # which pathlib takes for the folder that one is in
        raise refused("expected a path, got ''")
    return Path(text)


def character(text: Any) -> str:
    r"""A single character; "tab" and "\t" stand for the tabulator."""
    text = {"tab": "\t", "\\t": "\t"}.get(text, text)
    if len(text) != 1:
        raise refused(f"expected one character, got {text!r}")
    return text
