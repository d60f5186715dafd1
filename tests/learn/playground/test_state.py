"""The state: what is refused, and that an address has all of it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plaingrad.errors import InputError
from plaingrad.learn.playground.choices import ACTIVATIONS, FEATURES, INITS, RULES, SOURCES
from plaingrad.learn.playground.state import from_fragment, read_state, to_fragment

layers = st.fixed_dictionaries(
    {"units": st.integers(1, 64)},
    optional={"activation": st.sampled_from(sorted(ACTIVATIONS)), "dropout": st.floats(0, 0.9)},
)


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    name = draw(st.sampled_from(sorted(RULES)))
    options = {o.name: st.floats(o.low, o.high) for o in RULES[name][1] if o.kind != "switch"}
    return {"name": name, **draw(st.fixed_dictionaries({}, optional=options))}


FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "data": st.sampled_from(sorted(set(SOURCES) - {"own"})),
    "samples": st.integers(10, 5000),
    "classes": st.integers(2, 8),
    "noise": st.floats(0, 0.5),
    "train_share": st.floats(0.1, 0.9),
    "data_seed": st.integers(0, 2**31 - 1),
    "seed": st.integers(0, 2**31 - 1),
    "points": st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1), st.just(1.0)), max_size=4),
    "features": st.lists(st.sampled_from(sorted(FEATURES)), min_size=1, unique=True),
    "layers": st.lists(layers, max_size=16),
    "activation": st.sampled_from(sorted(ACTIVATIONS)),
    "init": st.sampled_from(sorted(INITS)),
    "optimizer": rules(),
    "delta": st.floats(0.01, 10),
    "l1": st.floats(0, 1),
    "batch_size": st.integers(1, 5000),
    "trained": st.integers(0, 20_000),
    "gradients": st.booleans(),
}


@given(st.fixed_dictionaries({}, optional=FIELDS))
def test_an_address_has_the_whole_state(fields: dict[str, Any]) -> None:
    state = read_state(fields)
    fragment = to_fragment(state)
    assert fragment.replace("-", "").replace("_", "").isalnum()
    for address in (fragment, f"#{fragment}", f"http://127.0.0.1:1/?token=a#{fragment}"):
        assert read_state(from_fragment(address)) == state
    assert msgspec.to_builtins(read_state({}, state)) == msgspec.to_builtins(state)


def table(**fields: Any) -> dict[str, Any]:
    """A state with a table of one's own, some of it another."""
    whole = {"names": ["a", "b"], "rows": [[1, 2, 0], [3, 4, 1]], "target": "c", "classes": ["x", "y"]}
    return {"data": "own", "table": {**whole, **fields}, "features": ["a"]}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ([], "expected an object of fields, got list"),
        ({"lr": 1}, "unknown field `lr`"),
        ({"samples": "300"}, "Expected `int`, got `str`"),
        ({"samples": 9}, "expected samples from 10 to 5000, got 9"),
        ({"noise": float("nan")}, "expected noise from 0 to 0.5, got nan"),
        ({"layers": [{"units": 0}]}, "layers[0]"),
        ({"layers": [{"units": 4}] * 17}, "expected at most 16 layers, got 17"),
        ({"layers": [{"units": 4, "activation": "x"}]}, "expected activation from tanh"),
        ({"features": []}, "expected at least one feature"),
        ({"features": ["x1", "x1"]}, "each once"),
        ({"features": ["x3"]}, "expected features from x1"),
        ({"loss": "cross_entropy", "data": "plane"}, "expected a loss for regression, got 'cross_entropy'"),
        ({"optimizer": {"name": "SGD", "lr": 100}}, "expected lr from 1e-05 to 10, got 100"),
        ({"optimizer": {"name": "SGD", "beta": 1}}, "expected option of SGD from lr"),
        ({"optimizer": {}}, "expected optimizer from SGD"),
        ({"points": [[1, 2, 1e9]]}, "expected points between -1e6 and 1e6"),
        ({"data": "x" * 1000}, "expected data from disc"),
        ({"points": [[0, 0, -1]]}, "expected points of the classes 0 to 7"),
        ({"points": [[0, 0, 999_999]]}, "expected points of the classes 0 to 7"),
        ({"points": [[0, 0, 0.5]]}, "expected points of the classes 0 to 7"),
        ({"actions": [[10**12, {"type": "edit"}]]}, "expected actions in the order"),
        ({"trained": 9, "actions": [[5, {"type": "paint"}], [4, {"type": "paint"}]]}, "in the order"),
        ({"trained": 9, "actions": [[5, {"a": 1}]]}, "expected actions"),
        (table(rows=[[1, 2, 7], [1, 2, 0]]), "expected a class from 0 to 1"),
        (table(rows=[[1, 2], [1, 2, 0]]), "expected 3 numbers"),
        (table(rows=[[1, 2, 0]]), "expected a table of 2 to"),
        (table(names=["a", "a"]), "a name of its own"),
    ],
)
def test_a_state_that_is_none_is_refused(fields: Any, words: str) -> None:
    with pytest.raises(InputError) as error:
        read_state(fields)
    assert words in str(error.value)
    assert len(str(error.value)) < 300


@pytest.mark.parametrize("address", ["", "#", "#x", "eNo9j", "http://127.0.0.1/", "é", "A" * 2_000_000])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(InputError, match="expected an address of the playground"):
        from_fragment(address)
