"""Points of the plane in classes: small data sets whose decision boundaries can be drawn.

``name(n, noise, seed)`` draws ``n`` points in random order, and adds normal noise of standard deviation
``noise`` to each after it was assigned to its class. Without a seed they are drawn from PyTorch's global
generator; with one, from a separate generator. Inputs are float32 ``(n, 2)``, targets int64 ``(n,)``.
"""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from plaingrad.data.dataset import Dataset
from plaingrad.data.generator import generator_for


def disc(n: int = 1000, noise: float = 0.0, seed: int | None = None) -> Dataset:
    r"""Points uniform in the unit square; class 1 lies inside a disc of half its area.

    The disc has the radius :math:`1 / \sqrt{2 \pi}` about (1/2, 1/2), so that each class has the probability
    1/2. The class frequencies are random.
    """
    generator = generator_for("disc", n, noise, seed)
    points = torch.rand(n, 2, generator=generator)
    inside = (points - 0.5).square().sum(1) < 1 / (2 * math.pi)
    return _dataset(points, inside.long(), noise, generator, ["outside", "inside"])


def circles(n: int = 1000, noise: float = 0.05, seed: int | None = None) -> Dataset:
    """Two circles about the origin: class 0 of radius 1, class 1 of radius 1/2."""
    generator = generator_for("circles", n, noise, seed)
    classes = _balanced(n, 2, generator)
    points = (1 - 0.5 * classes[:, None]) * _direction(2 * math.pi * torch.rand(n, generator=generator))
    return _dataset(points, classes, noise, generator, ["outer", "inner"])


def moons(n: int = 1000, noise: float = 0.1, seed: int | None = None) -> Dataset:
    """Two interleaved half circles of radius 1.

    Class 0 is the upper half about the origin, class 1 the lower half about (1, 1/2).
    """
    generator = generator_for("moons", n, noise, seed)
    classes = _balanced(n, 2, generator)
    points = _direction(math.pi * (classes + torch.rand(n, generator=generator)))
    points = points + classes[:, None] * torch.tensor([1.0, 0.5])
    return _dataset(points, classes, noise, generator, ["upper", "lower"])


def spirals(n: int = 1000, noise: float = 0.02, seed: int | None = None, classes: int = 2) -> Dataset:
    """Arms that start near the origin and wind one and a half times about it, out to radius 1.

    Args:
        n: number of points.
        noise: standard deviation of the noise in each coordinate.
        seed: the seed of a separate generator.
        classes: number of arms, spaced evenly.
    """
    generator = generator_for("spirals", n, noise, seed, classes)
    arms = _balanced(n, classes, generator)
    radius = 0.1 + 0.9 * torch.rand(n, generator=generator).sqrt()
    points = radius[:, None] * _direction(2 * math.pi * (1.5 * radius + arms / classes))
    return _dataset(points, arms, noise, generator, [f"arm {k}" for k in range(classes)])


def xor(n: int = 1000, noise: float = 0.0, seed: int | None = None) -> Dataset:
    """Points uniform in [-1, 1]^2; class 1 where the signs of the two coordinates differ."""
    generator = generator_for("xor", n, noise, seed)
    classes = _balanced(n, 2, generator)
    size = torch.rand(n, 2, generator=generator)
    first = 1 - 2 * torch.randint(2, (n,), generator=generator)
    signs = torch.stack([first, first * (1 - 2 * classes)], 1)
    return _dataset(signs * size, classes, noise, generator, ["same sign", "different signs"])


def checkerboard(n: int = 1000, noise: float = 0.0, seed: int | None = None) -> Dataset:
    """Points uniform in the unit square, in 4 by 4 fields of alternating class, class 0 at the origin."""
    generator = generator_for("checkerboard", n, noise, seed)
    classes = _balanced(n, 2, generator)
    row = torch.randint(4, (n,), generator=generator)
    column = 2 * torch.randint(2, (n,), generator=generator) + (row + classes) % 2
    points = (torch.stack([column, row], 1) + torch.rand(n, 2, generator=generator)) / 4
    return _dataset(points, classes, noise, generator, ["dark", "light"])


def gaussians(n: int = 1000, noise: float = 0.3, seed: int | None = None, classes: int = 2) -> Dataset:
    """Normal clouds whose centres are spaced evenly on the unit circle.

    Args:
        n: number of points.
        noise: standard deviation of each cloud.
        seed: the seed of a separate generator.
        classes: number of clouds.
    """
    generator = generator_for("gaussians", n, noise, seed, classes)
    clouds = _balanced(n, classes, generator)
    points = _direction(2 * math.pi * clouds / classes)
    return _dataset(points, clouds, noise, generator, [f"cloud {k}" for k in range(classes)])


def _balanced(n: int, classes: int, generator: Generator | None) -> Tensor:
    """Class indices in random order; their frequencies differ by at most one."""
    return torch.randperm(n, generator=generator) % classes


def _direction(angle: Tensor) -> Tensor:
    return torch.stack([angle.cos(), angle.sin()], 1)


def _dataset(
    points: Tensor, classes: Tensor, noise: float, generator: Generator | None, names: list[str]
) -> Dataset:
    points = points + noise * torch.randn(points.shape, generator=generator)
    return Dataset(points, classes, ["x1", "x2"], names)
