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

from plaingrad.tables import TableEncoder

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
    assert state["format"] == 1
    assert [column["name"] for column in state["columns"]] == list(FRAME.columns)
    assert TableEncoder.from_bytes(SAVED[True]).to_bytes() == SAVED[True]


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
    with pytest.raises(ValueError, match=r"^table encoder: expected (JSON|an object)") as caught:
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
        (lambda state: state.update(format=2), "expected format 1, got 2"),
        (lambda state: state.pop("format"), "field 'format' is missing"),
        (lambda state: state.update(code="x"), "unknown field 'code'"),
        (lambda state: state.update(columns={}), "columns: expected a list, got an object"),
        (lambda state: state.update(columns=[]), "no column can be used"),
        (lambda state: state["columns"].append(state["columns"][0]), "column 'number' stands twice"),
        (lambda state: state["columns"].append(7), r"columns\[6\]: expected an object, got 7"),
        (
            lambda state: column(state, "text").update(encoder="os.system"),
            "column 'text': encoder: unknown value 'os.system'",
        ),
        (
            lambda state: column(state, "text").update(state=None),
            "column 'text': state: expected an object, got null",
        ),
        (
            lambda state: column(state, "text").update(missing=-1),
            "column 'text': missing: expected an integer >= 0, got -1",
        ),
        (of("number", mean="1"), "column 'number': state.mean: expected a finite number, got '1'"),
        (of("number", mean=float("nan")), "expected JSON, got some with the number NaN"),
        (of("number", mean=10**400), "column 'number': state.mean: expected a finite number, got 1000"),
        (of("number", deviation=0), "column 'number': state.deviation: expected an integer >= 1, got 0"),
        (of("number", indicator=1), "column 'number': state.indicator: expected true or false, got 1"),
        (of("number", hook="x"), "column 'number': state: unknown field 'hook'"),
        (of("category", levels=["a", "a"]), "column 'category': state: levels: expected distinct strings"),
        (
            of("category", levels=[["a"]]),
            r"column 'category': state.levels\[0\]: expected a string, got a list",
        ),
        (of("date", format="%n" * 1000), "column 'date': state: format: unknown format"),
        (of("date", cycles=["century"]), r"column 'date': state.cycles\[0\]: unknown value 'century'"),
        (of("text", components="!"), "column 'text': state.components: expected base64, got '!'"),
        (
            of("text", components="AAAA"),
            "column 'text': state.components: expected base64 of length >= 16384",
        ),
        (of("text", components="AAAAAA=="), "column 'text': state.components: expected base64 of length"),
        (
            of("text", components="AADAfwAAwH8AAMB/" * 4096),
            "column 'text': state: components: expected finite rows of 4,096",
        ),
        (of("text", weights=""), "column 'text': state.weights: expected base64 of length"),
    ],
)
def test_an_altered_encoder_is_refused(alter: Callable[[dict[str, Any]], object], message: str) -> None:
    state = json.loads(SAVED[False])
    alter(state)
    with pytest.raises(ValueError, match=f"^(table encoder: .*)?{message}") as caught:
        TableEncoder.from_bytes(json.dumps(state).encode())
    assert "\n" not in str(caught.value)


@settings(max_examples=300, deadline=None)
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
