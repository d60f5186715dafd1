"""Columns in which a few cells are written otherwise: what is read, counted and said."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from plaingrad.tables import read_frame
from plaingrad.tables.columns.column import Column
from plaingrad.tables.columns.deciding import schema_of
from plaingrad.tables.columns.meaning import Meaning
from plaingrad.tables.columns.schema import ColumnSchema

LARGE = [2**53 + i for i in range(60)]


def meaning(cells: list[str]) -> Meaning:
    return Meaning.of(pd.DataFrame({"x": pd.Series(cells, dtype="str")}))


@pytest.mark.parametrize(
    ("written", "wrong", "dates"),
    [
        ("2023-03-{:02}", "2023-02-30", "ISO8601"),
        ("2023-03-{:02}T10:00:00Z", "2023-02-30T10:00:00Z", "ISO8601"),
        ("{:02}.03.2023", "30.02.2023", "%d.%m.%Y"),
        ("03/{:02}/2023", "02/30/2023", "%m/%d/%Y"),
    ],
)
@pytest.mark.parametrize("mark", [[], ["-"], ["0000-00-00"] * 20])
def test_one_impossible_date_is_a_misfit_among_dates(
    written: str, wrong: str, dates: str, mark: list[str]
) -> None:
    cells = [*(written.format(i % 28 + 1) for i in range(60)), wrong, *mark]
    found = meaning(cells)
    assert (found.schema["x"].kind, found.schema["x"].dates) == ("date", dates)
    assert [(each.count, list(each.values)) for each in found.strange] == [(1, [wrong])]
    assert found.frame["x"].isna().sum() == 1 + len(mark)


@pytest.mark.parametrize(
    "cells",
    [
        ["2023-02-30", "2023-03-01"] * 30,  # too many
        ["New York", "Los Angeles"] * 30,
        [f"{i % 12 + 1:02}/{i % 11 + 1:02}/2026" for i in range(60)],  # day and month cannot be told apart
    ],
)
def test_what_may_be_no_dates_stays_text(cells: list[str]) -> None:
    assert meaning(cells).schema["x"].kind == "text"


@pytest.mark.parametrize(("one", "others"), [("0.05", "{}%"), ("10", "${}"), ("10", "{} €")])
def test_a_number_without_the_sign_of_the_others_is_doubted(one: str, others: str) -> None:
    cells = [others.format(i + 5) for i in range(30)]
    assert meaning(cells).doubts == []
    (doubt,) = meaning([*cells, one, one]).doubts
    assert doubt.startswith("x: 2 of 32 values have no ")
    assert f"such as {one} beside {cells[0]}" in doubt


def test_marks_of_the_missing_count_in_text_too() -> None:
    cells = Column.of(pd.Series(["a", "-", "b", "?", "-"], dtype="str"))
    read, _ = ColumnSchema("text", missing=("-",)).read(cells)
    assert read.missing().tolist() == [False, True, False, False, True]
    assert [read.shown(row) for row in (0, 2, 3)] == ["a", "b", "?"]


@pytest.mark.parametrize("others", [[], [None], [0.5], [None, 2**64 + 1]])
def test_large_integers_keep_their_digits(tmp_path: Path, others: list[object]) -> None:
    lines = [json.dumps({"x": value, "id": value}) for value in (*LARGE, *others)]
    (tmp_path / "t.jsonl").write_text("\n".join(lines))
    frame = read_frame(tmp_path / "t.jsonl", text=True)
    texts, _ = ColumnSchema("text").read(Column.of(frame["x"]))
    assert [texts.shown(row) for row in range(60)] == [str(value) for value in LARGE]
    schema = schema_of(Column.of(frame["x"]), "x")
    assert schema.kind == "number"
    assert schema.read(Column.of(frame["x"]))[0].values[:60].tolist() == [float(value) for value in LARGE]


def test_identifiers_beyond_the_digits_of_a_float_are_seen() -> None:
    column = Column.of(pd.Series(LARGE))
    assert schema_of(column, "id").kind == "identifier"


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ([*(f"2023-03-{i + 1:02}" for i in range(9)), "2023-02-30"], "x: 2023-02-30 does not exist"),
        ([f"{4 + i // 30}:{i * 7 % 60:02}" for i in range(60)], "x: such as 4:07 are taken for times of day"),
        (
            [str(10**17 + i) for i in (5, 9, 5, 7) * 9],
            "x: integers such as 100000000000000005 have more digits",
        ),
        ([str(7 + i * 7 % 50) for i in range(50)], "x: each integer from 7 to 56 stands in one row"),
    ],
)
def test_what_may_be_meant_otherwise_is_told(cells: list[str], said: str) -> None:
    (doubt,) = meaning(cells).doubts
    assert doubt.startswith(said)


@pytest.mark.parametrize(
    ("cells", "name"),
    [
        ([f"2023-03-{i + 1:02}" for i in range(10)], "x"),
        ([f"{8 + i // 10}:{i * 7 % 60:02}" for i in range(60)], "x"),  # until 13 o'clock
        ([f"{4 + i // 30:02}:{i * 7 % 60:02}" for i in range(60)], "x"),
        ([f"{6 + i // 30}:{i * 15 % 60:02}" for i in range(60)], "x"),
        ([str(10**17 + 1024 * i) for i in (5, 9, 5, 7) * 9], "x"),
        ([str(1950 + i) for i in range(50)], "Year"),
        ([str(7 + i) for i in range(10)], "x"),
        ([str(7 + i) for i in range(50) if i != 9], "x"),
        ([str(7 + i - i // 49) for i in range(50)], "x"),
    ],
)
def test_what_is_as_it_seems_is_not_doubted(cells: list[str], name: str) -> None:
    assert Meaning.of(pd.DataFrame({name: pd.Series(cells, dtype="str")})).doubts == []
