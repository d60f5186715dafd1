from __future__ import annotations

import re

import pytest
import torch

from plaingrad import ModuleError, nn


def test_without_features_of_the_second_input_only_the_bias_is_left() -> None:
    layer = nn.Bilinear(2, 0, 3)
    assert torch.equal(layer(torch.ones(4, 2), torch.ones(4, 0)), layer.bias.value.expand(4, 3))  # type: ignore[union-attr]
    dx1, dx2 = layer.backward(torch.ones(4, 3))
    assert torch.equal(dx1, torch.zeros(4, 2))
    assert dx2.shape == (4, 0)


def test_no_features_of_the_first_input() -> None:
    with pytest.raises(ModuleError, match="expected in1_features from 1, got 0"):
        nn.Bilinear(0, 2, 3)


@pytest.mark.usefixtures("without_annotations")
@pytest.mark.parametrize(
    "inputs",
    [
        (torch.ones(4, 3), torch.ones(4, 3)),
        (torch.ones(4, 2), torch.ones(1, 3)),
        (torch.ones(2), torch.ones(())),
        (torch.ones(4, 2), torch.ones(4, 3).double()),
    ],
)
def test_inputs_that_do_not_fit(inputs: tuple[torch.Tensor, torch.Tensor]) -> None:
    got = " and ".join(f"{tuple(x.shape)} of {x.dtype}" for x in inputs)
    expected = f"expected inputs (*, 2) and (*, 3) of torch.float32, got {got}"
    with pytest.raises(ModuleError, match=re.escape(expected)):
        nn.Bilinear(2, 3, 4)(*inputs)
