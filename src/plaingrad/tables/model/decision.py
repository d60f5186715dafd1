"""The decision between two classes: at which probability it is for the positive one."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from msgspec import Meta, Struct

Probability = Annotated[float, Meta(ge=0, le=1)]


class Decision(Struct, frozen=True):
    """The decision between two classes.

    Attributes:
        positive: the index of the class that matters, the rarer one in training.
        threshold: the probability of it from which on it is predicted; None for the more probable class or,
            with class weights, for what they ask for.
        metric: what the threshold was chosen by; None without one.
    """

    positive: Annotated[int, Meta(ge=0, le=1)]
    threshold: Probability | None = None
    metric: str | None = None

    def codes(self, probabilities: np.ndarray) -> np.ndarray:
        """The predicted classes, for probabilities ``(rows, 2)``."""
        assert self.threshold is not None
        chosen = probabilities[:, self.positive] >= self.threshold
        return np.where(chosen, self.positive, 1 - self.positive)
