"""Data sets and mini-batches."""

from plaingrad.data.dataset import Dataset
from plaingrad.data.planar import checkerboard, circles, disc, gaussians, moons, spirals, xor
from plaingrad.data.regression import plane
from plaingrad.data.scale import Scale, standardized
from plaingrad.data.split import split

__all__ = [
    "Dataset",
    "Scale",
    "checkerboard",
    "circles",
    "disc",
    "gaussians",
    "moons",
    "plane",
    "spirals",
    "split",
    "standardized",
    "xor",
]
