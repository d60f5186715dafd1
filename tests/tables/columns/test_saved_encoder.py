"""Encoders that travel: the same bits, and nothing else is taken for one."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from effort import draws
from plaingrad.tables import TableEncoder
from plaingrad.tables.columns.strange import StrangeCellsWarning

ROWS = 120
FRAME = pd.DataFrame(
    {
        "number": np.where(np.arange(ROWS) % 5 == 0, np.nan, np.arange(ROWS) / 7),
        "truth": [True, False] * (ROWS // 2),
        "category": ["a", "b", None] * (ROWS // 3),
        "date": pd.date_range("2020-01-01", periods=ROWS, freq="7h"),
        "text": [f"some words {i}" for i in range(ROWS)],
        "constant": 1,
    }
)
SAVED = {embedding: TableEncoder(embedding=embedding).fit(FRAME).to_bytes() for embedding in (False, True)}


def test_the_saved_bytes_are_plain_json_and_the_same_each_time() -> None:
    state = json.loads(SAVED[False])
    assert state["format"] == 2
    assert [column["name"] for column in state["columns"]] == list(FRAME.columns)
    assert TableEncoder.from_bytes(SAVED[True]).to_bytes() == SAVED[True]


def test_an_encoder_saved_before_there_were_intervals_gives_the_same_bits() -> None:
    state = json.loads(SAVED[False])
    del state["bins"]
    del column(state, "number")["state"]["edges"]
    old = TableEncoder.from_bytes(json.dumps(state).encode())
    assert old.transform(FRAME).tobytes() == TableEncoder.from_bytes(SAVED[False]).transform(FRAME).tobytes()


def of_format_1(encoder: TableEncoder) -> TableEncoder:
    """The encoder as the first format kept it, which knew of no schema."""
    state = json.loads(encoder.to_bytes())
    state["format"] = 1
    for entry in state["columns"]:
        numbers = entry.pop("schema").get("numbers")
        if numbers and "state" in entry:
            entry["state"]["format"] = numbers
    return TableEncoder.from_bytes(json.dumps(state).encode())


def test_an_encoder_of_the_first_format_reads_numbers_of_files_with_decimal_commas() -> None:
    numbers = pd.DataFrame({"x": np.arange(40) / 8 - 2})
    encoder = of_format_1(TableEncoder().fit(numbers))
    assert encoder.choices()[0].done == "standardised"
    expected = TableEncoder().fit(numbers).transform(numbers)
    for mark in ",.":
        cells = numbers["x"].map(lambda x: f"{x:.3f}".replace(".", mark))  # noqa: B023
        assert encoder.transform(pd.DataFrame({"x": cells})).tobytes() == expected.tobytes()
    odd = pd.DataFrame({"x": ["007", "-1,5e1", "1.", "1e3", "1.234,5", "1,234,5", "a"]})
    with pytest.warns(StrangeCellsWarning, match=r"3 of 7 values were not a number and counted as missing"):
        encoded = encoder.transform(odd)
    same = encoder.transform(pd.DataFrame({"x": [7, -15, 1, 1000, np.nan, np.nan, np.nan]}))
    assert encoded.tobytes() == same.tobytes()
    again = TableEncoder.from_bytes(encoder.to_bytes())
    assert again.schema_ == encoder.schema_


def test_an_encoder_of_the_first_format_keeps_what_it_knew_of_its_numbers() -> None:
    frame = pd.DataFrame({"x": [f"${1000 + 77 * i:,}" for i in range(40)]})
    encoder = TableEncoder().fit(frame)
    assert of_format_1(encoder).schema_ == encoder.schema_


class Hostile(StandardScaler):
    """An object that would do something when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("touch /tmp/plaingrad-was-fooled",)


@pytest.mark.parametrize(
    "data",
    [
        skops.io.dumps(Hostile()),
        skops.io.dumps(FunctionTransformer(os.system)),
        skops.io.dumps(StandardScaler()),
        pickle.dumps(Hostile()),
        b"",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"[" * 100_000,
        b"9" * 10_000,
        SAVED[False][:-1],
        SAVED[False][:1000],
    ],
)
def test_what_is_no_saved_encoder_is_refused_and_nothing_runs(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"^table encoder: (expected JSON|Expected `object`)") as caught:
        TableEncoder.from_bytes(data)
    assert "\n" not in str(caught.value)
    assert not os.path.exists("/tmp/plaingrad-was-fooled")  # noqa: PTH110


def column(state: dict[str, Any], name: str) -> dict[str, Any]:
    return next(column for column in state["columns"] if column["name"] == name)


def of(name: str, **fields: object) -> Callable[[dict[str, Any]], object]:
    """Set fields of an encoder's state."""
    return lambda state: column(state, name)["state"].update(fields)


@pytest.mark.parametrize(
    ("alter", "message"),
    [
        (lambda state: state.update(format=3), "expected format 2, got 3"),
        (lambda state: state.pop("format"), r"Object missing required field `format`"),
        (lambda state: state.update(code="x"), r"Object contains unknown field `code`"),
        (lambda state: state.update(columns={}), r"Expected `array`, got `object` - at `\$\.columns`"),
        (lambda state: state.update(columns=[]), "no column can be used"),
        (lambda state: state["columns"].append(state["columns"][0]), "column 'number' stands twice"),
        (lambda state: state["columns"].append(7), r"Expected `object`, got `int` - at `\$\.columns\[6\]`"),
        (
            lambda state: column(state, "text").update(encoder="os.system"),
            r"column 'text': unknown encoder 'os\.system'",
        ),
        (
            lambda state: column(state, "text").update(state=None),
            r"column 'text': Expected `object`, got `null` - at `\$\.state`",
        ),
        (
            lambda state: column(state, "text").update(missing=-1),
            r"column 'text': Expected `int` >= 0 - at `\$\.missing`",
        ),
        (of("number", mean="1"), r"column 'number': Expected `int \| float`, got `str` - at `\$\.mean`"),
        (of("number", mean=float("nan")), "expected JSON, got some with the number NaN"),
        (
            of("number", mean=10**400),
            r"column 'number': Expected `int` <= 9223372036854775807",
        ),
        (of("number", deviation=0), r"column 'number': Expected `int` >= 1 - at `\$\.deviation`"),
        (of("number", indicator=1), r"column 'number': Expected `bool`, got `int` - at `\$\.indicator`"),
        (
            of("number", edges=[1, 2, 2]),
            r"column 'number': edges: expected rising numbers, .*got \[1, 2, 2\]",
        ),
        (of("number", edges=[0.5]), r"column 'number': edges: expected rising numbers, .*got \[0\.5\]"),
        (of("number", varies=False, edges=[0, 1]), "column 'number': edges: expected none"),
        (of("number", hook="x"), r"column 'number': Object contains unknown field `hook`"),
        (
            of("category", levels=["a", "a"]),
            r"column 'category': levels: expected distinct strings",
        ),
        (
            of("category", levels=[["a"]]),
            r"column 'category': Expected `str`, got `array` - at `\$\.levels\[0\]`",
        ),
        (
            lambda state: column(state, "date")["schema"].update(dates="%n" * 1000),
            r"column 'date': dates: unknown format '%n%n%n",
        ),
        (
            lambda state: column(state, "date")["schema"].update(kind="number"),
            r"column 'date': expected a schema of kind 'date', got 'number'",
        ),
        (
            of("date", cycles=["century"]),
            r"column 'date': Invalid enum value 'century' - at `\$\.cycles\[0\]`",
        ),
        (of("text", components="!"), r"column 'text': Invalid base64 encoded string - at `\$\.components`"),
        (
            of("text", components="AAAA"),
            r"column 'text': Expected `bytes` of length >= 16384 - at `\$\.components`",
        ),
        (
            of("text", components="AAAAAA=="),
            r"column 'text': Expected `bytes` of length >= 16384 - at `\$\.components`",
        ),
        (
            of("text", components="AADAfwAAwH8AAMB/" * 4096),
            r"column 'text': components: expected finite rows of 4,096 numbers, got others",
        ),
        (of("text", weights=""), r"column 'text': Expected `bytes` of length >= 16384 - at `\$\.weights`"),
    ],
)
def test_an_altered_encoder_is_refused(alter: Callable[[dict[str, Any]], object], message: str) -> None:
    state = json.loads(SAVED[False])
    alter(state)
    with pytest.raises(ValueError, match=f"^(table encoder: .*)?{message}") as caught:
        TableEncoder.from_bytes(json.dumps(state).encode())
    assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("ignore::plaingrad.tables.columns.strange.StrangeCellsWarning")
@settings(max_examples=draws(300), deadline=None)
@given(data=st.data(), embedding=st.booleans())
def test_an_encoder_with_any_field_replaced_is_refused_or_gives_finite_numbers(
    data: st.DataObject, embedding: bool
) -> None:
    state = json.loads(SAVED[embedding])
    place: Any = state
    while True:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.booleans()):
            break
        place = place[key]
    odd = [None, True, -1, 0, 1, 1e308, 10**20, "", "a", "category", [], {}, ["a", "b"], [1], float("inf")]
    place[key] = data.draw(st.sampled_from(odd))
    try:
        encoder = TableEncoder.from_bytes(json.dumps(state).encode())
        matrix = encoder.transform(FRAME)
    except ValueError:
        return
    assert np.isfinite(matrix).all()
    assert matrix.shape == (ROWS, len(encoder.get_feature_names_out()))
