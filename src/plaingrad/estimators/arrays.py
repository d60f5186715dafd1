"""A network's parameters as arrays."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np


class SharedArrays(list[np.ndarray]):
    """Arrays in the memory of a network's parameters: what is written to them the network has.

    An array that is put in the place of one of them is written into it.

    Args:
        name: what errors call them.
        arrays: views of parameters.
    """

    def __init__(self, name: str, arrays: Iterable[np.ndarray]) -> None:
        super().__init__(arrays)
        self.name = name

    def __setitem__(self, place: Any, values: Any) -> None:
        given, own = (values, self[place]) if isinstance(place, slice) else ([values], [self[place]])
        found = [np.array(value, dtype=np.float64) for value in given]
        expected, got = ([each.shape for each in arrays] for arrays in (own, found))
        if got != expected:
            raise ValueError(f"{self.name}: expected arrays of the shapes {expected}, got {got}")
        for mine, value in zip(own, found):
            mine[...] = value
