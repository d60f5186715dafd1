"""Importance of inputs by gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler

from plaingrad import Module, nn
from plaingrad.inspect import gradient_importance
from plaingrad.interop import to_torch

X = StandardScaler().fit_transform(load_wine().data)[::6]
SMOOTH = {
    "one output": lambda: nn.Sequential(nn.Linear(13, 8), nn.Tanh(), nn.Linear(8, 1)),
    "several": lambda: nn.Sequential(nn.Linear(13, 8), nn.GELU(), nn.Linear(8, 3)),
    "probabilities": lambda: nn.Sequential(nn.Linear(13, 8), nn.Sigmoid(), nn.Linear(8, 3), nn.Softmax(1)),
    "normalised": lambda: nn.Sequential(nn.Linear(13, 8), nn.BatchNorm1d(8), nn.Dropout(), nn.Linear(8, 2)),
}  # fmt: skip


class Rounded(Module):
    """Nearest integers, which have no gradient."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x.round()
        self.save((), y)
        return y

    def backward(self, dy: torch.Tensor) -> None:
        self.restore(dy)


def network(name: str) -> Module:
    torch.manual_seed(0)
    made: Module = SMOOTH[name]().to(torch.float64)
    return made


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("output", [None, 0])
def test_gradients_are_those_of_autograd(name: str, output: int | None) -> None:
    module = network(name)
    found = gradient_importance(module, X, output=output)
    theirs = to_torch(module).eval()
    mean = torch.from_numpy(X).mean(0)

    def gradient(x: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
        x = x.detach().requires_grad_()
        theirs(x).gather(1, columns).sum().backward()
        assert x.grad is not None
        return x.grad

    rows = torch.from_numpy(X)
    outputs = theirs(rows).detach()
    columns = (outputs.argmax(1) if output is None else torch.full((len(X),), output))[:, None]
    torch.testing.assert_close(found.sensitivity, gradient(rows, columns).abs().mean(0))
    steps = [(k + 0.5) / 200 for k in range(200)]  # by the midpoint rule
    path = sum((gradient(mean + t * (rows - mean), columns) for t in steps), torch.zeros_like(rows)) / 200
    torch.testing.assert_close(found.attributions, (rows - mean) * path, rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(found.importance, found.attributions.abs().mean(0))


@pytest.mark.parametrize("name", SMOOTH)
def test_attributions_sum_to_the_difference_of_predictions(name: str) -> None:
    module = network(name)
    before = [(p.value.clone(), p.grad.clone()) for p in module.parameters()]
    baseline = X[3]
    found = gradient_importance(module, X, baseline=baseline)
    with torch.no_grad():
        outputs, start = (module.eval().forward(torch.from_numpy(x)) for x in (X, baseline[None]))
    largest = outputs.argmax(1)
    difference = outputs.gather(1, largest[:, None])[:, 0] - start[0, largest]
    torch.testing.assert_close(found.attributions.sum(1), difference)
    assert found.gap < 1e-10
    assert found.attributions[3].abs().max() == 0
    for parameter, (value, grad) in zip(module.parameters(), before, strict=True):
        assert torch.equal(parameter.value, value)
        assert torch.equal(parameter.grad, grad)


def test_more_steps_close_the_gap_of_a_network_with_kinks() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(13, 8), nn.ReLU(), nn.Linear(8, 1)).to(torch.float64)
    coarse, fine = (gradient_importance(module, X, steps=steps).gap for steps in (2, 256))
    assert 0 < fine < coarse / 20


def test_images_keep_their_shape() -> None:
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Tanh(), nn.Flatten(), nn.Linear(8, 2))
    found = gradient_importance(module, np.random.default_rng(0).normal(size=(5, 1, 4, 4)))
    assert found.attributions.shape == (5, 1, 4, 4)
    assert found.sensitivity.shape == found.importance.shape == (1, 4, 4)
    assert found.gap < 1e-4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"X": X[0]}, r"^X: expected samples \(samples, features...\), got shape \(13,\)"),
        ({"X": X[:0]}, r"^X: expected samples .* got shape \(0, 13\)"),
        ({"X": np.full((2, 13), np.nan)}, "^X: expected finite numbers"),
        ({"baseline": X[0][:3]}, r"^baseline: expected shape \(13,\), got \(3,\)"),
        ({"baseline": np.full(13, np.inf)}, "^baseline: expected finite"),
        ({"output": 3}, "^output: expected a column from 0 to 2, got 3"),
        ({"output": -1}, "^output: expected a column from 0 to 2, got -1"),
        ({"steps": 0}, "steps"),
        (
            {"module": nn.Sequential(Rounded(), nn.Linear(13, 2))},
            "^module: expected a network with a gradient",
        ),
        ({"module": nn.Flatten(0)}, r"^module: expected outputs \(samples, columns\)"),
        ({"module": "a network"}, "model: expected"),
    ],
)
def test_what_cannot_be_explained_is_refused(arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gradient_importance(**{"module": network("several"), "X": X, **arguments})
