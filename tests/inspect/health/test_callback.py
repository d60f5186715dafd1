"""The health of whole runs: the findings say why a loss does not fall."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

import plaingrad
from plaingrad import nn, optim
from plaingrad.errors import InputError
from plaingrad.inspect import Health
from plaingrad.train.callbacks import Callback

from .networks import network, points, run


def kinds(health: Health) -> set[str]:
    return {finding.kind for finding in health.diagnosis}


@pytest.mark.parametrize("engine", ["eager", "native"])
def test_a_run_that_learns_has_no_findings(engine: str) -> None:
    health = run(network(), 0.5, epochs=20, engine=engine)
    assert kinds(health) == set()
    assert [each.epoch for each in health.epochs] == list(range(21))
    assert health.epochs[-1].loss < 0.5 * health.epochs[0].loss


def test_a_learning_rate_of_3_diverges_and_the_updates_say_why() -> None:
    health = run(network(), 3.0)
    diverged, update = health.diagnosis
    assert (diverged.kind, diverged.value) == ("diverged", 1.0)
    assert diverged.words.startswith("Training diverged in epoch 1, step ")
    assert update.kind == "update-too-large"
    assert update.value > 1


def test_a_learning_rate_of_3_kills_rectified_units() -> None:
    health = run(network(nn.ReLU), 3.0, classes=True)
    diagnosis = health.diagnosis
    assert kinds(health) >= {"loss-not-falling", "dead-units", "constant-output"}
    dead = diagnosis.of("dead-units")[-1]
    assert re.match(
        r"Sequential\[5\] ReLU\(\): \d+ % of its 25 units are dead since epoch [1-6], flat", dead.words
    )
    assert dead.epoch is not None
    assert [each["5"].dead >= 0.4 for each in health.epochs[dead.epoch :]] == [True] * (7 - dead.epoch)
    assert health.epochs[dead.epoch - 1]["5"].dead < 0.4


def test_a_learning_rate_of_3_saturates_tanh() -> None:
    health = run(network(), 3.0, classes=True)
    assert kinds(health) >= {"loss-not-falling", "saturated-units"}


def test_small_initial_weights_make_the_gradient_vanish() -> None:
    health = run(network(nn.Tanh, deviation=1e-3), 0.15)
    assert kinds(health) == {"loss-not-falling", "vanishing-gradient", "constant-output"}
    (vanishing,) = health.diagnosis.of("vanishing-gradient")
    assert vanishing.epoch == 0
    assert " from the start; try Glorot's" in vanishing.words


def test_large_initial_weights_saturate() -> None:
    health = run(network(nn.Tanh, deviation=5), 1e-4)
    assert "saturated-units" in kinds(health)


def test_a_learning_rate_that_is_too_small() -> None:
    health = run(network(), 1e-6)
    assert kinds(health) >= {"update-too-small"}
    (small,) = health.diagnosis.of("update-too-small")
    assert small.epoch == 1


def test_small_updates_after_the_loss_has_fallen_are_no_finding() -> None:
    model = network()
    health, optimizer = Health(), optim.SGD(model.parameters(), lr=0.5)
    plaingrad.fit(
        model, points(200).one_hot(), loss=nn.MSELoss(), optimizer=optimizer, epochs=10, batch_size=10,
        schedule=optim.LinearLR(optimizer, 1.0, 1e-9, 6), callbacks=[health], progress=False, seed=0,
    )  # fmt: skip
    assert max(layer.update or 0 for layer in health.epochs[-1].layers) < 1e-5
    assert kinds(health) == set()


def fitted(callbacks: list[Any], engine: Any = "eager", epochs: int = 4) -> nn.Sequential:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 5), nn.Dropout(0.3), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, 2))
    plaingrad.fit(
        model, points(100).one_hot(), loss=nn.MSELoss(), optimizer=optim.Adam(model.parameters(), lr=0.01),
        epochs=epochs, batch_size=10, seed=0, callbacks=callbacks, progress=False, engine=engine,
    )  # fmt: skip
    return model


@pytest.mark.parametrize("engine", ["eager", "native"])
def test_training_goes_on_as_without_it(engine: str) -> None:
    without, beside = fitted([], engine).state_dict(), fitted([Health(samples=20)], engine).state_dict()
    for name, value in without.items():
        assert torch.equal(value, beside[name]), name


def test_it_records_every_few_epochs_and_the_last() -> None:
    health = Health(every=3)
    fitted([health], epochs=7)
    assert [each.epoch for each in health.epochs] == [0, 3, 6, 7]
    fitted([health], epochs=3)
    assert [each.epoch for each in health.epochs] == [0, 3]


@pytest.mark.parametrize("engine", ["eager", "native"])
def test_a_record_is_of_its_own_epoch(engine: str) -> None:
    longer, shorter = Health(every=3), Health(every=3)
    fitted([longer], engine, epochs=8)
    fitted([shorter], engine, epochs=3)
    assert longer.epochs[1].loss == shorter.epochs[1].loss != longer.epochs[3].loss


class Stop(Callback):
    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        if epoch == 1:
            self.run.stop("enough")


def test_a_run_that_is_stopped_is_recorded_at_its_end() -> None:
    health = Health(every=3)
    fitted([Stop(), health], epochs=9)
    assert [each.epoch for each in health.epochs] == [0, 2]


def test_the_samples_are_spread_over_the_data() -> None:
    health = Health(samples=10)
    fitted([health])
    assert torch.equal(health._data.inputs, points(100).inputs[::10])


def test_batches_from_outside() -> None:
    torch.manual_seed(0)
    model, data = network(), points(60).one_hot()
    batches = [(data.inputs[i : i + 20], data.targets[i : i + 20]) for i in (0, 20, 40)]
    health, optimizer = Health(), optim.SGD(model.parameters(), lr=0.1)
    plaingrad.fit(
        model, batches, loss=nn.MSELoss(), optimizer=optimizer, epochs=2, callbacks=[health], progress=False
    )
    assert torch.equal(health._data.inputs, data.inputs[:20])
    assert len(health.epochs) == 3


def two_outputs() -> tuple[Any, Any, Any]:
    nodes = {"h": (nn.Linear(2, 3), "a"), "y": (nn.Linear(3, 1), "h"), "z": (nn.Linear(3, 2), "h")}
    model = nn.Graph(inputs=["a"], nodes=nodes, outputs=["y", "z"])
    targets = {"y": torch.randn(40, 1), "z": torch.arange(40) % 2}
    return model, ({"a": torch.randn(40, 2)}, targets), {"y": nn.MSELoss(), "z": nn.CrossEntropyLoss()}


def sparse_inputs() -> tuple[Any, Any, Any]:
    model = nn.Sequential(nn.Linear(6, 3), nn.ReLU(), nn.Linear(3, 2))
    inputs = csr_matrix(np.tile(np.eye(6, dtype=np.float32), (7, 1)))
    return model, (inputs, torch.arange(42) % 2), nn.CrossEntropyLoss()


def half_precision() -> tuple[Any, Any, Any]:
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)).to(torch.bfloat16)
    return model, (torch.randn(40, 2), torch.randn(40, 1)), nn.MSELoss()


def tokens() -> tuple[Any, Any, Any]:
    encoder = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
    model = nn.Sequential(nn.Embedding(9, 4), encoder, nn.Flatten(), nn.Linear(20, 2))
    return model, (torch.arange(200).view(40, 5) % 9, torch.arange(40) % 2), nn.CrossEntropyLoss()


@pytest.mark.parametrize("setting", [two_outputs, sparse_inputs, half_precision, tokens])
def test_networks_of_any_kind_have_a_health(setting: Any) -> None:
    torch.manual_seed(0)
    model, train, loss = setting()
    health, optimizer = Health(samples=20), optim.SGD(model.parameters(), lr=1e-3)
    options: Any = {"epochs": 2, "batch_size": 10, "callbacks": [health], "progress": False}
    plaingrad.fit(model, train, loss=loss, optimizer=optimizer, **options)
    assert len(health.epochs) == 3
    assert kinds(health) == set()
    weights = [layer for layer in health.epochs[-1].layers if layer.has_parameters]
    assert all(layer.gradient_out for layer in weights)


def test_it_prints_as_text_and_html() -> None:
    health = run(network(nn.ReLU), 3.0, classes=True)
    text, page = str(health), health._repr_html_()
    for finding in health.diagnosis:
        assert f"- {finding.words}" in text
    assert "After epoch 6: loss " in text
    assert f"7 records of 64 samples took {health.seconds:.2f} s" in text
    assert re.search(r"^Sequential\[5\] ReLU\(\) .* %$", text, re.MULTILINE)
    assert page.count("<li>") == len(health.diagnosis)
    assert page.count("<tr>") == 1 + len(health.epochs[-1].layers)


@pytest.mark.parametrize("options", [{"samples": 0}, {"every": 0}])
def test_numbers_that_are_no_counts_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(InputError, match="Health"):
        Health(**options)
