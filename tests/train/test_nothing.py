"""Batches that count for nothing, all targets ignored or all weights 0, change nothing in any engine."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from effort import draws
from plaingrad import nn, optim
from plaingrad.module import Module
from plaingrad.native import cost
from plaingrad.train import TrainingDiverged
from plaingrad.train.callbacks import Callback
from plaingrad.train.callbacks.callback import Logs
from train.small import network, run

D = torch.float64
W = torch.tensor([0.0, 1.0, 2.0], dtype=D)
ENGINES = pytest.mark.parametrize("engine", ["eager", "native"])

CLASSES: list[Callable[..., nn.Loss]] = [
    nn.CrossEntropyLoss,
    nn.NLLLoss,
    lambda reduction: nn.CrossEntropyLoss(W, reduction=reduction),
    lambda reduction: nn.CrossEntropyLoss(reduction=reduction, label_smoothing=0.2),
    lambda reduction: nn.NLLLoss(W, reduction=reduction),
]
ELEMENTS: list[Callable[..., nn.Loss]] = [nn.MSELoss, nn.L1Loss, nn.HuberLoss, nn.BCEWithLogitsLoss]
RULES: list[Callable[[Any], optim.Optimizer]] = [
    lambda parameters: optim.SGD(parameters, lr=0.1),
    lambda parameters: optim.SGD(parameters, lr=0.1, momentum=0.9, dampening=0.5, weight_decay=0.1),
    lambda parameters: optim.Adam(parameters, lr=0.1, weight_decay=0.1),
    lambda parameters: optim.AdamW(parameters, lr=0.1, clip_norm=0.1),
]


def data_for(loss: nn.Loss, n: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 2, generator=generator, dtype=D)
    if isinstance(loss, (nn.CrossEntropyLoss, nn.NLLLoss)):
        return x, torch.randint(1, 3, (n,), generator=generator)
    return x, torch.rand(n, 3, generator=generator, dtype=D)


def trained(
    loss: nn.Loss, rule: Callable[[Any], optim.Optimizer], x: Tensor, t: Tensor, w: Tensor, **options: Any
) -> tuple[Module, Any, dict[str, list[float]]]:
    """The network, the optimizer's state and the history's columns."""
    model = network(2, 3)
    optimizer = rule(model.parameters())
    options = {"sample_weight": w, "shuffle": False, "weight_decay_per": "sample", **options}
    history = run(model, (x, t), loss=loss, optimizer=optimizer, epochs=2, batch_size=2, **options)
    columns = {name: history[name] for name in ("loss", "penalty")}
    return model, optimizer.state_dict()["state"], columns


def expect_nothing_of_them(
    make: Callable[..., nn.Loss],
    reduction: str,
    rule: Callable[[Any], optim.Optimizer],
    counting: list[bool],
    how: str,
    seed: int,
    **options: Any,
) -> None:
    """Training is the same with batches that count for nothing as without them."""
    loss = make(reduction=reduction)
    x, t = data_for(loss, 2 * len(counting), seed)
    w = torch.rand(len(x), dtype=D, generator=torch.Generator().manual_seed(seed)) + 0.5
    kept = torch.tensor(counting).repeat_interleave(2)
    expected = trained(loss, rule, x[kept], t[kept], w[kept], **options)
    if how == "weights" or not hasattr(loss, "ignore_index"):
        w[~kept] = 0
    else:
        t[~kept] = loss.ignore_index
    if how == "class weights" and getattr(loss, "weight", None) is not None:
        t[~kept] = 0
    found = trained(loss, rule, x, t, w, **options)
    torch.testing.assert_close(found[0].state_dict(), expected[0].state_dict(), rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(found[1], expected[1], rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(found[2], expected[2], rtol=1e-12, atol=1e-14)


@settings(max_examples=draws(80), deadline=None)
@given(
    make=st.sampled_from(CLASSES + ELEMENTS),
    reduction=st.sampled_from(["mean", "sum"]),
    rule=st.sampled_from(RULES),
    counting=st.lists(st.booleans(), min_size=1, max_size=6).filter(any),
    how=st.sampled_from(["ignored", "class weights", "weights"]),
    seed=st.integers(0, 2**32 - 1),
)
def test_they_change_nothing(
    make: Callable[..., nn.Loss],
    reduction: str,
    rule: Callable[[Any], optim.Optimizer],
    counting: list[bool],
    how: str,
    seed: int,
) -> None:
    expect_nothing_of_them(make, reduction, rule, counting, how, seed, engine="eager")


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize(
    ("make", "rule", "how"),
    [
        (CLASSES[0], RULES[1], "ignored"),
        (CLASSES[2], RULES[2], "class weights"),
        (CLASSES[3], RULES[3], "ignored"),
        (CLASSES[4], RULES[0], "weights"),
        (ELEMENTS[0], RULES[2], "weights"),
    ],
)
def test_they_change_nothing_natively(
    make: Callable[..., nn.Loss],
    rule: Callable[[Any], optim.Optimizer],
    how: str,
    reduction: str,
    threads: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Wherever they are in a call of the kernels, the first and the last of a run among them."""
    monkeypatch.setattr(cost, "threads_for", lambda task: threads)
    for counting in ([False, True, True, False, True, False], [True, False, True], [True]):
        expect_nothing_of_them(make, reduction, rule, counting, how, 0, engine="native")


@ENGINES
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_nothing_at_all_counts(engine: str, reduction: str) -> None:
    """The loss is then NaN, and training goes on for all that."""
    x, t = data_for(loss := nn.CrossEntropyLoss(reduction=reduction), 6, 0)
    model, other = network(2, 3), network(2, 3)
    history = run(model, (x, torch.full_like(t, -100)), loss=loss, epochs=3, engine=engine)
    assert len(history) == 3
    assert all(map(math.isnan, history.loss))
    torch.testing.assert_close(model.state_dict(), other.state_dict(), rtol=0, atol=0)


@ENGINES
def test_schedules_of_steps_go_on(engine: str) -> None:
    loss = nn.CrossEntropyLoss()
    x, t = data_for(loss, 8, 0)
    t[2:6] = -100
    model = network(2, 3)
    rule = optim.SGD(model.parameters(), lr=1.0)
    schedule = optim.StepLR(rule, 1, 0.5, interval="step")
    options = {"schedule": schedule, "optimizer": rule, "epochs": 1, "batch_size": 2, "shuffle": False}
    run(model, (x, t), loss=loss, engine=engine, **options)
    assert rule.param_groups[0]["lr"] == 1 / 16
    by_hand = network(2, 3)
    for rows, lr in ((slice(0, 2), 1.0), (slice(6, 8), 1 / 8)):
        alone = {"optimizer": optim.SGD(by_hand.parameters(), lr=lr), "epochs": 1, "batch_size": 2}
        run(by_hand, (x[rows], t[rows]), loss=loss, shuffle=False, engine="eager", **alone)
    torch.testing.assert_close(model.state_dict(), by_hand.state_dict(), rtol=1e-12, atol=1e-14)


class Losses(Callback):
    def __init__(self) -> None:
        self.found: list[float] = []

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        self.found.append(logs["loss"])


def test_what_looks_at_the_loss_of_each_batch() -> None:
    """A callback gets 0, a schedule that watches the loss is not asked."""
    x, t = data_for(loss := nn.CrossEntropyLoss(), 8, 0)
    t[2:6] = -100
    model, losses = network(2, 3), Losses()
    rule = optim.SGD(model.parameters(), lr=0.0)
    schedule = optim.ReduceLROnPlateau(rule, interval="step", patience=100)
    options = {"schedule": schedule, "optimizer": rule, "epochs": 1, "batch_size": 2, "shuffle": False}
    history = run(model, (x, t), loss=loss, callbacks=[losses], **options)
    assert losses.found[1:3] == [0.0, 0.0]
    assert history.loss[0] == pytest.approx((losses.found[0] + losses.found[3]) / 2)
    assert schedule.best == min(losses.found[0], losses.found[3])


@ENGINES
def test_divergence_elsewhere_is_still_found(engine: str) -> None:
    x, t = data_for(loss := nn.CrossEntropyLoss(), 8, 0)
    t[:2] = t[6:] = -100
    x[2:4] *= 1e200
    with pytest.raises(TrainingDiverged) as caught:
        run(network(2, 3), (x, t), lr=1e200, loss=loss, batch_size=2, shuffle=False, engine=engine)
    assert caught.value.epoch == 1
    assert caught.value.finding is not None
    assert (caught.value.finding.step, caught.value.finding.updates) == (2, 1)
    assert caught.value.finding.kind == "parameter"


@ENGINES
def test_running_statistics_see_them(engine: str) -> None:
    """They go forward as ever."""
    x, t = data_for(loss := nn.CrossEntropyLoss(), 8, 0)
    t[:4] = -100
    model = nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 3)).to(D)
    run(model, (x, t), loss=loss, epochs=1, shuffle=False, engine=engine)
    assert model[0].num_batches_tracked.value == 2
    alone = nn.BatchNorm1d(2).to(D)
    alone(x[:4]), alone(x[4:])
    torch.testing.assert_close(model[0].running_mean.value, alone.running_mean.value)
