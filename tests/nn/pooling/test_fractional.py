from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch

from plaingrad import ModuleError, nn

IMAGE = torch.arange(25.0).view(1, 1, 5, 5)


def test_windows_begin_where_the_samples_say() -> None:
    samples = torch.tensor([[[0.9, 0.0]]])  # of columns, of rows
    layer = nn.FractionalMaxPool2d(2, 3, return_indices=True, _random_samples=samples)
    y, indices = layer.forward(IMAGE)
    rows, columns = [0, 1, 3], [0, 1, 3]  # in steps of 1.5
    expected = [[5 * (row + 1) + column + 1 for column in columns] for row in rows]
    theirs = torch.nn.FractionalMaxPool2d(2, 3, _random_samples=samples)(IMAGE)
    assert torch.equal(y, theirs)
    assert y[0, 0, 0, 0] == expected[0][0]
    assert torch.equal(indices.float(), y)


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("batch", [(), (2,)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_the_same_samples_give_the_outputs_of_torch(
    axes: int, batch: tuple[int, ...], dtype: torch.dtype
) -> None:
    samples = torch.rand(*(batch or (1,)), 3, axes, dtype=dtype)
    x = torch.randn(*batch, 3, *range(7, 7 + axes), dtype=dtype)
    arguments = {"kernel_size": 2, "output_size": 4, "return_indices": True, "_random_samples": samples}
    name = f"FractionalMaxPool{axes}d"
    ours, theirs = (getattr(library, name)(**arguments) for library in (nn, torch.nn))
    for own, right in zip(ours.forward(x), theirs(x), strict=True):
        assert torch.equal(own, right)
    assert torch.equal(ours.state_dict()["_random_samples"], samples)


def test_each_forward_draws_anew_from_the_generator_of_the_network() -> None:
    layer = nn.FractionalMaxPool2d(2, output_ratio=0.5)
    x = torch.randn(4, 8, 13, 13)
    torch.manual_seed(0)
    first, second = layer(x), layer(x)
    assert not torch.equal(first, second)
    torch.manual_seed(0)
    assert torch.equal(layer(x), first)


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("batch", [(), (2,)])
@pytest.mark.parametrize("either", [{"output_size": 3}, {"output_ratio": 0.4}])
def test_the_same_seed_gives_the_windows_of_torch(
    axes: int, batch: tuple[int, ...], either: dict[str, Any]
) -> None:
    x = torch.randn(*batch, 3, *[9] * axes).round()
    name = f"FractionalMaxPool{axes}d"
    leaf = x.clone().requires_grad_()
    torch.manual_seed(1)
    expected = getattr(torch.nn, name)(2, **either)(leaf)
    torch.manual_seed(1)
    layer = getattr(nn, name)(2, **either)
    y = layer(x)
    dy = torch.randn_like(y)
    expected.backward(dy)
    assert torch.equal(y, expected)
    torch.testing.assert_close(layer.backward(dy), leaf.grad)


def test_of_nan_the_last_counts() -> None:
    x = IMAGE.clone()
    x[..., 1, 1] = x[..., 1, 2] = torch.nan
    layer = nn.FractionalMaxPool2d(5, 1, return_indices=True)
    y, index = layer.forward(x)
    assert y.isnan().all()
    assert index.item() == 7


def test_volumes_may_be_filled() -> None:
    x = torch.randn(1, 1, 4, 4, 4)
    assert torch.equal(nn.FractionalMaxPool3d(1, 4)(x), x)


@pytest.mark.usefixtures("without_annotations")
@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: nn.FractionalMaxPool2d(2), "expected either output_size or output_ratio, got None and None"),
        (lambda: nn.FractionalMaxPool2d(2, 2, 0.5), "expected either output_size or output_ratio, got 2 and"),
        (lambda: nn.FractionalMaxPool2d(2, output_ratio=1), "expected output_ratio of one or 2 numbers in"),
        (lambda: nn.FractionalMaxPool3d(2, output_ratio=(0.5, 0.5)), "expected output_ratio of one or 3"),
        (lambda: nn.FractionalMaxPool3d(0, 2), "expected kernel_size to be one or three numbers"),
        (lambda: nn.FractionalMaxPool2d(3, 4)(IMAGE), "expected input of room for (4, 4) windows of (3, 3)"),
        (
            lambda: nn.FractionalMaxPool2d(2, 2)(IMAGE[0, 0]),
            "expected input (batch, channels, rows,",
        ),
        (
            lambda: nn.FractionalMaxPool2d(2, 2, _random_samples=torch.rand(1, 2, 2))(IMAGE),
            "expected _random_samples (1, 1, 2) for input (1, 1, 5, 5), got (1, 2, 2)",
        ),
    ],
)
def test_what_does_not_fit(make: Callable[[], Any], expected: str) -> None:
    with pytest.raises(ModuleError, match=re.escape(expected)):
        make()
