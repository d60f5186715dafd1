from __future__ import annotations

import math
import re

import pytest
import torch

from plaingrad import ModuleError, nn


@pytest.mark.usefixtures("without_annotations")
@pytest.mark.parametrize(
    "x",
    [torch.tensor(1.0), torch.zeros(4), torch.zeros(5, 2), torch.zeros(2, 5).double(), torch.zeros(5).long()],
)
def test_an_input_that_does_not_fit(x: torch.Tensor) -> None:
    problem = f"expected input (*, 5) of torch.float32, got {tuple(x.shape)} of {x.dtype}"
    with pytest.raises(ModuleError, match=re.escape(f"Sequential[0] Linear(5, 4): {problem}")):
        nn.Sequential(nn.Linear(5, 4))(x)


@pytest.mark.parametrize("size", [(0, 3), (2, 0, 3)])
def test_an_empty_batch(size: tuple[int, ...]) -> None:
    layer = nn.Linear(3, 2)
    y = layer(torch.zeros(size))
    assert y.shape == (*size[:-1], 2)
    assert layer.backward(y).shape == size
    assert not layer.weight.grad.any()


def test_no_input_features_leave_the_bias_alone() -> None:
    layer = nn.Linear(0, 2)
    assert torch.equal(layer(torch.zeros(3, 0)), torch.zeros(3, 2))
    assert layer.backward(torch.ones(3, 2)).shape == (3, 0)
    assert layer.bias is not None
    assert layer.bias.grad.tolist() == [3, 3]


@pytest.mark.parametrize(("inputs", "outputs"), [(400, 4), (4, 400)])
def test_weight_and_bias_are_drawn_up_to_a_bound_that_the_inputs_set(inputs: int, outputs: int) -> None:
    draws = [nn.Linear(inputs, outputs).state_dict()["bias"] for _ in range(4000 // outputs)]
    bound = 1 / math.sqrt(inputs)
    assert 0.99 * bound < torch.cat(draws).abs().max() <= bound
    assert nn.Linear(inputs, outputs).weight.value.abs().max() <= bound
