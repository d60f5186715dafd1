"""Numba: plain loops over samples and weights, in which the sizes of all layers are constants."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from benchmarks.workloads import Workload

compiled = njit(fastmath=True, error_model="numpy")
Function = Callable[..., None]


class NumbaLoop:
    def __init__(self, workload: Workload, x: np.ndarray, y: np.ndarray, start: list[np.ndarray]) -> None:
        self.workload, self.x, self.start = workload, x, start
        targets = np.eye(workload.sizes[-1], dtype=np.float32)[y] if workload.loss == "cross-entropy" else y
        self.targets = targets.astype(np.float32)
        end = {"mse": squared_error, "cross-entropy": cross_entropy}[workload.loss]
        update = {"SGD": sgd, "Adam": adam}[workload.optimizer](workload.lr)
        sample = layers(workload.sizes, 0, end(workload.sizes[-1]))
        self.epoch = epoch(sample, update, workload.batch_size)

    def train(self, epochs: int, shuffle: bool) -> None:
        self.params = np.concatenate([value.ravel() for value in self.start])
        gradient, mean, square = np.zeros((3, len(self.params)), np.float32)
        random, step = np.random.default_rng(0), 0
        for _ in range(epochs):
            order = random.permutation(len(self.x)) if shuffle else np.arange(len(self.x))
            self.loss = self.epoch(self.x, self.targets, order, self.params, gradient, mean, square, step)
            step += self.workload.steps(len(self.x))

    def weights(self) -> list[np.ndarray]:
        ends = np.cumsum([value.size for value in self.start])
        parts = np.split(self.params, ends[:-1])
        return [part.reshape(value.shape) for part, value in zip(parts, self.start)]


def layers(sizes: tuple[int, ...], offset: int, end: Function) -> Function:
    """A function of one sample: from these layers' input ``x`` to the loss, and back to ``dx``.

    It adds to the gradient, and returns the loss. What follows a layer is the same for one layer fewer, so
    the compiler sees one body with constants. Parameters and gradient are flat, and begin at the offset.
    """
    if len(sizes) == 1:
        return end
    n, m, hidden, first = sizes[0], sizes[1], len(sizes) > 2, offset == 0
    bias = offset + n * m
    following = layers(sizes[1:], bias + m, end)

    @compiled
    def layer(x, t, params, gradient, dx):
        y, dy = np.empty(m, np.float32), np.zeros(m, np.float32)
        for j in range(m):
            total = params[bias + j]
            for i in range(n):
                total += params[offset + j * n + i] * x[i]
            y[j] = max(total, np.float32(0)) if hidden else total
        loss = following(y, t, params, gradient, dy)
        for j in range(m):
            d = dy[j] if not hidden or y[j] > 0 else np.float32(0)
            gradient[bias + j] += d
            for i in range(n):
                gradient[offset + j * n + i] += d * x[i]
            if not first:
                for i in range(n):
                    dx[i] += d * params[offset + j * n + i]
        return loss

    return layer


def squared_error(classes: int) -> Function:
    """The mean over the outputs."""
    scale = np.float32(1 / classes)

    @compiled
    def loss(y, t, params, gradient, dy):
        total = np.float32(0)
        for j in range(classes):
            d = y[j] - t[j]
            dy[j] = 2 * scale * d
            total += scale * d * d
        return total

    return loss


def cross_entropy(classes: int) -> Function:
    """Of logits and a row of zeros with a one."""

    @compiled
    def loss(y, t, params, gradient, dy):
        top, total, hit = y.max(), np.float32(0), np.float32(0)
        for j in range(classes):
            dy[j] = np.exp(y[j] - top)
            total += dy[j]
            hit += t[j] * (y[j] - top)
        for j in range(classes):
            dy[j] = dy[j] / total - t[j]
        return np.log(total) - hit

    return loss


def sgd(lr: float) -> Function:
    rate = np.float32(lr)

    @compiled
    def update(params, gradient, mean, square, scale, step):
        for i in range(len(params)):
            params[i] -= rate * scale * gradient[i]
            gradient[i] = 0

    return update


def adam(lr: float) -> Function:
    one = np.float32(1)
    beta1, beta2 = np.float32(0.9), np.float32(0.999)

    @compiled
    def update(params, gradient, mean, square, scale, step):
        root = np.sqrt(1 - 0.999**step)
        rate, eps = np.float32(lr * root / (1 - 0.9**step)), np.float32(1e-8 * root)
        for i in range(len(params)):
            g = scale * gradient[i]
            mean[i] += (one - beta1) * (g - mean[i])
            square[i] += (one - beta2) * (g * g - square[i])
            params[i] -= rate * mean[i] / (np.sqrt(square[i]) + eps)
            gradient[i] = 0

    return update


def epoch(sample: Function, update: Function, size: int) -> Callable[..., float]:
    """A function that trains on all samples in an order, and returns their mean loss."""

    @compiled
    def run(x, t, order, params, gradient, mean, square, step):
        total, nothing = 0.0, np.empty(0, np.float32)
        for begin in range(0, len(order), size):
            rows = order[begin : begin + size]
            for row in rows:
                total += sample(x[row], t[row], params, gradient, nothing)
            step += 1
            update(params, gradient, mean, square, np.float32(1 / len(rows)), step)
        return total / len(order)

    return run
