from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch

from plaingrad import ModuleError, nn

X = torch.tensor([[[1.0, 2.0, 4.0]]])
IMAGE = torch.ones(2, 3, 4, 4)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"scale_factor": 2}, [1, 1, 2, 2, 4, 4]),
        ({"size": 5}, [1, 1, 2, 2, 4]),
        ({"size": 5, "mode": "nearest-exact"}, [1, 1, 2, 4, 4]),
        ({"size": 2, "mode": "area"}, [1.5, 3]),
        ({"size": 5, "mode": "linear", "align_corners": True}, [1, 1.5, 2, 3, 4]),
        ({"scale_factor": 2, "mode": "linear"}, [1, 1.25, 1.75, 2.5, 3.5, 4]),
    ],
)
def test_signals(arguments: dict[str, Any], expected: list[float]) -> None:
    layer = nn.Upsample(**arguments)
    y = layer(X)
    assert y.flatten().tolist() == expected
    assert layer.backward(torch.ones_like(y)).sum() == len(expected)


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "bicubic"])
def test_the_gradient_is_that_of_the_forward_where_a_factor_keeps_the_size(mode: str) -> None:
    layer = nn.Upsample(scale_factor=1.1, mode=mode)
    x, dy = torch.randn(2, 1, 2, 6, 6, dtype=torch.float64)
    assert layer.forward(x).shape == x.shape
    dx = layer.backward(dy)
    direction = torch.randn_like(dx)
    torch.testing.assert_close((layer.forward(direction) * dy).sum(), (dx * direction).sum())


@pytest.mark.parametrize("mode", ["bilinear", "bicubic", "nearest"])
def test_an_axis_that_stays_spreads_no_infinity(mode: str) -> None:
    x = torch.tensor([[1.0, float("inf")], [2.0, 3.0]]).view(1, 1, 2, 2)
    assert torch.equal(nn.Upsample(size=2, mode=mode)(x), x)


def test_factors_are_kept_as_floating_point_numbers() -> None:
    assert nn.Upsample(scale_factor=2).scale_factor == 2.0
    assert isinstance(nn.Upsample(scale_factor=(2, 3)).scale_factor[0], float)


@pytest.mark.usefixtures("without_annotations")
@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: nn.Upsample(), "expected either size or scale_factor, got None and None"),
        (lambda: nn.Upsample(2, 2.0), "expected either size or scale_factor, got 2 and 2.0"),
        (lambda: nn.Upsample(2, mode="cubic"), "expected mode from nearest, nearest-exact, area, linear"),
        (lambda: nn.Upsample(2, align_corners=False), "expected align_corners=None for mode 'nearest'"),
        (lambda: nn.Upsample(2, recompute_scale_factor=True), "expected scale_factor for recompute_scale"),
        (lambda: nn.Upsample(2, mode="linear")(IMAGE), "*size) with 1 sizes, none but batch 0, got (2, 3, 4"),
        (lambda: nn.Upsample((2, 2, 2))(IMAGE), "*size) with 3 sizes, none but batch 0, got (2, 3, 4, 4)"),
        (lambda: nn.Upsample(2)(IMAGE[0, 0]), "*size) with 1 or 2 or 3 sizes, none but batch 0, got (4, 4)"),
        (lambda: nn.Upsample(2)(IMAGE[:, :0]), "none but batch 0, got (2, 0, 4, 4)"),
        (lambda: nn.Upsample((0, 2))(IMAGE), "expected output of sizes from 1, got (0, 2) of (2, 3, 4, 4)"),
        (lambda: nn.Upsample(scale_factor=0.1)(IMAGE), "expected output of sizes from 1, got (0, 0)"),
        (lambda: nn.Upsample(2)(IMAGE.long()), "expected a floating-point input"),
    ],
)
def test_what_does_not_fit(make: Callable[[], Any], expected: str) -> None:
    with pytest.raises(ModuleError, match=re.escape(expected)):
        make()
