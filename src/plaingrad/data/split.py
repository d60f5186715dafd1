"""Parts of a data set, drawn at random."""

from __future__ import annotations

import torch

from plaingrad.data.dataset import Dataset
from plaingrad.errors import InputError
from plaingrad.extras import needed_by


def split(data: Dataset, size: float, seed: int | None = None) -> tuple[Dataset, Dataset]:
    """Draw a fraction of the samples, and return the others and them.

    Classes keep their share in both parts, as far as there are enough samples of each.

    Args:
        data: what to split.
        size: the fraction that the second part gets, between 0 and 1; each part gets at least one sample.
        seed: of the draw; by default a new one each time.

    Raises:
        InputError: ``size`` is not between 0 and 1, or there is only one sample.
        ImportError: scikit-learn is not installed.
    """
    with needed_by("data.split"):
        from sklearn.model_selection import train_test_split

    if not 0 < size < 1:
        raise InputError(f"split: expected a size between 0 and 1, got {size}")
    if len(data) < 2:
        raise InputError("split: expected at least two samples, got one")
    second = min(max(1, round(size * len(data))), len(data) - 1)
    classes = data.targets if data.class_names else None
    if classes is not None:
        frequency = torch.bincount(classes)
        present = frequency[frequency > 0]
        if present.min() < 2 or min(second, len(data) - second) < len(present):
            classes = None
    seed = int(torch.randint(2**31, ())) if seed is None else seed
    parts = train_test_split(range(len(data)), test_size=second, stratify=classes, random_state=seed)
    rest, drawn = (torch.tensor(sorted(part)) for part in parts)
    return data.take(rest), data.take(drawn)
