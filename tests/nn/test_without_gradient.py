"""Functions of tensors whose results have no gradient."""

from __future__ import annotations

import operator

import pytest
import torch

from plaingrad import ModuleError, nn

COMPARISONS = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@pytest.mark.parametrize("sign", COMPARISONS)
def test_comparisons(sign: str) -> None:
    a, b = torch.randint(3, (4, 5)), torch.randint(3, (5,))
    compare = nn.Compare(sign)
    assert torch.equal(compare(a, b), COMPARISONS[sign](a, b))
    assert compare.backward(None) == (None, None)
    assert compare(2, 3) is COMPARISONS[sign](2, 3)
    with pytest.raises(ModuleError, match="backward needs the state"):
        compare.backward(None)


def test_an_unknown_comparison_is_refused() -> None:
    with pytest.raises(ModuleError, match=r"expected one of ==, !=, <, <=, >, >=, got '=<'"):
        nn.Compare("=<")


def test_positions_and_sizes() -> None:
    x = torch.zeros(3, 4)
    positions = nn.Arange()
    assert positions(x, 5).tolist() == [0, 1, 2, 3, 4]
    assert positions(x, 2, 5).tolist() == [2, 3, 4]
    assert positions.backward(None) == (None, None, None)
    assert nn.Size()(x) == (3, 4)
    assert nn.Size(-1)(x) == 4
