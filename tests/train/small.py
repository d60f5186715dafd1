"""Small networks and data for the tests of training."""

from __future__ import annotations

import signal
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from plaingrad import fit, nn, optim
from plaingrad.module import Module
from plaingrad.train import History
from plaingrad.train.callbacks import Callback


def network(*sizes: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> nn.Sequential:
    """Linear layers of these sizes with ReLU between them."""
    torch.manual_seed(seed)
    layers: list[Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs, dtype=dtype), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def plane(n: int = 20, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Points and their values on a plane, in float64."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 2, generator=generator, dtype=torch.float64)
    return x, x @ torch.tensor([[1.0], [-2.0]], dtype=torch.float64) + 0.5


def run(model: Module, data: Any, *, lr: float = 0.05, **arguments: Any) -> History:
    """Fit quietly, with sensible values for what a test does not care about."""
    given = {"epochs": 2, "batch_size": 4, "seed": 0, "progress": False, "loss": nn.MSELoss(), **arguments}
    given.setdefault("optimizer", optim.SGD(model.parameters(), lr=lr))
    return fit(model, data, **given)


def values(model: Module) -> list[Tensor]:
    return [value.clone() for value, _ in model.parameters()]


class Noise(Module):
    """Adds what its generator gives."""

    def forward(self, x: Tensor) -> Tensor:
        y = x + torch.empty_like(x).normal_(generator=self.generator) if self.training else x
        self.save(None, y)
        return y

    def backward(self, dy: Tensor) -> Tensor:
        self.restore(dy)
        return dy


class Press(Callback):
    """Presses Ctrl-C when the second epoch begins."""

    def __init__(self, times: int) -> None:
        self.times = times

    def on_epoch_begin(self, epoch: int, logs: dict[str, float]) -> None:
        if epoch == 1:
            for _ in range(self.times):
                signal.raise_signal(signal.SIGINT)
