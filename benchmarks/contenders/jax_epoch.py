"""JAX: each epoch one compiled call, a lax.scan over the batches, with optax; parameters are donated."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
import optax

if TYPE_CHECKING:
    from benchmarks.workloads import Workload


class JaxEpoch:
    def __init__(self, workload: Workload, x: np.ndarray, y: np.ndarray, start: list[np.ndarray]) -> None:
        self.start, self.x, self.y = start, jnp.asarray(x), jnp.asarray(y)
        rule = {"SGD": optax.sgd, "Adam": optax.adam}[workload.optimizer]
        self.optimizer = rule(workload.lr)
        self.epoch = jax.jit(
            partial(_epoch, workload, self.optimizer), static_argnames="shuffle", donate_argnums=(0, 1, 2)
        )

    def train(self, epochs: int, shuffle: bool) -> None:
        params = self.first()
        state, key = self.optimizer.init(params), jax.random.key(0)
        for _ in range(epochs):
            params, state, key, loss = self.epoch(params, state, key, self.x, self.y, shuffle=shuffle)
        self.params, self.loss = jax.block_until_ready((params, loss))

    def first(self) -> list[tuple[jax.Array, jax.Array]]:
        """Each layer's weight as (inputs, outputs), so that a layer is x @ w + b, and its bias."""
        return [(jnp.array(w.T), jnp.array(b)) for w, b in zip(self.start[::2], self.start[1::2])]

    def weights(self) -> list[np.ndarray]:
        return [np.asarray(value).T for pair in self.params for value in pair]


def loss(workload: Workload, params: list, x: jax.Array, t: jax.Array) -> jax.Array:
    *hidden, (w, b) = params
    for weight, bias in hidden:
        x = jax.nn.relu(x @ weight + bias)
    y = x @ w + b
    if workload.loss == "mse":
        return jnp.mean((y - t) ** 2)
    return optax.softmax_cross_entropy_with_integer_labels(y, t).mean()


def _epoch(workload, optimizer, params, state, key, x, y, shuffle):
    n, size = len(x), workload.batch_size
    if shuffle:
        key, now = jax.random.split(key)
        order = jax.random.permutation(now, n)
        x, y = x[order], y[order]

    def step(carry, batch):
        params, state = carry
        value, grads = jax.value_and_grad(partial(loss, workload))(params, *batch)
        updates, state = optimizer.update(grads, state)
        return (optax.apply_updates(params, updates), state), value

    full = n // size * size
    batches = [part[:full].reshape(-1, size, *part.shape[1:]) for part in (x, y)]
    carry, losses = jax.lax.scan(step, (params, state), batches, unroll=4 if size == 1 else 1)
    total = losses.sum() * size
    if full < n:
        carry, value = step(carry, (x[full:], y[full:]))
        total += value * (n - full)
    return *carry, key, total / n
