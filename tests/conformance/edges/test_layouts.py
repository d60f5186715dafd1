"""Tensors that lie in memory in other ways than row by row."""

from __future__ import annotations

import copy
import functools
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from conformance.case import Case, seeds
from conformance.edges.running import DOUBLE, few, of_ours, pairs, upstream
from conformance.table import CASES


def strided(x: Tensor) -> Tensor:
    """The same numbers two elements apart."""
    return torch.stack([x, x], -1)[..., 0]


def permuted(x: Tensor) -> Tensor:
    """The same numbers with the first axis innermost in memory."""
    order = list(range(x.ndim))[::-1]
    return x.permute(order).contiguous().permute(order)


def channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x


def expanded(x: Tensor) -> Tensor:
    """The first row in place of every row, without memory of its own."""
    return x[:1].expand_as(x) if x.ndim else x


@pytest.mark.parametrize("case", CASES, ids=repr)
@pytest.mark.parametrize("layout", [strided, permuted, channels_last, expanded])
@few
@given(data=st.data(), seed=seeds)
def test_any_layout_gives_the_same_numbers(case: Case, layout: Any, data: st.DataObject, seed: int) -> None:
    arguments = data.draw(case.arguments, label="arguments")
    inputs = tuple(map(layout, data.draw(case.inputs(arguments), label="inputs")))
    ours, _ = data.draw(pairs(case, arguments, DOUBLE))
    plain = tuple(x.clone(memory_format=torch.contiguous_format) for x in inputs)

    def laid_out(outputs: Any, plainly: bool) -> Any:
        dys = [None if dy is None else layout(dy) for dy in upstream(outputs, seed)]
        return tuple(
            dy.clone(memory_format=torch.contiguous_format) if plainly and dy is not None else dy
            for dy in dys
        )

    expected = of_ours(copy.deepcopy(ours), plain, functools.partial(laid_out, plainly=True))
    found = of_ours(ours, inputs, functools.partial(laid_out, plainly=False))
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9, equal_nan=True)
