from __future__ import annotations

import re

import pytest
import torch

from plaingrad import ModuleError, nn


def test_it_undoes_flatten() -> None:
    x = torch.randn(2, 3, 4, 5)
    assert torch.equal(nn.Unflatten(1, (3, -1, 5))(nn.Flatten()(x)), x)


def test_integers_are_split_too() -> None:
    assert nn.Unflatten(-1, [2, 2])(torch.arange(4)).tolist() == [[0, 1], [2, 3]]


@pytest.mark.parametrize(("dim", "size"), [(1, (2, 5)), (2, (6,)), (-3, (2,))])
def test_an_input_that_does_not_fit(dim: int, size: tuple[int, ...]) -> None:
    parts = " x ".join(map(str, size))
    with pytest.raises(
        ModuleError, match=re.escape(f"expected input with an axis {dim} of {parts}, got (2, 6)")
    ):
        nn.Unflatten(dim, size)(torch.ones(2, 6))


def test_no_sizes() -> None:
    with pytest.raises(ModuleError, match="expected an unflattened_size of at least one axis"):
        nn.Unflatten(1, ())
