"""What a model of a table tells of its training, checked before anything shows or uses it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plaingrad.errors import InputError
from plaingrad.saving.schema import HISTORY, Expect, each_of, number_or_null, object_of
from plaingrad.saving.state import Fields
from plaingrad.tables import TableEncoder, Target


def expect_facts(facts: Mapping[str, Any], target: Target, encoder: TableEncoder) -> None:
    """Refuse facts under the names of `KNOWN` that are not what `plaingrad train` writes there.

    Each of them may be missing, and there may be others, of which nothing is expected.

    Args:
        facts: by name.
        target: what is predicted.
        encoder: of the columns.

    Raises:
        InputError: one is of another type, incomplete, or contradicts another, the target or the encoder.
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
        raise InputError(f"facts: {place}: expected {wanted!r:.100}, got {got!r:.100}")


def _sizes(fields: Fields, name: str) -> None:
    if not all(type(size) is int and size > 0 for size in fields.items(name)):
        raise InputError(f"{fields.place}: expected {name!r} to be integers above 0")


def _best(fields: Fields, name: str) -> None:
    if fields.value(name) is not None and not 1 <= fields.count(name) <= fields.count("epochs"):
        raise InputError(
            f"{fields.place}: expected {name!r} from 1 to {fields.count('epochs')}, got {fields.count(name)}"
        )


def _quantile(fields: Fields, name: str) -> None:
    if not 0 < fields.number(name) < 1:
        raise InputError(f"{fields.place}: expected {name!r} between 0 and 1, got {fields.number(name)}")


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
    "rows": each_of(Fields.count),
    "network": object_of(
        architecture=_sizes, parameters=Fields.count, models=Fields.count, embedded_columns=Fields.count
    ),
    "training": object_of(
        epochs=Fields.count,
        best_epoch=_best,
        stopped=Fields.text,
        engine=Fields.text,
        engine_reason=Fields.text,
        batch_size=Fields.count,
        seconds=Fields.number,
    ),
    "settings": object_of(loss=Fields.text, quantile=_quantile),
    "scores": each_of(number_or_null),
    "history": HISTORY,
    "columns": _columns,
}
