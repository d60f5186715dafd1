"""PyTorch: the usual loop, step by step."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from benchmarks.workloads import Workload


class Eager:
    """The usual loop with the fused optimizer, over batches that are views of data shuffled once an epoch."""

    def __init__(self, workload: Workload, x: np.ndarray, y: np.ndarray, start: list[np.ndarray]) -> None:
        self.workload, self.x, self.y = workload, torch.from_numpy(x), torch.from_numpy(y)
        layers: list = []
        for inputs, outputs in itertools.pairwise(workload.sizes):
            layers += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
        self.model = torch.nn.Sequential(*layers[:-1])
        self.criterion = torch.nn.MSELoss() if workload.loss == "mse" else torch.nn.CrossEntropyLoss()
        self.start = dict(zip(self.model.state_dict(), map(torch.from_numpy, start)))

    def make_step(self) -> Callable[[Tensor, Tensor], Tensor]:
        """A function of a batch that makes one step and returns the loss."""
        model, criterion = self.model, self.criterion
        optimizer = getattr(torch.optim, self.workload.optimizer)(
            model.parameters(), lr=self.workload.lr, fused=True
        )

        def step(x: Tensor, t: Tensor) -> Tensor:
            optimizer.zero_grad()
            loss = criterion(model(x), t)
            loss.backward()
            optimizer.step()
            return loss.detach()

        return step

    def train(self, epochs: int, shuffle: bool) -> None:
        self.model.load_state_dict(self.start)
        step, size = self.make_step(), self.workload.batch_size
        x, y = self.x, self.y
        for _ in range(epochs):
            if shuffle:
                order = torch.randperm(len(x))
                x, y = self.x[order], self.y[order]
            total = torch.zeros(())
            for batch, target in zip(x.split(size), y.split(size)):
                total.add_(step(batch, target), alpha=len(batch))
            self.loss = total.item() / len(x)

    def weights(self) -> list[np.ndarray]:
        return [value.numpy().copy() for value in self.model.state_dict().values()]
