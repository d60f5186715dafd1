"""What plain data must be: expectations of the fields of an object, made of smaller ones."""

from __future__ import annotations

from collections.abc import Callable

from plaingrad.saving.state import Fields, is_number

Expect = Callable[[Fields, str], object]
"""Refuses the field of this name if it is not as expected, with a ValueError."""


def object_of(**expected: Expect) -> Expect:
    """An object with these fields, and perhaps others."""

    def expect(fields: Fields, name: str) -> None:
        inside = fields.inside(name)
        for key, each in expected.items():
            each(inside, key)

    return expect


def each_of(expect: Expect) -> Expect:
    """An object of any fields, at least one, that are all alike."""

    def expect_all(fields: Fields, name: str) -> None:
        inside = fields.inside(name)
        if not inside.data:
            raise ValueError(f"{inside.place}: expected at least one field, got none")
        for key in inside.data:
            expect(inside, key)

    return expect_all


def number_or_null(fields: Fields, name: str) -> None:
    if fields.value(name) is not None:
        fields.number(name)


def _epochs(fields: Fields, name: str) -> None:
    inside = fields.inside(name)
    lengths = {len(inside.items(key)) for key in inside.data}
    for key, column in inside.data.items():
        if not all(value is None or is_number(value) for value in column):
            raise ValueError(f"{inside.place}: expected {key!r:.60} to be finite numbers or null")
    if len(lengths) > 1:
        raise ValueError(f"{inside.place}: expected as many values in each list, got {sorted(lengths)!r:.60}")


HISTORY = object_of(
    epochs=_epochs,
    steps=Fields.count,
    seconds=Fields.number,
    engine=Fields.text,
    engine_reason=Fields.text,
    stopped=Fields.text,
)
"""A `plaingrad.train.History`."""
