"""Standardised inputs: columns of mean 0 and standard deviation 1."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from plaingrad.data.dataset import Dataset

SMALLEST = math.ulp(0.0)


@dataclass(frozen=True)
class Scale:
    """A shift and a unit for each column, measured on one set of samples and used on others.

    Attributes:
        mean: what each column loses.
        deviation: what it is then divided by; 1 for a constant column.
    """

    mean: Tensor
    deviation: Tensor

    @classmethod
    def of(cls, samples: Tensor) -> Scale:
        """The mean and the standard deviation over the first axis."""
        exact = samples.double()  # in float32 a large mean would drown a small deviation
        constant = (samples == samples[:1]).all(0)
        unit = exact.abs().amax(0).masked_fill(constant, 1.0)
        measured = exact / unit  # whose squares neither overflow nor vanish
        deviation = (measured.std(0, correction=0) * unit).clamp(min=SMALLEST).masked_fill(constant, 1.0)
        mean = torch.where(constant, exact[0], measured.mean(0) * unit)
        return cls(mean, deviation)

    def apply(self, samples: Tensor) -> Tensor:
        """Samples in units of the deviation from the mean."""
        return ((samples - self.mean) / self.deviation).to(samples.dtype)

    def undo(self, scaled: Tensor) -> Tensor:
        """Samples in their own units again."""
        return (scaled * self.deviation + self.mean).to(scaled.dtype)


def standardized(train: Dataset, *others: Dataset) -> tuple[Dataset, ...]:
    """The data sets with inputs shifted and scaled by the training set's mean and standard deviation.

    A column that is constant in the training set becomes 0 there.

    Args:
        train: the data set that is measured.
        others: data sets that are scaled in the same way, such as validation and test set.

    Returns:
        As many data sets as were given, in the same order.
    """
    scale = Scale.of(train.inputs)
    return tuple(replace(data, inputs=scale.apply(data.inputs)) for data in (train, *others))
