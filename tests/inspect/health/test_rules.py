"""Each finding, with a record that provokes it and one that does not."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from torch import Tensor

from plaingrad import init, nn, optim
from plaingrad.errors import InputError
from plaingrad.inspect import Diagnosis, HealthFinding, health, record
from plaingrad.inspect.health.measures import EpochHealth
from plaingrad.inspect.health.progress import loss_not_falling
from plaingrad.module import Module

from .networks import network, points


def step(model: Module, lr: float = 0.05, data: Any = None, loss: Any = None) -> Diagnosis:
    x, t = data or (points(64).inputs, points(64).one_hot().targets)
    return health(record(model, x, t, loss=loss or nn.MSELoss(), optimizer=optim.SGD(model.parameters(), lr)))


def only(diagnosis: Diagnosis, kind: str) -> HealthFinding:
    (finding,) = diagnosis.of(kind)
    return finding


@pytest.mark.parametrize("activation", [nn.Tanh, nn.ReLU, nn.GELU])
def test_a_usual_network_has_no_findings(activation: type) -> None:
    diagnosis = step(network(activation))
    assert len(diagnosis) == 0
    assert diagnosis
    assert "nothing found" in str(diagnosis)


def test_outputs_that_are_sure_of_their_classes_are_no_finding() -> None:
    x = torch.cat([torch.full((32, 2), -9.0), torch.full((32, 2), 9.0)])
    model = nn.Sequential(nn.Linear(2, 1, bias=False), nn.Sigmoid())
    model[0].weight.value = torch.ones(1, 2)
    assert not step(model, data=(x, (x[:, :1] > 0).float()), loss=nn.BCELoss()).of("saturated-units")


def test_the_first_update_of_a_rule_that_adapts_is_no_finding() -> None:
    model, data = network(nn.Tanh), points(64)
    optimizer = optim.RMSprop(model.parameters())
    diagnosis = health(
        record(model, data.inputs, data.targets, loss=nn.CrossEntropyLoss(), optimizer=optimizer)
    )
    assert not diagnosis.of("update-too-large")


def test_a_network_that_is_frozen_throughout_cannot_learn() -> None:
    finding = only(step(network(nn.Tanh).freeze()), "no-gradient")
    assert finding.words.startswith("Sequential(")
    assert "all its parameters are frozen" in finding.words


def test_what_is_no_record_is_refused() -> None:
    with pytest.raises(InputError, match=r"^trace: expected what record\(...\) returns, got a Linear"):
        health(nn.Linear(2, 2))  # type: ignore[arg-type]


def test_dead_units_are_counted() -> None:
    model = network(nn.ReLU)
    model[2].bias.value[:20] = -100
    finding = only(step(model), "dead-units")
    dead = (model[2].forward(torch.relu(model[0].forward(points(64).inputs))) <= 0).all(0).double().mean()
    assert finding.path == "3"
    assert finding.value == pytest.approx(dead.item())
    assert finding.value >= 0.8
    words = (
        f"Sequential[3] ReLU(): {100 * finding.value:.0f} % of its 25 units are dead, flat for every sample"
    )
    assert finding.words.startswith(words)
    assert finding.epoch is None


def test_few_dead_units_are_no_finding() -> None:
    model = network(nn.ReLU)
    model[2].bias.value[:5] = -100
    diagnosis = step(model)
    assert diagnosis.epochs[0]["3"].dead >= 0.2
    assert not diagnosis.of("dead-units")


def test_a_few_samples_do_not_show_what_is_dead() -> None:
    model = network(nn.ReLU)
    model[2].bias.value[:20] = -100
    data = points(64)
    assert not step(model, data=(data.inputs[:15], data.one_hot().targets[:15])).of("dead-units")
    assert step(model, data=(data.inputs[:16], data.one_hot().targets[:16])).of("dead-units")


def test_the_units_of_images_are_channels() -> None:
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 2))
    model[0].bias.value[:] = torch.tensor([-100.0, -100.0, 100.0, 100.0])
    diagnosis = step(model, data=(torch.randn(5, 1, 6, 6), torch.randn(5, 2)))
    layer = diagnosis.epochs[0]["1"]
    assert (layer.units, layer.dead) == (4, 0.5)


def test_saturated_units() -> None:
    diagnosis = step(network(nn.Tanh, deviation=5), lr=1e-6)
    assert [finding.path for finding in diagnosis.of("saturated-units")] == ["1", "3", "5"]
    model = network(nn.Tanh, deviation=5)
    s = model[0].forward(points(64).inputs)
    share = (torch.tanh(s).square() > 0.95).double().mean().item()
    assert diagnosis.epochs[0]["1"].saturated == pytest.approx(share)
    assert not diagnosis.of("dead-units")


def test_units_that_are_partly_saturated_are_no_finding() -> None:
    model = network(nn.Tanh)
    model[0].weight.value.mul_(3)
    diagnosis = step(model)
    assert 0.2 < diagnosis.epochs[0]["1"].saturated < 0.5
    assert not diagnosis.of("saturated-units")


@pytest.mark.parametrize(
    ("activation", "flat"),
    [(nn.Tanh, 3.0), (nn.Sigmoid, 6.0), (nn.Softsign, 9.0), (nn.Hardtanh, 1.5), (nn.Hardsigmoid, 4.0)],
)
def test_saturation_is_on_both_sides(activation: type, flat: float) -> None:
    model = nn.Sequential(activation())
    x = torch.tensor([-flat, flat, 0.1, 0.2]).repeat(10)[:, None]
    trace = record(model, x, torch.zeros(40, 1), loss=nn.MSELoss())
    assert health(trace).epochs[0]["0"].saturated == 0.5


def test_a_vanishing_gradient() -> None:
    diagnosis = step(network(nn.Tanh, deviation=0.01))
    finding = only(diagnosis, "vanishing-gradient")
    layers = diagnosis.epochs[0]
    assert finding.path == "0"
    assert finding.value == pytest.approx(layers["0"].gradient_size / layers["6"].gradient_size)
    assert finding.value < 1e-3
    assert "Sequential[6] Linear(25, 2)" in finding.words


def test_an_exploding_gradient() -> None:
    finding = only(step(network(nn.ReLU, deviation=5), lr=1e-12), "exploding-gradient")
    assert finding.path == "0"
    assert finding.value > 1e3


def test_the_size_of_updates() -> None:
    def diagnosis(lr: float) -> Diagnosis:
        return step(network(), lr)

    large, small = only(diagnosis(3.0), "update-too-large"), only(diagnosis(1e-5), "update-too-small")
    assert large.value == pytest.approx(3e5 * small.value, rel=0.02)
    assert large.path == small.path == "6"
    for lr in (3e-3, 0.1):
        assert not [finding for finding in diagnosis(lr) if finding.kind.startswith("update")]


@pytest.mark.parametrize(("lr", "text"), [(3.0, " % of their size"), (1e9, " times their size")])
def test_a_huge_update_is_no_percentage(lr: float, text: str) -> None:
    words = only(step(network(), lr), "update-too-large").words
    assert text in words
    assert max(map(len, re.findall(r"\d+", words))) < 5


def test_a_search_for_the_minimum_may_go_far() -> None:
    model, x, t = network(), points(64).inputs, points(64).one_hot().targets
    optimizer = optim.LBFGS(model.parameters(), lr=1.0)
    diagnosis = health(record(model, x, t, loss=nn.MSELoss(), optimizer=optimizer))
    assert diagnosis.epochs[0]["6"].update > 0.1
    assert not diagnosis.of("update-too-large")


def test_the_size_of_an_update_is_a_share_of_the_weight() -> None:
    model = network()
    diagnosis = step(model, lr=0.5)
    x, t = points(64).inputs, points(64).one_hot().targets
    trace = record(model, x, t, loss=nn.MSELoss())
    weight, dweight = trace["2"].parameters["weight"], trace["2"].gradients["weight"]
    assert diagnosis.epochs[0]["2"].update == pytest.approx(
        (0.5 * dweight.norm() / weight.norm()).item(), rel=1e-4
    )


def test_without_an_optimizer_there_are_no_updates() -> None:
    x, t = points(64).inputs, points(64).one_hot().targets
    diagnosis = health(record(network(), x, t, loss=nn.MSELoss()))
    assert {layer.update for layer in diagnosis.epochs[0].layers} == {None}
    assert len(diagnosis) == 0


class Forgetful(Module):
    """A layer that is not called, one whose output is dropped, and one whose parameters are used directly."""

    def __init__(self) -> None:
        self.used, self.unused, self.borrowed = nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.used.forward(x) @ self.borrowed.weight.value
        self.save(self.used.forward(x), y)
        return y

    def backward(self, dy: Tensor) -> Tensor | None:
        h = self.restore(dy)
        self.borrowed.weight.grad += h.T @ dy
        self.used.backward(torch.zeros_like(h))
        return self.used.backward(dy @ self.borrowed.weight.value.T)


def test_a_parameter_that_no_backward_reaches() -> None:
    model = Forgetful()
    finding = only(step(model), "no-gradient")
    assert finding.path == "unused"
    assert finding.words.startswith(
        "Forgetful[unused] Linear(2, 2): no gradient reaches its weight and bias: nothing calls"
    )


def test_a_frozen_parameter_needs_no_gradient() -> None:
    model = Forgetful()
    model.unused.freeze()
    assert not step(model).of("no-gradient")


def test_an_output_that_does_not_depend_on_the_input() -> None:
    model = network(nn.ReLU)
    model[4].bias.value[:] = -100
    finding = only(step(model), "constant-output")
    assert (finding.path, finding.value) == ("", 0.0)
    assert "from Sequential[5] ReLU() on nothing depends on the input" in finding.words
    constant = points(64).inputs, torch.ones(64, 2)
    assert not step(model, data=constant).of("constant-output")  # as it should be


def test_logits_that_are_all_the_same() -> None:
    model = network()
    init.zeros_(model[6].weight)
    data = points(64)
    assert (
        only(
            step(model, data=(data.inputs, data.targets), loss=nn.CrossEntropyLoss()), "constant-output"
        ).value
        == 0.0
    )
    assert not step(network(), data=(data.inputs, data.targets), loss=nn.CrossEntropyLoss()).of(
        "constant-output"
    )


def test_what_is_not_finite_is_the_only_finding() -> None:
    model = network(nn.ReLU)
    model[2].weight.value[0, 0] = float("inf")
    (finding,) = step(model)
    assert (finding.kind, finding.path) == ("not-finite", "2")


def test_an_infinite_loss() -> None:
    model = nn.Sequential(nn.Linear(1, 1))
    model[0].weight.value.fill_(1e25)
    diagnosis = health(record(model, torch.ones(2, 1), torch.zeros(2, 1), loss=nn.MSELoss()))
    (finding,) = diagnosis
    assert (finding.kind, finding.path, finding.value) == ("not-finite", "loss", float("inf"))


def test_an_infinite_gradient() -> None:
    model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False))
    model[0].weight.value.fill_(1e-20)
    model[1].weight.value.fill_(1e30)
    diagnosis = health(record(model, torch.ones(2, 1), torch.zeros(2, 1), loss=nn.MSELoss()))
    (finding,) = diagnosis
    assert (finding.kind, finding.path) == ("not-finite", "1")
    assert "gradients" in finding.words


def test_no_learning_rate_helps_where_there_is_no_gradient() -> None:
    model = nn.Sequential(nn.Linear(2, 5), nn.ReLU(), nn.Linear(5, 5))
    init.zeros_(model[0].weight)
    init.constant_(model[0].bias, -1.0)
    diagnosis = step(model, data=(points(64).inputs, torch.ones(64, 5)))
    assert diagnosis.of("dead-units")
    assert not diagnosis.of("update-too-small")


@pytest.mark.parametrize(
    ("last", "words"),
    [(0.68, "the loss hardly falls below that of"), (0.7, "the loss does not fall below that of")],
)
def test_a_loss_that_ends_a_little_below_the_constant_is_not_said_to_stay_above(
    last: float, words: str
) -> None:
    losses = [0.74, 0.73, 0.72, 0.71, 0.705, last]
    problem = loss_not_falling([EpochHealth(epoch, loss, ()) for epoch, loss in enumerate(losses)], 0.6931)
    assert problem is not None
    assert problem.what.startswith(words)
