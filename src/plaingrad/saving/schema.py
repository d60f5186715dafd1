"""Plain data from outside, checked against schemas before anything uses it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from plaingrad.errors import InputError

LONG, LARGEST = 2**63 - 1, sys.float_info.max
T = TypeVar("T")

Count = Annotated[int, Meta(ge=0)]
# Integers stay integers: msgspec converts one beyond all floats to -1.0 and fails later.
Number = Annotated[int, Meta(ge=-LONG, le=LONG)] | Annotated[float, Meta(ge=-LARGEST, le=LARGEST)]
Positive = Annotated[int, Meta(gt=0, le=LONG)] | Annotated[float, Meta(gt=0, le=LARGEST)]


class Strict(Struct, frozen=True, forbid_unknown_fields=True):
    """An object that has these fields and no others."""


class History(Strict, frozen=True):
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
            raise InputError(f"epochs: expected as many values in each list, got {lengths!r:.60}")


def decode(schema: type[T], data: Any, path: str) -> T:
    """An object of a schema from plain data.

    Args:
        schema: a type that msgspec knows.
        data: as JSON has it.
        path: the name of the data in errors.

    Raises:
        InputError: it does not fit; one line with the field as a JSON path, what was expected and what came.
    """
    try:
        return msgspec.convert(data, schema)
    except msgspec.ValidationError as error:
        raise InputError(f"{path}: {error}") from None


def expect_distinct(name: str, values: Sequence[str]) -> None:
    """Refuse a field of strings in which one stands twice."""
    if len(set(values)) < len(values):
        raise InputError(f"{name}: expected distinct strings, got {values!r:.60}")
