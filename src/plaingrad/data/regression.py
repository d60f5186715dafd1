"""Real-valued functions of the plane."""

from __future__ import annotations

import torch

from plaingrad.data.dataset import Dataset
from plaingrad.data.generator import generator_for


def plane(n: int = 1000, noise: float = 0.1, seed: int | None = None) -> Dataset:
    """The plane y = 1 + 2 x1 - x2 over points uniform in [-1, 1]^2; normal noise is added to y.

    Inputs are float32 ``(n, 2)``, targets float32 ``(n, 1)``.
    """
    generator = generator_for("plane", n, noise, seed)
    points = 2 * torch.rand(n, 2, generator=generator) - 1
    height = 1 + points @ torch.tensor([[2.0], [-1.0]])
    return Dataset(points, height + noise * torch.randn(n, 1, generator=generator), ["x1", "x2"])
