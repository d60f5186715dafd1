"""plaingrad: one call of fit, with all that it does around the training."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import torch

import plaingrad
from plaingrad import nn, optim

if TYPE_CHECKING:
    from benchmarks.workloads import Workload


class PlaingradFit:
    def __init__(self, workload: Workload, x: np.ndarray, y: np.ndarray, start: list[np.ndarray]) -> None:
        self.workload, self.data = workload, (torch.from_numpy(x), torch.from_numpy(y))
        self.model = network(workload.sizes)
        self.start = dict(zip(self.model.state_dict(), map(torch.from_numpy, start)))

    def train(self, epochs: int, shuffle: bool) -> None:
        self.model.load_state_dict(self.start)
        self.history = plaingrad.fit(
            self.model,
            self.data,
            loss=nn.MSELoss() if self.workload.loss == "mse" else nn.CrossEntropyLoss(),
            optimizer=getattr(optim, self.workload.optimizer)(self.model.parameters(), lr=self.workload.lr),
            epochs=epochs,
            batch_size=self.workload.batch_size,
            shuffle=shuffle,
            engine="native",
            progress=False,
        )

    def weights(self) -> list[np.ndarray]:
        return [value.numpy().copy() for value in self.model.state_dict().values()]


def network(sizes: tuple[int, ...]) -> nn.Sequential:
    """Linear layers of these sizes, with ReLU between them."""
    layers: list = []
    for inputs, outputs in itertools.pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])
