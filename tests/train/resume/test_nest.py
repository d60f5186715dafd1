"""What is packed comes back, whatever is in it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from plaingrad.errors import InputError
from plaingrad.strict_json import strict_json
from plaingrad.train.resume.nest import is_data, packed, unpacked
from train.resume.runs import expect_equal

numbers = st.one_of(st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=5))
arrays = st.sampled_from([np.arange(3), np.array(2.5), np.zeros((0, 2), np.float32), np.array([True])])
dtypes = [torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.uint8, torch.bool]
tensors = st.builds(lambda dtype, n: torch.ones(n, dtype=dtype), st.sampled_from(dtypes), st.integers(0, 3))
keys = st.one_of(st.text(max_size=3), st.integers(-3, 3), st.tuples(st.integers(0, 3), st.text(max_size=2)))
nests = st.recursive(
    st.one_of(numbers, tensors, arrays),
    lambda inside: st.one_of(
        st.lists(inside, max_size=3),
        st.lists(inside, max_size=3).map(tuple),
        st.dictionaries(keys, inside, max_size=3),
    ),
    max_leaves=12,
)


@given(nests)
def test_a_state_comes_back(state: Any) -> None:
    beside: dict[str, torch.Tensor] = {}
    assert is_data(state)
    text = json.dumps(packed(state, beside), allow_nan=False)
    back = unpacked(strict_json(text), beside)
    expect_equal(back, state)
    assert repr(back) == repr(state)


def test_a_set_comes_back() -> None:
    state = {1, "a", (2, "b")}
    assert unpacked(packed(state, {}), {}) == state


def test_numbers_of_numpy_become_python_s() -> None:
    assert packed({"a": np.float64(2), "b": np.int8(3)}, {}) == {"items": [["a", 2.0], ["b", 3]]}


@pytest.mark.parametrize(
    "value", [object(), {1, print}, [print], {"a": (1, open)}, np.array(["a"]), b"bytes", 1j]
)
def test_objects_are_no_data(value: Any) -> None:
    assert not is_data(value)
    with pytest.raises(
        InputError, match="expected numbers, strings, tensors and collections of them, got a "
    ):
        packed(value, {})


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"float": "1"},
        {"float": 2},
        {"tensor": "none"},
        {"items": [["a"]]},
        {"tuple": 3},
        {"a": 1, "b": 2},
    ],
)
def test_other_data_are_refused(data: Any) -> None:
    with pytest.raises(InputError, match="expected a state, got "):
        unpacked(data, {})
