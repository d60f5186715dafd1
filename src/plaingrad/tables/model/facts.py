"""What a model of a table tells of its training, checked before anything shows or uses it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from plaingrad.saving.state import Fields, is_number
from plaingrad.tables import TableEncoder, Target

Expect = Callable[[Fields, str], object]


def expect_facts(facts: Mapping[str, Any], target: Target, encoder: TableEncoder) -> None:
    """Refuse facts under the names of `KNOWN` that are not what `plaingrad train` writes there.

    Each of them may be missing, and there may be others, of which nothing is expected.

    Args:
        facts: by name.
        target: what is predicted.
        encoder: of the columns.

    Raises:
        ValueError: one is of another type, incomplete, or contradicts another, the target or the encoder.
    """
    known = Fields({name: facts[name] for name in KNOWN if name in facts}, "facts")
    for name in known.data:
        KNOWN[name](known, name)
    _expect("task", facts.get("task", target.task), target.task)
    if "columns" in facts:
        got = [(each["name"], each["features"]) for each in facts["columns"]]
        _expect("columns", got, [(choice.name, choice.features) for choice in encoder.choices()])
    if "training" in facts and "history" in facts:
        count = len(facts["history"]["epochs"].get("loss", []))
        _expect("training: epochs", facts["training"]["epochs"], count)


def _expect(place: str, got: object, wanted: object) -> None:
    if got != wanted:
        raise ValueError(f"facts: {place}: expected {wanted!r:.100}, got {got!r:.100}")


def _object(**expected: Expect) -> Expect:
    """An object with these fields, and perhaps others."""

    def expect(fields: Fields, name: str) -> None:
        inside = fields.inside(name)
        for key, each in expected.items():
            each(inside, key)

    return expect


def _each(expect: Expect) -> Expect:
    """An object of any fields, at least one, that are all alike."""

    def expect_all(fields: Fields, name: str) -> None:
        inside = fields.inside(name)
        if not inside.data:
            raise ValueError(f"{inside.place}: expected at least one field, got none")
        for key in inside.data:
            expect(inside, key)

    return expect_all


def _number_or_null(fields: Fields, name: str) -> None:
    if fields.value(name) is not None:
        fields.number(name)


def _sizes(fields: Fields, name: str) -> None:
    if not all(type(size) is int and size > 0 for size in fields.items(name)):
        raise ValueError(f"{fields.place}: expected {name!r} to be integers above 0")


def _best(fields: Fields, name: str) -> None:
    if fields.value(name) is not None and not 1 <= fields.count(name) <= fields.count("epochs"):
        raise ValueError(
            f"{fields.place}: expected {name!r} from 1 to {fields.count('epochs')}, got {fields.count(name)}"
        )


def _quantile(fields: Fields, name: str) -> None:
    if not 0 < fields.number(name) < 1:
        raise ValueError(f"{fields.place}: expected {name!r} between 0 and 1, got {fields.number(name)}")


def _epochs(fields: Fields, name: str) -> None:
    inside = fields.inside(name)
    lengths = {len(inside.items(key)) for key in inside.data}
    for key, column in inside.data.items():
        if not all(value is None or is_number(value) for value in column):
            raise ValueError(f"{inside.place}: expected {key!r:.60} to be finite numbers or null")
    if len(lengths) > 1:
        raise ValueError(f"{inside.place}: expected as many values in each list, got {sorted(lengths)!r:.60}")


def _columns(fields: Fields, name: str) -> None:
    for item in fields.items(name):
        column = Fields(item, f"{fields.place}: {name}")
        for key in ("name", "kind", "done"):
            column.text(key)
        for key in ("features", "missing"):
            column.count(key)


KNOWN: Mapping[str, Expect] = {
    "task": Fields.text,
    "judged_by": Fields.text,
    "rows": _each(Fields.count),
    "network": _object(
        architecture=_sizes, parameters=Fields.count, models=Fields.count, embedded_columns=Fields.count
    ),
    "training": _object(
        epochs=Fields.count,
        best_epoch=_best,
        stopped=Fields.text,
        engine=Fields.text,
        engine_reason=Fields.text,
        batch_size=Fields.count,
        seconds=Fields.number,
    ),
    "settings": _object(loss=Fields.text, quantile=_quantile),
    "scores": _each(_number_or_null),
    "history": _object(
        epochs=_epochs,
        steps=Fields.count,
        seconds=Fields.number,
        engine=Fields.text,
        engine_reason=Fields.text,
        stopped=Fields.text,
    ),
    "columns": _columns,
}
