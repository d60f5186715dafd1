"""Whom plaingrad is compared with: a file for each, written as its own users would write its fastest form."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class Contender(Protocol):
    """Trains one workload, again and again from the same start.

    It is made from a workload, its data ``x`` and ``y``, and the start: weight (outputs, inputs) and bias of
    each layer. What can be done once, such as building the network, is done there and is not timed.
    """

    def train(self, epochs: int, shuffle: bool) -> None:
        """Train from the start, with a fresh optimizer; return when all is computed."""
        ...

    def weights(self) -> list[np.ndarray]:
        """The weights reached, in the form of the start."""
        ...


# Names as in the results, and where the class is found; the module is imported in a process of its own.
OURS, EAGER, COMPILED, JAX = "plaingrad", "PyTorch eager", "torch.compile", "JAX scan"
CONTENDERS = {
    OURS: "plaingrad_fit:PlaingradFit",
    EAGER: "pytorch:Eager",
    COMPILED: "pytorch:Compiled",
    JAX: "jax_scan:JaxScan",
    "scikit-learn": "sklearn_mlp:SklearnMLP",
    "Keras (JAX)": "keras_fit:KerasFit",
}
