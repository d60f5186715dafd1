"""Indices and arguments of nodes survive their data."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from plaingrad.saving.index import LARGEST, from_data, to_data


@pytest.mark.parametrize(
    "nest",
    [
        *(slice(1, 9, 2), slice("start", None, "step"), slice(None, -1), slice(None)),
        (slice(0, "stop", 3), ..., None, 0, True, -2.5),
        ("a", ("b", ("c", 1))),
        (math.inf, -math.inf),
    ],
)
def test_an_index_is_the_same_after_a_file(nest: Any) -> None:
    assert from_data(json.loads(json.dumps(to_data(nest), allow_nan=False))) == nest


@pytest.mark.parametrize(
    "data",
    [
        *({"slice": [1, 2]}, {"slice": 3}, {"ellipsis": False}, {"number": "nan"}, {"a": 1, "b": 2}),
        *(2 * LARGEST, [[[[[1]]]]], [0] * 1001),
    ],
)
def test_other_data_is_refused(data: Any) -> None:
    with pytest.raises(ValueError, match=r"^expected a name, a number or a list of these, got "):
        from_data(data)
