"""Rows of the conformance table: padding along one, two and three axes."""

from collections.abc import Callable
from typing import Any

import torch
from hypothesis import strategies as st

from conformance.case import Arguments, Case, Inputs
from conformance.images import each, images
from plaingrad import nn

EXTRA: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "Constant": {"value": st.sampled_from([0.0, 1.5, -3])},
    "Zero": {},
    "Reflection": {},
    "Replication": {},
    "Circular": {},
}


def paddings(kind: str, axes: int) -> st.SearchStrategy[Arguments]:
    numbers = st.integers(-1, 3)
    ends = numbers | st.tuples(*[numbers] * (2 * axes))
    return st.fixed_dictionaries({"padding": ends, **EXTRA[kind]})


def padded(axes: int) -> Callable[[Arguments], st.SearchStrategy[Inputs]]:
    def inputs(arguments: Arguments) -> st.SearchStrategy[Inputs]:
        ends = each(arguments["padding"], 2 * axes)
        least = [max(3, *both) + 1 for both in zip(ends[::2], ends[1::2])]
        return images(2, least[::-1])

    return inputs


CASES = [
    Case(
        getattr(nn, f"{kind}Pad{axes}d"),
        theirs=getattr(torch.nn, f"{kind}Pad{axes}d"),
        arguments=paddings(kind, axes),
        inputs=padded(axes),
    )
    for kind in EXTRA
    for axes in (1, 2, 3)
]
