from __future__ import annotations

import pytest
import torch

from plaingrad import ModuleError, nn


def test_it_is_batch_normalisation_in_one_process() -> None:
    x, dy = torch.randn(4, 3, 2, 2), torch.randn(4, 3, 2, 2)
    one, other = nn.SyncBatchNorm(3), nn.BatchNorm2d(3)
    assert torch.equal(one(x), other(x))
    assert torch.equal(one.backward(dy), other.backward(dy))
    assert all(map(torch.equal, one.state_dict().values(), other.state_dict().values()))


@pytest.mark.usefixtures("without_annotations")
def test_a_process_group_is_refused() -> None:
    with pytest.raises(ModuleError, match="expected process_group=None"):
        nn.SyncBatchNorm(3, process_group=object())  # type: ignore[arg-type]


def test_an_input_that_does_not_fit() -> None:
    with pytest.raises(ModuleError, match=r"expected input \(batch, 3, \*\) of torch.float32, got \(3,\)"):
        nn.SyncBatchNorm(3)(torch.ones(3))
