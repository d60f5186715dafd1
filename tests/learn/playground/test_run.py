"""A run: an address and a program lead to the same bits, and everything can be taken back."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
import torch
from sklearn.datasets import load_iris

from plaingrad.errors import InputError
from plaingrad.learn.playground.choices import INITS, RULES, SOURCES
from plaingrad.learn.playground.program import program
from plaingrad.learn.playground.run import Diverged, Run
from plaingrad.learn.playground.state import from_fragment, read_state, to_fragment
from plaingrad.learn.playground.table import read_table
from plaingrad.module import Module

EDIT = {"type": "edit", "layer": 0, "to": 1, "from": 0, "value": 0.5}
BIAS = {"type": "edit", "layer": 2, "to": 0, "from": None, "value": -2.0}
FASTER = {
    "type": "change",
    "state": {"batch_size": 3, "l1": 0.01, "optimizer": {"name": "SGD", "momentum": 0.5, "lr": 0.02}},
}
PAINT = {"type": "paint", "points": [[0.1, 0.2, 1.0], [0.3, 0.1, 0.0]]}
ERASE = {"type": "erase", "x": 0.1, "y": 0.2, "radius": 0.05}

WALK = {"type": "walk", "sample": 5}

Actions = list[tuple[int, dict[str, Any]]]


def trained(fields: dict[str, Any], batches: int = 20, actions: Actions = ()) -> Run:  # type: ignore[assignment]
    """A run of a state, with actions after so many batches each."""
    run = Run(read_state(fields))
    for before, action in actions:
        train(run, before)
        run.act(action)
    train(run, batches)
    return run


def train(run: Run, batches: int) -> None:
    for _ in range(batches):
        run.train_batch()


def assert_same(ours: Module, theirs: Module) -> None:
    for (name, a), (_, b) in zip(ours.state_dict().items(), theirs.state_dict().items(), strict=True):
        assert torch.equal(a, b), name


def executed(text: str) -> dict[str, Any]:
    """The names of a program that has run."""
    names: dict[str, Any] = {}
    enabled = torch.is_grad_enabled()
    try:
        exec(compile(text, "program.py", "exec"), names)
    finally:
        torch.set_grad_enabled(enabled)
    return names


def iris() -> dict[str, Any]:
    frame = load_iris(as_frame=True).frame
    frame["target"] = frame["target"].map(lambda k: ["setosa", "versicolor", "virginica"][k])
    table, _ = read_table(frame.to_csv(index=False))
    return {"data": "own", "table": table, "features": table["names"][:3]}


RUNS: list[tuple[dict[str, Any], Actions]] = [
    *(({"data": name, "noise": 0.1}, []) for name in SOURCES if name != "own"),
    *(({"optimizer": {"name": name}, "layers": [{"units": 3}]}, []) for name in RULES),
    *(({"init": name, "seed": 3}, []) for name in INITS),
    (
        {"data": "spirals", "classes": 3, "features": ["x1", "sin(x2)", "x1*x2"], "dropout": 0.2, "l2": 0.01},
        [],
    ),
    ({"layers": [{"units": 5, "activation": "relu"}, {"units": 3, "dropout": 0.5}], "loss": "mse"}, []),
    ({"layers": []}, []),
    ({"data": "hills", "loss": "huber", "delta": 0.2}, []),
    ({"points": [[0.5, 0.5, 2.0]], "train_share": 0.8}, []),
    ({}, [(0, EDIT), (17, BIAS)]),
    ({}, [(7, FASTER), (5, PAINT), (9, ERASE), (0, EDIT)]),
    (
        {"dropout": 0.2, "l1": 0.01},
        [(0, WALK), (7, WALK), (0, FASTER), (0, {**FASTER, "state": {"l1": 0.5}})],
    ),
    ({"optimizer": {"name": "SGD", "momentum": 0.9}}, [(31, FASTER)]),
    (iris(), []),
]


@pytest.mark.parametrize(("fields", "actions"), RUNS)
def test_an_address_and_a_program_lead_to_the_same_bits(fields: dict[str, Any], actions: Actions) -> None:
    run = trained(fields, 35, actions)
    again = Run(read_state(from_fragment(to_fragment(run.current()))))
    for _ in again.catch_up():
        pass
    assert again.batch == run.batch
    assert again.measure(again.problem.train) == run.measure(run.problem.train)
    assert_same(run.model, again.model)
    names = executed(program(run))
    assert_same(run.model, names["model"])
    assert torch.equal(run.problem.test.inputs, names["test"].inputs)


def test_training_is_that_of_a_loop_over_batches() -> None:
    """As many epochs as one likes: each has every sample once, in an order of its own."""
    run = Run(read_state({"samples": 60, "batch_size": 7}))
    seen = []
    for _ in range(10):
        x, _ = run.next_batch()
        seen.append(x)
        run.train_batch()
    whole = run.problem.train.inputs
    for epoch in (seen[:5], seen[5:]):
        assert sorted(map(tuple, torch.cat(epoch).tolist())) == sorted(map(tuple, whole.tolist()))
    assert not torch.equal(torch.cat(seen[:5]), torch.cat(seen[5:]))
    assert run.position == 2


@pytest.mark.parametrize("action", [EDIT, PAINT])
def test_what_was_done_is_taken_back(action: dict[str, Any]) -> None:
    run = trained({"dropout": 0.3, "points": [[0.4, 0.4, 1.0]]}, 12)
    before = run.current()
    run.keep()
    run.act(action)
    train(run, 9)
    assert run.undo()
    assert run.current() == before
    assert_same(run.model, trained({"dropout": 0.3, "points": [[0.4, 0.4, 1.0]]}, 12).model)
    train(run, 9)  # the same masks and orders as without it
    assert_same(run.model, trained({"dropout": 0.3, "points": [[0.4, 0.4, 1.0]]}, 21).model)
    assert not run.undo()


def test_an_address_has_what_is_drawn_too() -> None:
    run = trained({}, 3)
    run.act({"type": "change", "state": {"show_test": True, "discretize": True}})
    state = run.current()
    assert (state.show_test, state.discretize, state.gradients, state.actions) == (True, True, False, [])


def test_what_is_noted_of_an_action_is_what_it_needs() -> None:
    run = trained({}, 3)
    run.act({**EDIT, "more": "x" * 1000})
    assert run.current().actions == [(3, EDIT)]


@pytest.mark.parametrize("trained_before", [0, 12])
def test_what_is_taken_back_leaves_the_sliders_where_they_are(trained_before: int) -> None:
    """A step or an edit goes back; a rate or a penalty set since then holds from there on."""
    run = trained({"optimizer": {"name": "Adam"}}, trained_before)
    run.keep()
    train(run, 3)
    run.act({"type": "change", "state": {"optimizer": {"name": "Adam", "lr": 0.2}, "l2": 0.01}})
    run.act({"type": "change", "state": {"show_test": True}})
    train(run, 2)
    assert run.undo()
    assert run.batch == trained_before
    assert (run.state.optimizer["lr"], run.state.l2, run.state.show_test) == (0.2, 0.01, True)
    assert run.optimizer.param_groups[0]["lr"] == 0.2
    assert_same(run.model, trained({"optimizer": {"name": "Adam"}}, trained_before).model)
    train(run, 4)
    again = Run(read_state(from_fragment(to_fragment(run.current()))))
    for _ in again.catch_up():
        pass
    assert_same(run.model, again.model)


TOO_FAST = {"data": "plane", "loss": "mse", "activation": "linear", "optimizer": {"name": "SGD", "lr": 10}}


def test_a_batch_that_diverges_leaves_the_weights_as_they_were() -> None:
    run = Run(read_state(TOO_FAST))
    with pytest.raises(Diverged):
        train(run, 1000)
    assert 0 < run.batch < 1000
    assert run.has_diverged
    assert_same(run.model, trained(TOO_FAST, run.batch - 1).model)


def test_an_address_and_a_program_go_on_after_a_batch_that_diverged() -> None:
    run = Run(read_state({**TOO_FAST, "layers": [{"units": 3, "dropout": 0.3}], "l2": 0.01}))
    for _ in range(60):
        with suppress(Diverged):
            run.train_batch()
    assert run.has_diverged
    again = Run(read_state(from_fragment(to_fragment(run.current()))))
    for _ in again.catch_up():
        pass
    assert_same(run.model, again.model)
    assert_same(run.model, executed(program(run))["model"])


def test_a_new_class_begins_anew_with_an_output_more() -> None:
    run = trained({}, 5)
    run.act({"type": "paint", "points": [[0.5, 0.5, 2.0]]})
    assert run.batch == 0
    assert run.stages[-1].units == 3
    assert run.problem.classes == ["outside", "inside", "2"]


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ({**EDIT, "layer": 3}, "expected a layer from 0 to 2, got 3"),
        ({**EDIT, "to": 4}, "expected a unit from 0 to 3, got 4"),
        ({**EDIT, "from": 2}, "expected a source below 2, got 2"),
        ({**EDIT, "value": 1e9}, "expected a number from -1e6 to 1e6"),
        ({**EDIT, "value": "1"}, "expected a number"),
        ({**EDIT, "value": float("nan")}, "expected a number"),
        ({**EDIT, "layer": True}, "expected a layer"),
        ({"type": "paint"}, "expected a list of points, got NoneType"),
        ({"type": "paint", "points": [[1, 2]]}, "points"),
        ({"type": "erase", "x": 1}, "expected the numbers x, y and radius"),
        ({"type": "change", "state": {"layers": []}}, "expected fields with which training goes on"),
    ],
)
def test_actions_that_cannot_be_done_change_nothing(action: dict[str, Any], words: str) -> None:
    run = trained({}, 3)
    with pytest.raises(InputError) as error:
        run.act(action)
    assert words in str(error.value)
    assert run.current() == trained({}, 3).current()
    assert_same(run.model, trained({}, 3).model)
