"""Plain data from outside, checked against schemas before anything uses it."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from plaingrad.saving.state import Fields

LONG, LARGEST = 2**63 - 1, sys.float_info.max
T = TypeVar("T")

Count = Annotated[int, Meta(ge=0)]
# Integers stay integers: of one beyond all floats msgspec would make -1.0 and fail later.
Number = Annotated[int, Meta(ge=-LONG, le=LONG)] | Annotated[float, Meta(ge=-LARGEST, le=LARGEST)]
Positive = Annotated[int, Meta(gt=0, le=LONG)] | Annotated[float, Meta(gt=0, le=LARGEST)]

STEP = re.compile(r"\.(\w+)|\[(\d+|\.\.\.)\]")
TYPES = {
    "float": "a finite number",
    "int": "an integer",
    "bool": "true or false",
    "str": "a string",
    "bytes": "base64",
    "array": "a list",
    "object": "an object",
}
PHRASES = {
    r"Object missing required field `(.*)`": "field '{0}' is missing",
    r"Object contains unknown field `(.*)`": "unknown field {0!r:.60}",
    r"Invalid base64 encoded string": "expected base64, got {got}",
    r"Invalid (?:enum )?value .*": "unknown value {got}",
    rf"Expected `\w+` [<>]= -?(?:{LONG}|{re.escape(str(LARGEST))})": "expected a finite number, got {got}",
    r"Expected `(?P<types>[^`]+)`( [^,]*)?(?:, got .*)?": "expected {types}{1}, got {got}",
}


class Strict(Struct, frozen=True, forbid_unknown_fields=True):
    """An object that has these fields and no others."""


class History(Struct, frozen=True):
    """A `plaingrad.train.History`, with null for each number that is not finite."""

    epochs: dict[str, list[Number | None]]
    steps: Count
    seconds: Number
    engine: str
    engine_reason: str
    stopped: str

    def __post_init__(self) -> None:
        lengths = sorted({len(values) for values in self.epochs.values()})
        if len(lengths) > 1:
            raise ValueError(f"epochs: expected as many values in each list, got {lengths!r:.60}")


def decode(schema: type[T], data: Any, place: str) -> T:
    """An object of a schema from plain data.

    Args:
        schema: a type that msgspec knows.
        data: as JSON has it.
        place: what to call the data in errors.

    Raises:
        ValueError: it does not fit; one line that names the field, what was expected and what came.
    """
    try:
        return msgspec.convert(data, schema)
    except msgspec.ValidationError as error:
        steps, got = _located(schema, data, str(error))
        path = "".join(f"[{step}]" if isinstance(step, int) else f".{step:.60}" for step in steps)
        parts = [place, path.lstrip("."), _problem(str(error), got)]
        raise ValueError(": ".join(part for part in parts if part)) from None


def HISTORY(fields: Fields, name: str) -> None:
    """Refuse a field that is no `History`."""
    decode(History, fields.value(name), f"{fields.place}: {name}")


def expect_distinct(name: str, values: Sequence[str]) -> None:
    """Refuse a field of strings in which one stands twice."""
    if len(set(values)) < len(values):
        raise ValueError(f"{name}: expected distinct strings, got {values!r:.60}")


def brief(value: Any) -> str:
    """Plain data as text, for messages."""
    if isinstance(value, dict | list):
        return TYPES["object" if isinstance(value, dict) else "array"]
    return "null" if value is None else f"{value!r:.60}"


def _located(schema: Any, data: Any, message: str) -> tuple[list[Any], Any]:
    """The names and indices that lead to the field of which msgspec's message tells, and its value."""
    steps: list[Any] = []
    here = data
    try:
        for name, index in STEP.findall(message.rpartition(" - at ")[2]):
            if index == "...":  # under a key that is not told
                name = next(key for key in here if _is_alone(schema, data, [*steps, key], message))
            step = name or int(index)
            here = here[step]
            steps.append(step)
    except (LookupError, TypeError, StopIteration):  # it was no path, but part of a name in the data
        return [], data
    return steps, here


def _is_alone(schema: Any, data: Any, steps: list[Any], message: str) -> bool:
    """Whether the message stays if the last step's entry of its dict is the only one."""
    try:
        msgspec.convert(_reduced(data, *steps), schema)
    except msgspec.ValidationError as error:
        return str(error) == message
    return False


def _reduced(data: Any, step: Any, *rest: Any) -> Any:
    if not rest:
        return {step: data[step]}
    reduced = data.copy()
    reduced[step] = _reduced(data[step], *rest)
    return reduced


def _problem(message: str, got: Any) -> str:
    """The problem of which msgspec's message tells, in words of this project."""
    problem = re.sub(" - at `[^`]*`?(?: in `.*`)?$", "", message)
    for pattern, phrase in PHRASES.items():
        if match := re.fullmatch(pattern, problem, re.DOTALL):
            types = match.groupdict().get("types") or ""
            told = types.replace("int | float", "float").split(" | ")
            types = " or ".join(TYPES.get(each, each) for each in told)
            groups = [each or "" for each in match.groups()]
            return phrase.format(*groups, types=types, got=brief(got))
    return problem
