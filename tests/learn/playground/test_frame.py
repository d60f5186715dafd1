"""Frames: what is drawn is what the network computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from learn.playground.frames import unpacked
from plaingrad.inspect.player.frame import FINE, GRID
from plaingrad.learn.playground.frame import LARGE, Camera
from plaingrad.learn.playground.run import Run
from plaingrad.learn.playground.state import read_state

STATES: list[dict[str, Any]] = [
    {},
    {"data": "gaussians", "classes": 4, "features": ["x1", "x2", "x1*x2"], "layers": [{"units": 5}]},
    {"data": "hills", "layers": [{"units": 3}, {"units": 3}], "gradients": True},
    {"loss": "mse", "layers": []},
]


@pytest.mark.parametrize("fields", STATES)
def test_maps_and_numbers_are_those_of_the_network(fields: dict[str, Any]) -> None:
    run = Run(read_state(fields))
    for _ in range(20):
        run.train_batch()
    camera = Camera(run)
    camera.enlarged = (-1, 1) if not fields else (0, 1)
    header, arrays = unpacked(camera.take(1, False, {}))
    problem = run.problem

    grid = problem.grid(FINE)
    columns = [grid, *run.outputs(grid)]
    values = torch.cat(columns, 1).T.reshape(-1, FINE, FINE)[:, :: FINE // GRID, :: FINE // GRID]
    assert arrays["maps"].shape == (sum(c.shape[1] for c in columns), GRID, GRID)
    for k, value in enumerate(values.numpy()):
        shown = (arrays["maps"][k].astype(float) - 128) / 127
        np.testing.assert_allclose(shown, value / np.abs(value).max(), atol=0.5 / 127 + 1e-6)

    outputs = columns[-1]
    if problem.classes:
        assert np.array_equal(arrays["output"].ravel(), outputs.argmax(1).numpy())
        if run.state.loss_name == "cross_entropy":
            confidence = outputs.softmax(1).amax(1).numpy()
            np.testing.assert_allclose(arrays["confidence"].ravel() / 255, confidence, atol=0.5 / 255 + 1e-6)
    else:
        low, high = problem.values
        share = ((outputs[:, 0] - low) / (high - low)).clamp(0, 1).numpy()
        np.testing.assert_allclose(arrays["output"].ravel() / 255, share, atol=0.5 / 255 + 1e-6)
    assert arrays["enlarged"].shape == (LARGE, LARGE)

    for k, stage in enumerate(run.stages):
        assert np.array_equal(arrays[f"weights.{k}"], stage.linear.weight.value.numpy())
        assert np.array_equal(arrays[f"biases.{k}"], stage.linear.bias.value.numpy())  # type: ignore[union-attr]
    assert header["loss"] == run.measure(problem.train)[0]
    assert header["test_loss"] == run.measure(problem.test)[0]
    assert (header.get("accuracy"), header.get("test_accuracy")) == (
        run.measure(problem.train)[1],
        run.measure(problem.test)[1],
    )


def test_a_row_of_a_map_runs_from_left_to_right_and_rows_from_below() -> None:
    _, arrays = unpacked(Camera(Run(read_state({}))).take(1, False, {}))
    x1, x2 = arrays["maps"][:2].astype(int)
    assert (np.diff(x1, axis=1) > 0).all()
    assert (np.diff(x1, axis=0) == 0).all()
    assert (np.diff(x2, axis=0) > 0).all()


def test_gradients_are_those_of_the_loss_over_the_training_data() -> None:
    run = Run(read_state({"gradients": True, "dropout": 0.5}))
    _, arrays = unpacked(Camera(run).take(1, False, {}))
    layers: list[torch.nn.Module] = []
    for stage in run.stages:
        linear = torch.nn.Linear(stage.linear.weight.value.shape[1], stage.units)
        linear.load_state_dict(stage.linear.state_dict())
        layers += [linear, torch.nn.Tanh()]
    model = torch.nn.Sequential(*layers[:-1])
    with torch.enable_grad():
        data = run.problem.train
        torch.nn.functional.cross_entropy(model(data.inputs), data.targets).backward()
    for k, linear in enumerate(layers[::2]):
        assert linear.weight.grad is not None  # type: ignore[union-attr]
        np.testing.assert_allclose(arrays[f"gradients.{k}"], linear.weight.grad, rtol=1e-4, atol=1e-7)  # type: ignore[arg-type]


def test_the_curve_grows_and_is_whole_at_first() -> None:
    run = Run(read_state({}))
    camera = Camera(run)
    first, _ = unpacked(camera.take(1, False, {}))
    assert (first["whole"], len(first["curve"])) == (True, 1)
    run.train_batch()
    second, _ = unpacked(camera.take(2, False, {}))
    assert "whole" not in second
    assert second["curve"] == [[round(run.position, 4), second["loss"], second["test_loss"]]]
    assert unpacked(camera.take(3, False, {}))[0]["curve"] == []


def test_a_network_whose_numbers_are_not_finite_is_shown() -> None:
    run = Run(read_state({"layers": [{"units": 2, "activation": "linear"}]}))
    run.act({"type": "edit", "layer": 0, "to": 0, "from": 0, "value": 1e6})
    run.stages[1].linear.weight.value.fill_(torch.inf)
    header, _ = unpacked(Camera(run).take(1, False, {}))
    assert header["loss"] is None
