from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch

from plaingrad import ModuleError, nn

D = torch.float64
Options = nn.LinearCrossEntropyOptions
OPTIONS = [Options(), Options(batch_chunk_size=3), Options(chunking_method="aspect_ratio:4")]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("of", ["indices", "probabilities", "images"])
def test_parts_of_the_rows_give_the_numbers_of_all(options: Options, reduction: str, of: str) -> None:
    rest = (2,) if of == "images" else ()
    x, target = torch.randn(11, 4, dtype=D), torch.randint(7, (11, *rest))
    if of == "probabilities":
        target = torch.randn(11, 7, dtype=D).softmax(1)
    weight = torch.rand(7, dtype=D)
    whole, parts = (
        nn.LinearCrossEntropyLoss(
            4, 7, out_features=rest, bias=True, dtype=D, reduction=reduction, weight=weight, options=each
        )
        for each in (None, options)
    )
    parts.load_state_dict(whole.state_dict())
    loss = whole.forward(x, target)
    torch.testing.assert_close(parts.forward(x, target), loss)
    dloss = torch.randn_like(loss)
    torch.testing.assert_close(parts.backward(dloss), whole.backward(dloss))
    for (name, parameter), (_, expected) in zip(parts.named_parameters(), whole.named_parameters()):
        torch.testing.assert_close(parameter.grad, expected.grad, msg=name)


def test_with_options_no_logits_are_kept() -> None:
    loss = nn.LinearCrossEntropyLoss(4, 1000, options=Options(batch_chunk_size=8))
    loss.forward(torch.randn(64, 4), torch.randint(1000, (64,)))
    (saved,) = loss._saved
    _, _, states, *_ = saved[3]
    assert states == [None] * 8


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize(("batch", "features", "classes"), [(4096, 64, 32000), (10, 5, 3), (1, 7, 100)])
def test_as_many_rows_as_torch_takes(options: Options, batch: int, features: int, classes: int) -> None:
    method = {"chunking_method": options.chunking_method, "batch_chunk_size": options.batch_chunk_size}
    theirs = torch.nn.LinearCrossEntropyOptions(**method)._adjust(batch, features, classes, torch.float32)
    assert min(options.rows(batch, features, classes), batch) == theirs.batch_chunk_size


def test_the_weights_of_targets() -> None:
    loss = nn.LinearCrossEntropyLoss(4, 3, weight=torch.tensor([1.0, 2.0, 3.0]), ignore_index=1)
    assert loss.shares(torch.randn(4, 4), torch.tensor([0, 1, 2, 2])).tolist() == [1, 0, 3, 3]


X = torch.randn(2, 4)
INDICES, PROBABILITIES = torch.tensor([0, 2]), torch.ones(2, 3) / 3


@pytest.mark.usefixtures("without_annotations")
@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (
            lambda: nn.LinearCrossEntropyLoss(4, 3)(X[:, :3], INDICES),
            "expected input (batch, 4) of torch.float32",
        ),
        (
            lambda: nn.LinearCrossEntropyLoss(4, 3)(X.double(), INDICES),
            "got (2, 4) of torch.float64 and (2,)",
        ),
        (
            lambda: nn.LinearCrossEntropyLoss(4, 3)(X, INDICES[:1]),
            "and target (batch), or of probabilities, got",
        ),
        (
            lambda: nn.LinearCrossEntropyLoss(4, 3, out_features=(2,))(X[0], INDICES),
            "and target (batch, 2), or",
        ),
        (
            lambda: nn.LinearCrossEntropyLoss(4, 3)(X, INDICES + 1),
            "expected class index in 0..2, got 3 at [1]",
        ),
        (lambda: nn.LinearCrossEntropyLoss(4, 3, weight=torch.ones(2)), "expected weight (3,), got (2,)"),
        (
            lambda: nn.LinearCrossEntropyLoss(4, 3, ignore_index=-1)(X, PROBABILITIES),
            "expected class indices, for ignore_index, got class probabilities",
        ),
    ],
)
def test_what_does_not_fit(make: Callable[[], Any], expected: str) -> None:
    with pytest.raises(ModuleError, match=re.escape(expected)):
        make()


@pytest.mark.parametrize("wrong", [{"batch_chunk_size": 0}, {"chunking_method": "aspect_ratio:0"}])
def test_options_that_mean_nothing(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected batch_chunk_size from 1, and chunking_method 'auto'"):
        Options(**wrong)
