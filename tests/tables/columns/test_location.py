"""Latitude and longitude in a cell."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from plaingrad.errors import InputError
from plaingrad.tables import TableEncoder
from plaingrad.tables.columns.location import LATITUDE_FIRST, LONGITUDE_FIRST
from plaingrad.tables.columns.meaning import Meaning
from plaingrad.tables.columns.schema import ColumnSchema
from plaingrad.tables.columns.strange import StrangeCounts

RANDOM = np.random.default_rng(0)
LATITUDES = RANDOM.uniform(-80, 80, 60).round(4)
LONGITUDES = RANDOM.uniform(-170, 170, 60).round(4)
LONGITUDES[3] = 151.2


def meaning(cells: list[str]) -> Meaning:
    return Meaning.of(pd.DataFrame({"x": pd.Series(cells, dtype="str")}))


def written(format: str) -> list[str]:
    return [
        format.format(lat, lon, abs(lat), "NS"[int(lat < 0)], abs(lon), "EW"[int(lon < 0)])
        for lat, lon in zip(LATITUDES, LONGITUDES)
    ]


@pytest.mark.parametrize(
    ("format", "order"),
    [
        ("{0:.4f},{1:.4f}", LATITUDE_FIRST),
        ("({0:.4f}, {1:.4f})", LATITUDE_FIRST),
        ("[{1:.4f}, {0:.4f}]", LONGITUDE_FIRST),
        ("{0:.4f};{1:.4f}", LATITUDE_FIRST),
        ("{0:.4f} {1:.4f}", LATITUDE_FIRST),
        ("POINT({1:.4f} {0:.4f})", LATITUDE_FIRST),
        ("SRID=4326;POINT Z ({1:.4f} {0:.4f} 12.5)", LATITUDE_FIRST),
        ("{2:.4f}° {3}, {4:.4f}° {5}", LATITUDE_FIRST),
    ],
)
def test_a_pair_is_two_numbers(format: str, order: str) -> None:
    frame = pd.DataFrame({"x": written(format)})
    found = meaning(frame["x"].tolist())
    assert found.schema["x"] == ColumnSchema("location", coordinates=order)
    assert not list(found.strange)
    encoder = TableEncoder().fit(frame)
    assert list(encoder.get_feature_names_out()) == ["x_latitude", "x_longitude"]
    (choice,) = encoder.choices()
    assert (choice.kind, choice.done) == ("location", f"{order}, both standardised")
    separate = pd.DataFrame({"latitude": LATITUDES, "longitude": LONGITUDES})
    expected = TableEncoder().fit_transform(separate)
    np.testing.assert_array_equal(encoder.transform(frame), expected)
    np.testing.assert_array_equal(TableEncoder.from_bytes(encoder.to_bytes()).transform(frame), expected)


def test_what_is_no_pair_is_missing_and_counted() -> None:
    found = meaning([*written("{0:.4f},{1:.4f}"), "at sea", "91.5,200.5", "NA", "-", ""])
    assert [(each.count, list(each.values)) for each in found.strange] == [(2, ["at sea", "91.5,200.5"])]
    encoder = TableEncoder().fit(found.frame, schema=found.schema)
    matrix = encoder.transform(found.frame, strange=StrangeCounts())
    np.testing.assert_array_equal(matrix[-5:], [[0, 0, 1]] * 5)


@pytest.mark.parametrize(
    "cells",
    [
        [f"({i}.5, {i + 1}.5]" for i in range(60)],  # intervals
        [f"{i}, {i + 1}" for i in range(60)],
        ["1.5,2.5", "2.5,3.5"] * 30,
        [f"{i * 9}.5,{i * 7}.5" for i in range(60)],
        [f"{i}.5,{i + 1}.5,{i + 2}.5" for i in range(60)],
    ],
)
def test_others_are_no_pairs(cells: list[str]) -> None:
    assert meaning(cells).schema["x"].kind != "location"


def test_an_unknown_order_is_refused() -> None:
    with pytest.raises(InputError, match=r"coordinates: expected 'latitude, longitude' or .*, got 'xy'"):
        ColumnSchema("location", coordinates="xy")
