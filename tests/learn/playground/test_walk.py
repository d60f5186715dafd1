"""A walk through one step: its numbers are the record's, and it can be taken back."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from learn.playground.test_run import assert_same, trained
from plaingrad.errors import InputError
from plaingrad.inspect import record
from plaingrad.learn.playground.run import Run
from plaingrad.learn.playground.state import read_state
from plaingrad.learn.playground.walk import Walk

STATES: list[dict[str, Any]] = [
    {},
    {"data": "plane", "layers": [{"units": 3, "activation": "relu"}], "optimizer": {"name": "Adam"}},
    {"dropout": 0.4, "l2": 0.1, "loss": "mse"},
    {"layers": []},
]


@pytest.mark.parametrize("fields", STATES)
def test_stages_have_the_numbers_of_the_step_that_follows(fields: dict[str, Any]) -> None:
    run = trained(fields, 11)
    before = trained(fields, 11).model
    x, t = run.problem.train.inputs[[5]], run.problem.train.targets[[5]]
    trace = record(run.model, x, run.targets(t), loss=run.loss)
    walk = Walk(run, 5)
    count = len(run.stages)
    phases = ["input", *["forward"] * count, "loss", *["backward"] * count, "update"]
    messages = [walk.message()]
    for _ in phases[1:]:
        walk.go(1)
        messages.append(walk.message())
    assert [m["phase"] for m in messages] == phases
    assert [m["layer"] for m in messages] == [None, *range(count), None, *reversed(range(count)), None]
    assert [m["loss"] for m in messages] == [None] * (count + 1) + [trace.loss] * (count + 2)
    for k, stage in enumerate(run.stages):
        assert [m["values"]["layers"][k] is not None for m in messages].index(True) == k + 1
        assert [m["gradients"]["layers"][k] is not None for m in messages].index(True) == 2 * count + 1 - k
        last = messages[-1]
        assert last["values"]["layers"][k] == trace[stage.last].outputs[0].tolist()
        assert last["gradients"]["layers"][k] == trace[stage.last].grad_outputs[0][0].tolist()  # type: ignore[index]
        assert last["gradients"]["weights"][k] == trace[stage.path].gradients["weight"].tolist()
        assert last["gradients"]["biases"][k] == trace[stage.path].gradients["bias"].tolist()

    alone = trained(fields, 11)
    alone.train_on(x, t)
    assert_same(run.model, alone.model)  # the update was made
    walk.go(1)
    assert_same(run.model, alone.model)  # once
    for _ in phases:
        walk.go(-1)
    assert walk.message() == messages[0]
    assert_same(run.model, before)


@pytest.mark.parametrize("fields", STATES)
def test_each_unit_is_explained_in_each_phase(fields: dict[str, Any]) -> None:
    run = trained(fields, 3)
    walk = Walk(run, 0)
    for at, (phase, _) in enumerate(walk.phases):
        for layer, stage in enumerate(run.stages):
            answer = walk.look(layer, stage.units - 1)
            assert (answer["layer"], answer["unit"]) == (layer, stage.units - 1)
            assert "<math" in answer["html"], phase
        walk.go(1)
        assert walk.at == min(at + 1, len(walk.phases) - 1)


def test_the_sample_is_shown_as_it_stands_in_the_data() -> None:
    run = Run(read_state({}))
    message = Walk(run, 17).message()
    row = run.problem.train_rows[17].tolist()
    assert ([*message["point"], message["label"]], message["sample"]) == (row, 17)
    assert message["values"]["features"] == run.problem.train.inputs[17].tolist()


def test_a_step_over_batch_normalisation_takes_the_samples_after_it() -> None:
    from plaingrad import nn
    from plaingrad.data import Dataset
    from plaingrad.learn.playground.own import Own, OwnRun

    data = Dataset(torch.randn(40, 3), torch.randint(2, (40,)))
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))
    own = Own(model, data)
    walk = Walk(OwnRun(own, own.state({})), 3)
    for _ in walk.phases:
        walk.go(1)
    assert walk.message()["values"]["features"] == walk.run.problem.train.inputs[3].tolist()


@pytest.mark.parametrize("sample", [-1, 150, 10**9])
def test_there_must_be_such_a_sample(sample: int) -> None:
    with pytest.raises(InputError, match="expected a sample from 0 to 149"):
        Walk(Run(read_state({})), sample)


def test_a_look_does_not_number_the_sample_by_its_row_in_the_record() -> None:
    """The record has the sample of the walk alone, in row 0; the page says which one it is."""
    walk = Walk(Run(read_state({})), 17)
    walk.go(1)
    html = walk.look(0, 2)["html"]
    assert "0 Linear(2, 4)" in html
    assert "sample 0" not in html
