"""Names for the constants by which gradients go wrong."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping


class Factors:
    """The numbers that occur in a module, and those that everyone forgets.

    Args:
        sizes: the sizes of axes, and products of them, by name.
        constants: the module's own numbers, by name.
    """

    def __init__(self, sizes: Iterable[int], constants: Mapping[str, float]) -> None:
        self.names: list[tuple[float, str]] = [(2.0, "2"), (0.5, "1/2"), (math.log(2), "ln 2")]
        self.names += [(1 / math.log(2), "1/ln 2"), (4.0, "4"), (0.25, "1/4"), (3.0, "3"), (1 / 3, "1/3")]
        self.names += [(math.sqrt(2), "sqrt(2)"), (math.sqrt(0.5), "1/sqrt(2)")]
        for name, value in constants.items():
            self.names += _of_constant(name, value)
        for size in sorted(set(sizes)):
            if size > 1:
                self.names += [(size, f"{size}"), (1 / size, f"1/{size}")]
                self.names += [(math.sqrt(size), f"sqrt({size})"), (size**-0.5, f"1/sqrt({size})")]
                self.names += [
                    ((size - 1) / size, f"{size - 1}/{size}"),
                    (size / (size - 1), f"{size}/{size - 1}"),
                ]
        self.names += [(float(k), str(k)) for k in range(5, 33)]
        self.names += [(1 / k, f"1/{k}") for k in range(5, 33)]

    def text(self, factor: float, tolerance: float = 1e-7) -> str:
        """The factor in words, or an empty string if it is none that is known."""
        sign = "-" if factor < 0 else ""
        for value, name in self.names:
            if math.isclose(abs(factor), value, rel_tol=tolerance):
                return sign + name
        return ""


def _of_constant(name: str, value: float) -> list[tuple[float, str]]:
    if not (math.isfinite(value) and value > 0 and value != 1):
        return []
    pairs = [(value, name), (1 / value, f"1/{name}")]
    if value < 1:
        kept = 1 - value
        pairs += [(kept, f"(1 - {name})"), (1 / kept, f"1/(1 - {name})")]
        pairs += [(value / kept, f"{name}/(1 - {name})"), (kept / value, f"(1 - {name})/{name}")]
    return [*pairs, (value * value, f"{name}^2"), (value**-2, f"1/{name}^2")]
