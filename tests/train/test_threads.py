from __future__ import annotations

import pytest
import torch

from plaingrad import nn
from plaingrad.train.threads import FLOPS_PER_THREAD, flops, threads_for


@pytest.fixture(autouse=True)
def _put_back():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_flops_of_a_linear_layer_are_those_of_three_products() -> None:
    layer = nn.Linear(30, 50, bias=False)
    assert flops(layer, torch.zeros(7, 30)) == 3 * 2 * 7 * 30 * 50
    assert flops(layer, torch.zeros(7, 4, 30)) == 3 * 2 * 7 * 4 * 30 * 50
    assert flops(nn.ReLU(), torch.zeros(7, 30)) == 0
    assert flops(layer, torch.zeros(7)) == 3 * 2 * 7 * 30 * 50


@pytest.mark.parametrize(("worth", "expected"), [(0.5, 1), (2.5, 2), (100.0, 3)])
def test_threads_grow_with_the_work_up_to_what_there_were(worth: float, expected: int) -> None:
    torch.set_num_threads(3)
    layer = nn.Linear(100, 100, bias=False)
    rows = int(worth * FLOPS_PER_THREAD / 60_000) + 1
    with threads_for(layer, torch.zeros(1, 100).expand(rows, 100)):
        assert torch.get_num_threads() == expected
    assert torch.get_num_threads() == 3


def test_threads_are_put_back_after_an_error() -> None:
    torch.set_num_threads(3)
    with pytest.raises(RuntimeError, match="halt"), threads_for(nn.ReLU(), torch.zeros(1, 1)):
        raise RuntimeError("halt")
    assert torch.get_num_threads() == 3
