"""Factors that backward has too many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

from torch import Tensor

from plaingrad.inspect.gradients.naming.calls import Call
from plaingrad.inspect.gradients.naming.repair import Repair

MOST = 12  # products


def without_factors(calls: Sequence[Call], groups: Sequence[list[int]]) -> Iterator[tuple[list[int], Repair]]:
    """One factor, or two, that are taken out of the products of backward."""
    products = [group for group in groups if calls[group[0]].name in ("mul", "div")][:MOST]
    words = "a derivative too many: what is multiplied here is not in the gradient"
    for group in products:
        for k in (0, 1):
            yield group, Repair(2.35, "wrong-derivative", words, _keeping(k))
    for first, second in combinations(products, 2):
        yield sorted(first + second), Repair(2.6, "wrong-derivative", words, _keeping(0))


def _keeping(k: int) -> Any:
    def run(call: Call) -> Any:
        kept, product = call.args[k], call.run()
        if not isinstance(kept, Tensor) or kept.shape != product.shape:
            raise ValueError("another shape")
        return kept.to(product.dtype, copy=True)

    return run
