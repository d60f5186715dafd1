from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest
import torch

from plaingrad import nn, optim
from plaingrad.data import Dataset
from plaingrad.module import Module
from plaingrad.native.cost import (
    Estimate,
    eager_step,
    estimate,
    estimate_predictions,
    remembered,
    threads_for,
    work,
)
from plaingrad.native.masks import Masks
from plaingrad.native.task import Task


def task(model: Module, rows: int = 32, batch_size: int = 16, **momentum: Any) -> Task:
    first = model.parameters()[0]
    inputs = torch.zeros(rows, first.value.shape[1])
    optimizer = optim.SGD(model.parameters(), lr=0.1, **momentum)
    return Task(model, nn.MSELoss(), optimizer, Dataset.of((inputs, inputs)), batch_size, Masks(model, 0))


def test_the_work_of_a_linear_layer_is_three_products() -> None:
    found = work(task(nn.Sequential(nn.Linear(4, 20), nn.ReLU()), momentum=0.9))
    assert found.calls == 3  # the loss is one of them
    assert found.products == 3 * 16 * 4 * 20 / 16
    assert found.activations == 2 * 16 * 2  # 20 outputs are two vectors of 16 floats
    assert found.values == 100 * 2 / 16


@pytest.mark.parametrize(
    ("rule", "numbers"),
    [
        (lambda p: optim.SGD(p), 0),
        (lambda p: optim.SGD(p, momentum=0.5), 1),
        (lambda p: optim.AdamW(p), 2),
        (lambda p: optim.Adagrad(p), 1),
    ],
)
def test_what_an_optimizer_remembers(rule: Any, numbers: int) -> None:
    model = nn.Linear(2, 2)
    data = Dataset.of((torch.zeros(2, 2), torch.zeros(2, 2)))
    assert (
        remembered(Task(model, nn.MSELoss(), rule(model.parameters()), data, 1, Masks(model, 0))) == numbers
    )


def test_an_estimate_grows_with_the_run_alone() -> None:
    todo = task(nn.Linear(2, 2), rows=33)
    one, many = estimate(todo, 1), estimate(todo, 100)
    assert one.eager == pytest.approx(3 * eager_step(work(todo)))  # 33 rows are three batches of 16
    assert many.eager == pytest.approx(100 * one.eager)
    assert many.compile == one.compile > 0


def test_an_estimate_of_predictions_grows_with_the_rows_alone() -> None:
    model = nn.Sequential(nn.Linear(4, 20), nn.ReLU())
    one, many = (estimate_predictions(model, torch.zeros(rows, 4), 8) for rows in (8, 795))
    assert many.eager == pytest.approx(100 * one.eager)
    assert many.compile == one.compile > 0
    step = work(task(model, batch_size=8))
    assert one.eager == pytest.approx(eager_step(replace(step, calls=step.calls - 1, values=0.0)) / 3)


def test_compiling_is_worth_half_its_time() -> None:
    assert Estimate(eager=1.01, compile=2.0).worth_compiling
    assert not Estimate(eager=1.0, compile=2.0).worth_compiling


@pytest.mark.parametrize(
    ("sizes", "batch_size", "threads"),
    [
        ([54, 128, 64, 7], 256, 2),
        ([784, 512, 512, 10], 128, 2),
        ([784, 128, 10], 100, 1),  # most of a picture's pixels may be 0, and the parameters go to both cores
        ([30, 64, 64, 2], 32, 1),
        ([2, 2000, 2000, 2], 8, 1),  # eight rows are one thread's
    ],
)
def test_a_batch_is_split_where_that_saves_more_than_it_costs(
    sizes: list[int], batch_size: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    layers = [nn.Linear(inputs, outputs) for inputs, outputs in itertools.pairwise(sizes)]
    assert threads_for(task(nn.Sequential(*layers), batch_size=batch_size)) == threads
