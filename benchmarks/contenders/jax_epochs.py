"""JAX, ten epochs in one jit, in orders drawn by numpy, each batch gathered inside the scan."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import jax
import numpy as np
import optax

from benchmarks.contenders.jax_epoch import JaxEpoch, loss

if TYPE_CHECKING:
    from benchmarks.workloads import Workload

EPOCHS = 10


class JaxEpochs(JaxEpoch):
    def __init__(self, workload: Workload, x: np.ndarray, y: np.ndarray, start: list[np.ndarray]) -> None:
        super().__init__(workload, x, y, start)
        self.epochs = jax.jit(partial(_epochs, workload, self.optimizer), donate_argnums=(0, 1))

    def train(self, epochs: int, shuffle: bool) -> None:
        params = self.first()
        state, random = self.optimizer.init(params), np.random.default_rng(0)
        # What is left of the epochs goes one by one: two forms to compile, whatever their number.
        for count in [EPOCHS] * (epochs // EPOCHS) + [1] * (epochs % EPOCHS):
            orders = np.tile(np.arange(len(self.x), dtype=np.int32), (count, 1))
            if shuffle:
                orders = random.permuted(orders, axis=1)
            params, state, losses = self.epochs(params, state, orders, self.x, self.y)
        self.params, self.loss = jax.block_until_ready((params, losses[-1]))


def _epochs(workload, optimizer, params, state, orders, x, y):
    n, size = len(x), workload.batch_size
    full = n // size * size

    def step(carry, rows):
        params, state = carry
        value, grads = jax.value_and_grad(partial(loss, workload))(params, x[rows], y[rows])
        updates, state = optimizer.update(grads, state)
        return (optax.apply_updates(params, updates), state), value

    def epoch(carry, order):
        batches = order[:full].reshape(-1, size)
        carry, losses = jax.lax.scan(step, carry, batches, unroll=4 if size == 1 else 1)
        total = losses.sum() * size
        if full < n:
            carry, value = step(carry, order[full:])
            total += value * (n - full)
        return carry, total / n

    (params, state), losses = jax.lax.scan(epoch, (params, state), orders)
    return params, state, losses
