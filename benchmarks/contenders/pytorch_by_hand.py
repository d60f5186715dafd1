"""PyTorch without modules and autograd: gradients written out, every result into a buffer by ``out=``."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from benchmarks.workloads import Workload


class Flat:
    """One flat tensor, and its views as weight and bias of each layer."""

    def __init__(self, sizes: tuple[int, ...]) -> None:
        shapes = [shape for n, m in itertools.pairwise(sizes) for shape in ((m, n), (m,))]
        counts = [int(np.prod(shape)) for shape in shapes]
        self.flat = torch.zeros(sum(counts))
        self.views = [part.view(shape) for part, shape in zip(self.flat.split(counts), shapes)]
        self.weights, self.biases = self.views[::2], self.views[1::2]


class Buffers:
    """What a step with so many samples writes to."""

    def __init__(self, rows: int, sizes: tuple[int, ...]) -> None:
        self.outputs = [torch.empty(rows, size) for size in sizes[1:]]
        self.gradients = [torch.empty(rows, size) for size in sizes[1:-1]]


class ByHand:
    def __init__(self, workload: Workload, x: np.ndarray, y: np.ndarray, start: list[np.ndarray]) -> None:
        self.workload, self.x, self.y = workload, torch.from_numpy(x), torch.from_numpy(y)
        self.start = [torch.from_numpy(value) for value in start]
        self.classes = workload.loss == "cross-entropy"
        self.params, self.grads = Flat(workload.sizes), Flat(workload.sizes)
        self.transposed = [weight.T for weight in self.params.weights]
        self.targets = torch.eye(workload.sizes[-1])[self.y] if self.classes else self.y
        # An epoch's data in its order, and the derivatives with respect to the outputs: a batch is a view.
        self.inputs, self.expected = torch.empty_like(self.x), torch.empty_like(self.targets)
        self.errors = torch.empty_like(self.targets)
        parts = [part.split(workload.batch_size) for part in (self.inputs, self.expected, self.errors)]
        self.batches = list(zip(*parts))
        self.buffers = {len(x): Buffers(len(x), workload.sizes) for x, *_ in self.batches}

    @torch.no_grad()
    def train(self, epochs: int, shuffle: bool) -> None:
        for view, value in zip(self.params.views, self.start):
            view.copy_(value)
        self.moments, self.count = [torch.zeros_like(self.params.flat) for _ in range(2)], torch.zeros(())
        update = self.sgd if self.workload.optimizer == "SGD" else self.adam
        for _ in range(epochs):
            order = torch.randperm(len(self.x)) if shuffle else torch.arange(len(self.x))
            torch.index_select(self.x, 0, order, out=self.inputs)
            torch.index_select(self.targets, 0, order, out=self.expected)
            for batch in self.batches:
                self.backpropagate(*batch, self.buffers[len(batch[0])])
                update()
            self.loss = self.epoch_loss()

    def backpropagate(self, x: Tensor, t: Tensor, dy: Tensor, buffers: Buffers) -> None:
        """Gradients of the mean loss over a batch; ``dy`` keeps the derivatives of its samples' losses."""
        last, inputs = len(buffers.outputs) - 1, [x, *buffers.outputs]
        for i, y in enumerate(buffers.outputs):
            torch.addmm(self.params.biases[i], inputs[i], self.transposed[i], out=y)
            if i < last:
                y.relu_()
        if self.classes:
            torch.softmax(y, 1, out=y)
        torch.sub(y, t, out=dy)
        scale, down = (1 if self.classes else 2 / t.shape[1]) / len(x), dy
        for i in range(last, -1, -1):
            torch.mm(down.T, inputs[i], out=self.grads.weights[i])
            torch.sum(down, 0, out=self.grads.biases[i])
            if i:
                dx = buffers.gradients[i - 1]
                torch.mm(down, self.params.weights[i], out=dx)
                torch.ops.aten.threshold_backward.grad_input(dx, inputs[i], 0, grad_input=dx)
                down = dx
        self.grads.flat.mul_(scale)

    def sgd(self) -> None:
        self.params.flat.sub_(self.grads.flat, alpha=self.workload.lr)

    def adam(self) -> None:
        torch._foreach_add_([self.count], 1)
        mean, square = self.moments
        torch._fused_adam_(
            [self.params.flat], [self.grads.flat], [mean], [square], [], [self.count],
            lr=self.workload.lr, beta1=0.9, beta2=0.999, weight_decay=0.0, eps=1e-8,
            amsgrad=False, maximize=False,
        )  # fmt: skip

    def epoch_loss(self) -> float:
        """The mean loss over the epoch, of what its steps have left in the errors."""
        if self.classes:
            # Where the target is 1, the error is the probability less 1.
            return -torch.log1p((self.errors * self.expected).sum(1)).mean().item()
        return self.errors.square().mean().item()

    def weights(self) -> list[np.ndarray]:
        return [view.numpy().copy() for view in self.params.views]
