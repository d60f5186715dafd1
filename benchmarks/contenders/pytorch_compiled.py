"""PyTorch: loss, gradients and update of a step, or of ten, in one function for torch.compile.

Compiling the network alone, the network and the optimizer's step, or the usual loop's step whole leaves
autograd and the optimizer around what is compiled; on small networks that is slower than eager.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call, grad_and_value

from benchmarks.contenders.pytorch_eager import Eager

if TYPE_CHECKING:
    from benchmarks.workloads import Workload


class OneStep(Eager):
    """One compiled function of parameters and a batch."""

    at_once = 1
    options: ClassVar[dict[str, bool]] = {}

    def __init__(self, workload: Workload, x: np.ndarray, y: np.ndarray, start: list[np.ndarray]) -> None:
        super().__init__(workload, x, y, start)

        def loss(params: dict[str, Tensor], x: Tensor, t: Tensor) -> Tensor:
            return self.criterion(functional_call(self.model, params, (x,)), t)

        gradients, update = grad_and_value(loss), {"SGD": _sgd, "Adam": _adam}[workload.optimizer]

        def steps(params: dict[str, Tensor], state: dict, x: Tensor, t: Tensor) -> Tensor:
            total = torch.zeros(())
            for batch, target in zip(x, t):
                grads, value = gradients(params, batch, target)
                update(params, grads, state, workload.lr)
                total = total + value * len(batch)
            return total

        # Or the functions of earlier workloads, which have the same code, count as recompilations of this
        # one, and after eight of them it would run eagerly.
        torch._dynamo.reset()
        self.steps = torch.compile(steps, dynamic=False, options=self.options)

    def train(self, epochs: int, shuffle: bool) -> None:
        self.model.load_state_dict(self.start)
        params = {name: value.detach() for name, value in self.model.named_parameters()}
        zeros = [{name: torch.zeros_like(value) for name, value in params.items()} for _ in range(2)]
        state = {"mean": zeros[0], "square": zeros[1], "t": torch.zeros(())}
        x, y = self.x, self.y
        for _ in range(epochs):
            if shuffle:
                order = torch.randperm(len(x))
                x, y = self.x[order], self.y[order]
            totals = [self.steps(params, state, *group) for group in self.groups(x, y)]
            self.loss = torch.stack(totals).sum().item() / len(x)

    def groups(self, x: Tensor, y: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Batches, as many in a group as one call takes: (batches, samples, ...); fewer in the last ones."""
        size = self.workload.batch_size
        full = len(x) // size
        ends = [*range(0, full, self.at_once), full]
        parts = [
            tuple(part[size * a : size * b].unflatten(0, (b - a, size)) for part in (x, y))
            for a, b in itertools.pairwise(ends)
        ]
        if size * full < len(x):
            parts.append((x[None, size * full :], y[None, size * full :]))
        return parts


class TenSteps(OneStep):
    """Ten steps in a call, and that call without Python inside."""

    at_once = 10
    options: ClassVar[dict[str, bool]] = {"cpp_wrapper": True}


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
