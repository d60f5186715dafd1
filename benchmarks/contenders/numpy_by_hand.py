"""numpy: gradients written out, every result into a buffer by ``out=``, and Adam over one flat array."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from benchmarks.workloads import Workload

Array = np.ndarray


class Flat:
    """One flat array, and its views as weight (inputs, outputs) and bias of each layer."""

    def __init__(self, sizes: tuple[int, ...]) -> None:
        shapes = [shape for pair in itertools.pairwise(sizes) for shape in (pair, pair[1:])]
        ends = np.cumsum([np.prod(shape) for shape in shapes])
        self.flat = np.zeros(ends[-1], np.float32)
        self.views = [part.reshape(shape) for part, shape in zip(np.split(self.flat, ends[:-1]), shapes)]
        self.weights, self.biases = self.views[::2], self.views[1::2]


class Buffers:
    """What a step with so many samples writes to."""

    def __init__(self, rows: int, sizes: tuple[int, ...]) -> None:
        self.outputs = [np.empty((rows, size), np.float32) for size in sizes[1:]]
        self.gradients = [np.empty((rows, size), np.float32) for size in sizes[1:-1]]
        self.masks = [np.empty((rows, size), bool) for size in sizes[1:-1]]
        self.column = np.empty((rows, 1), np.float32)


class ByHand:
    def __init__(self, workload: Workload, x: Array, y: Array, start: list[Array]) -> None:
        self.workload, self.x, self.y, self.start = workload, x, y, start
        self.classes = workload.loss == "cross-entropy"
        self.params, self.grads = Flat(workload.sizes), Flat(workload.sizes)
        self.targets = np.eye(workload.sizes[-1], dtype=np.float32)[y] if self.classes else y
        # An epoch's data in its order, and the derivatives with respect to the outputs: a batch is a view.
        self.inputs, self.expected = np.empty_like(self.x), np.empty_like(self.targets)
        self.errors = np.empty_like(self.targets)
        starts = range(0, len(x), workload.batch_size)
        whole = self.inputs, self.expected, self.errors
        self.batches = [tuple(part[i : i + workload.batch_size] for part in whole) for i in starts]
        self.buffers = {len(x): Buffers(len(x), workload.sizes) for x, *_ in self.batches}

    def train(self, epochs: int, shuffle: bool) -> None:
        for view, value in zip(self.params.views, self.start):
            view[...] = value.T
        self.mean, self.square, self.scratch = np.zeros((3, *self.params.flat.shape), np.float32)
        self.count, random = 0, np.random.default_rng(0)
        update = self.sgd if self.workload.optimizer == "SGD" else self.adam
        for _ in range(epochs):
            order = random.permutation(len(self.x)) if shuffle else np.arange(len(self.x))
            # "clip" spares the copy that "raise" needs to leave the buffer alone when it fails.
            self.x.take(order, 0, out=self.inputs, mode="clip")
            self.targets.take(order, 0, out=self.expected, mode="clip")
            for batch in self.batches:
                self.backpropagate(*batch, self.buffers[len(batch[0])])
                update()
            self.loss = self.epoch_loss()

    def backpropagate(self, x: Array, t: Array, dy: Array, buffers: Buffers) -> None:
        """Gradients of the mean loss over a batch; ``dy`` keeps the derivatives of its samples' losses."""
        last, inputs = len(buffers.outputs) - 1, [x, *buffers.outputs]
        for i, y in enumerate(buffers.outputs):
            np.matmul(inputs[i], self.params.weights[i], out=y)
            y += self.params.biases[i]
            if i < last:
                np.maximum(y, 0, out=y)
        if self.classes:
            softmax(y, buffers.column)
        np.subtract(y, t, out=dy)
        down = dy
        for i in range(last, -1, -1):
            np.matmul(inputs[i].T, down, out=self.grads.weights[i])
            np.add.reduce(down, 0, out=self.grads.biases[i])
            if i:
                dx, mask = buffers.gradients[i - 1], buffers.masks[i - 1]
                np.matmul(down, self.params.weights[i].T, out=dx)
                np.greater(inputs[i], 0, out=mask)
                dx *= mask
                down = dx
        self.grads.flat *= np.float32((1 if self.classes else 2 / t.shape[1]) / len(x))

    def sgd(self) -> None:
        self.grads.flat *= np.float32(self.workload.lr)
        self.params.flat -= self.grads.flat

    def adam(self) -> None:
        self.count += 1
        grad, scratch = self.grads.flat, self.scratch
        np.subtract(grad, self.mean, out=scratch)
        scratch *= np.float32(0.1)
        self.mean += scratch
        grad *= grad
        grad -= self.square
        grad *= np.float32(0.001)
        self.square += grad
        root = (1 - 0.999**self.count) ** 0.5
        np.sqrt(self.square, out=scratch)
        scratch += np.float32(1e-8 * root)
        np.divide(self.mean, scratch, out=scratch)
        scratch *= np.float32(self.workload.lr * root / (1 - 0.9**self.count))
        self.params.flat -= scratch

    def epoch_loss(self) -> float:
        """The mean loss over the epoch, of what its steps have left in the errors."""
        if self.classes:
            # Where the target is 1, the error is the probability less 1.
            return -float(np.log1p(np.einsum("ij,ij->i", self.errors, self.expected)).mean())
        return float(np.square(self.errors).mean())

    def weights(self) -> list[Array]:
        return [view.T.copy() for view in self.params.views]


def softmax(y: Array, column: Array) -> None:
    """Probabilities in the place of their logits."""
    np.maximum.reduce(y, 1, keepdims=True, out=column)
    y -= column
    np.exp(y, out=y)
    np.add.reduce(y, 1, keepdims=True, out=column)
    y /= column
