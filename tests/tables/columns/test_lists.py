"""Lists in a cell."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import MultiLabelBinarizer

from plaingrad.errors import InputError
from plaingrad.tables import TableEncoder, read_frame
from plaingrad.tables.columns.items import split
from plaingrad.tables.columns.meaning import Meaning
from plaingrad.tables.columns.schema import ColumnSchema
from plaingrad.tables.columns.strange import StrangeCounts

GENRES = ["Action", "Comedy", "Drama", "Film-Noir", "Sci-Fi", "War"]
LISTS = [
    [str(genre) for genre in random.choice(GENRES, random.integers(1, 4), replace=False)]
    for random in map(np.random.default_rng, range(120))
]
WRITE: dict[str, Callable[[list[str]], str]] = {
    "|": "|".join,
    ";": "; ".join,
    ",": ", ".join,
    "[]": str,
}


def meaning(cells: list[str]) -> Meaning:
    return Meaning.of(pd.DataFrame({"x": pd.Series(cells, dtype="str")}))


@pytest.mark.parametrize("separator", WRITE)
def test_features_are_those_of_scikit_learn(separator: str) -> None:
    frame = pd.DataFrame({"x": list(map(WRITE[separator], LISTS))})
    assert meaning(frame["x"].tolist()).schema["x"] == ColumnSchema("list", separator=separator)
    encoder = TableEncoder().fit(frame)
    names = [name.removeprefix("x_") for name in encoder.get_feature_names_out()]
    expected = MultiLabelBinarizer(classes=names).fit_transform(LISTS)
    np.testing.assert_array_equal(encoder.transform(frame), expected)
    (choice,) = encoder.choices()
    written = "in brackets" if separator == "[]" else f"separated by {separator}"
    assert (choice.kind, choice.done) == ("list", f"{written}, one feature for each of 6 items")
    again = TableEncoder.from_bytes(encoder.to_bytes())
    np.testing.assert_array_equal(again.transform(frame), expected)


def test_json_is_read_too(tmp_path: Path) -> None:
    rows = [{"x": items, "y": json.dumps(items)} for items in LISTS]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    found = Meaning.of(read_frame(tmp_path / "t.jsonl", text=True))
    assert found.schema == dict.fromkeys("xy", ColumnSchema("list", separator="[]"))
    matrix = TableEncoder().fit(found.frame, schema=found.schema).transform(found.frame)
    np.testing.assert_array_equal(matrix[:, :6], matrix[:, 6:])
    assert matrix.sum() == 2 * sum(map(len, LISTS))


@pytest.mark.parametrize("value", [{"a": 1}, [[1]], [{"a": 1}]])
def test_json_of_other_parts_is_refused(tmp_path: Path, value: object) -> None:
    (tmp_path / "t.jsonl").write_text(json.dumps({"x": value}))
    with pytest.raises(
        InputError, match=r"truth value or a list of such in 'x', got (an object|a nested list)"
    ):
        read_frame(tmp_path / "t.jsonl")


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("['a', 'b']", ["a", "b"]),
        ('["a", null, 1.5]', ["a", "1.5"]),
        ("[]", []),
        ("['a'", None),
        ("a, b", None),
        ("[[1], [2]]", None),
        ("[open('x')]", None),
        ("[" * 10_000 + "]" * 10_000, None),
    ],
)
def test_brackets_are_read_as_python_and_json_write_them(text: str, items: list[str] | None) -> None:
    assert split(text, "[]") == items


@pytest.mark.parametrize(
    "cells",
    [
        [f"{town}, {state}" for town in ("Rome", "Oslo", "Bonn", "Lyon") for state in ("CA", "TX", "NY")] * 9,
        [f"Name{i}, First{i % 5}" for i in range(90)],
        [f"{i % 2},{i % 3},{i % 5}" for i in range(90)],  # a sequence
        ["yes|no", "yes"] * 50,
        [
            f"He came, saw{' and saw' * (i % 9)}, and the rest of it is said in a longer sentence"
            for i in range(90)
        ],
    ],
)
def test_others_are_no_lists(cells: list[str]) -> None:
    assert meaning(cells).schema["x"].kind != "list"


def test_rare_unseen_and_missing_items() -> None:
    frame = pd.DataFrame({"x": [*map("|".join, LISTS), "Drama|Western", "", "-"]})
    found = Meaning.of(frame.copy())
    encoder = TableEncoder(max_levels=6).fit(found.frame, schema=found.schema)
    assert list(encoder.get_feature_names_out()[-2:]) == ["x_(other)", "x_(missing)"]
    counts = StrangeCounts()
    new = pd.DataFrame({"x": ["Western", "Opera|War", "-", "War | War|"]})
    matrix = encoder.transform(new, strange=counts)
    np.testing.assert_array_equal(matrix[:, -2:], [[1, 0], [1, 0], [0, 1], [0, 0]])
    assert matrix[3].sum() == 1
    assert [(each.count, list(each.values)) for each in counts] == [(1, ["Opera"])]


def test_what_is_no_list_in_brackets_is_missing_and_counted() -> None:
    found = meaning([*map(str, LISTS), "none listed", "NA"])
    assert [(each.count, list(each.values)) for each in found.strange] == [(1, ["none listed"])]
    encoder = TableEncoder().fit(found.frame, schema=found.schema)
    assert encoder.transform(found.frame, strange=StrangeCounts())[-2:, -1].tolist() == [1, 1]


@pytest.mark.parametrize(("kind", "separator"), [("list", ""), ("text", "|")])
def test_a_separator_belongs_to_a_list(kind: str, separator: str) -> None:
    with pytest.raises(InputError, match="separator: expected one for a list alone"):
        ColumnSchema(kind, separator=separator)  # type: ignore[arg-type]
