"""PyTorch: the usual loop, step by step, and the same compiled by torch.compile."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call, grad_and_value

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


class Compiled(Eager):
    """One compiled function of parameters and batch: loss, gradients and update.

    Compiling the network alone, the network and the optimizer's step, or the usual loop's step whole leaves
    autograd and the optimizer around what is compiled; on small networks that is slower than eager.
    """

    def __init__(self, workload: Workload, x: np.ndarray, y: np.ndarray, start: list[np.ndarray]) -> None:
        super().__init__(workload, x, y, start)

        def loss(params: dict[str, Tensor], x: Tensor, t: Tensor) -> Tensor:
            return self.criterion(functional_call(self.model, params, (x,)), t)

        gradients, update = grad_and_value(loss), {"SGD": _sgd, "Adam": _adam}[workload.optimizer]

        def step(params: dict[str, Tensor], state: dict, x: Tensor, t: Tensor) -> Tensor:
            grads, value = gradients(params, x, t)
            update(params, grads, state, workload.lr)
            return value

        self.compiled = torch.compile(step)

    def make_step(self) -> Callable[[Tensor, Tensor], Tensor]:
        params = {name: value.detach() for name, value in self.model.named_parameters()}
        zeros = [{name: torch.zeros_like(value) for name, value in params.items()} for _ in range(2)]
        state = {"mean": zeros[0], "square": zeros[1], "t": torch.zeros(())}
        return lambda x, t: self.compiled(params, state, x, t)


def _sgd(params: dict[str, Tensor], grads: dict[str, Tensor], state: dict, lr: float) -> None:
    for name, value in params.items():
        value.sub_(grads[name], alpha=lr)


def _adam(params: dict[str, Tensor], grads: dict[str, Tensor], state: dict, lr: float) -> None:
    state["t"].add_(1)
    scale, root = lr / (1 - 0.9 ** state["t"]), (1 - 0.999 ** state["t"]).sqrt()
    for name, value in params.items():
        mean, square, grad = state["mean"][name], state["square"][name], grads[name]
        mean.lerp_(grad, 0.1)
        square.mul_(0.999).addcmul_(grad, grad, value=0.001)
        value.sub_(scale * mean / (square.sqrt() / root + 1e-8))
