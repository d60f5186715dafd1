"""Data sets and mini-batches."""

from plaingrad.data.dataset import Dataset

__all__ = ["Dataset"]
