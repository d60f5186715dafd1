"""Keras 3 on JAX: model.fit over arrays."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np

STEPS_PER_EXECUTION = 32

if TYPE_CHECKING:
    from benchmarks.workloads import Workload


class KerasFit:
    def __init__(self, workload: Workload, x: np.ndarray, y: np.ndarray, start: list[np.ndarray]) -> None:
        self.workload, self.x, self.y, self.start = workload, x, y, start
        *hidden, last = workload.sizes[1:]
        layers = [keras.layers.Dense(width, activation="relu") for width in hidden]
        self.model = keras.Sequential([keras.Input(workload.sizes[:1]), *layers, keras.layers.Dense(last)])
        if workload.optimizer == "SGD":
            self.optimizer = keras.optimizers.SGD(workload.lr)
        else:
            self.optimizer = keras.optimizers.Adam(workload.lr, epsilon=1e-8)
        self.optimizer.build(self.model.trainable_variables)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self.model.compile(
            self.optimizer,
            "mse" if workload.loss == "mse" else loss,
            jit_compile=True,
            steps_per_execution=min(STEPS_PER_EXECUTION, workload.steps(len(x))),
        )
        self.fresh = [np.array(variable) for variable in self.optimizer.variables]

    def train(self, epochs: int, shuffle: bool) -> None:
        self.model.set_weights([value.T for value in self.start])
        for variable, value in zip(self.optimizer.variables, self.fresh):
            variable.assign(value)
        self.model.fit(
            self.x, self.y, batch_size=self.workload.batch_size, epochs=epochs, shuffle=shuffle, verbose=0
        )

    def weights(self) -> list[np.ndarray]:
        return [value.T for value in self.model.get_weights()]
