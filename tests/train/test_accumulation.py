"""Gradients of several batches for one update."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from plaingrad import nn, optim
from train.small import network, plane, run, values


def classes(n: int = 22) -> tuple[Tensor, Tensor]:
    x = plane(n)[0]
    t = torch.randint(3, (n,), generator=torch.Generator().manual_seed(3))
    t[torch.arange(n) % 4 == 1] = -100
    t[4:8] = -100  # a batch of which nothing counts
    return x, t


LOSSES: list[Any] = [
    lambda: nn.CrossEntropyLoss(),
    lambda: nn.CrossEntropyLoss(torch.tensor([0.5, 1.0, 3.0], dtype=torch.float64)),
    lambda: nn.CrossEntropyLoss(reduction="sum"),
]


@pytest.mark.parametrize("make", LOSSES)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("decay", ["batch", "sample"])
def test_it_equals_a_batch_as_large_as_all(make: Any, weighted: bool, decay: str) -> None:
    # 22 samples in batches of 4 are two whole groups of 12, the second with a shorter last batch.
    data = classes()
    weights = torch.arange(1.0, 23.0) if weighted else None
    parts, whole = network(2, 5, 3), network(2, 5, 3)
    for model, size, count in ((parts, 4, 3), (whole, 12, 1)):
        rule = optim.Adam(model.parameters(), lr=0.01, weight_decay=0.1)
        options = {"optimizer": rule, "sample_weight": weights, "weight_decay_per": decay, "shuffle": False}
        history = run(
            model, data, loss=make(), epochs=3, batch_size=size, gradient_accumulation_steps=count, **options
        )
        assert history.steps == 6
    torch.testing.assert_close(values(parts), values(whole), rtol=1e-10, atol=1e-12)


def test_several_losses_count_by_samples() -> None:
    x, t = plane(22)
    parts, whole = network(2, 1), network(2, 1)
    for model, size, count in ((parts, 4, 3), (whole, 12, 1)):
        run(
            model,
            (x, (t,)),
            loss=(nn.MSELoss(),),
            epochs=3,
            batch_size=size,
            gradient_accumulation_steps=count,
        )
    torch.testing.assert_close(values(parts), values(whole), rtol=1e-10, atol=1e-12)


def test_a_schedule_of_steps_is_stepped_for_each_update() -> None:
    model = network(2, 1)
    rule = optim.SGD(model.parameters(), lr=1.0)
    schedule = optim.OneCycleLR(rule, max_lr=0.1, total_steps=4)
    before = schedule.state_dict()["last_epoch"]
    history = run(
        model, plane(22), optimizer=rule, schedule=schedule, epochs=2, gradient_accumulation_steps=3
    )
    assert history.steps == 4
    assert schedule.state_dict()["last_epoch"] == before + 4


def test_what_it_cannot_do_is_refused() -> None:
    model, data = network(2, 1), plane()
    with pytest.raises(ValueError, match="engine 'native' cannot run this: gradients of several batches"):
        run(model, data, gradient_accumulation_steps=2, engine="native")
    with pytest.raises(ValueError, match="gradient_accumulation_steps: expected a positive integer, got 0"):
        run(model, data, gradient_accumulation_steps=0)
    with pytest.raises(ValueError, match="gradient_accumulation_steps: expected 1, for LBFGS repeats"):
        run(model, data, optimizer=optim.LBFGS(model.parameters()), gradient_accumulation_steps=2)
