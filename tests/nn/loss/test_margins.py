"""Losses of labels, pairs and distributions: what they refuse, and training with those of a target."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from plaingrad import ModuleError, fit, nn, optim

REAL, WHOLE = torch.ones(2, 3), torch.ones(2, 3, dtype=torch.int64)

REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "a label of another shape": (
        lambda: nn.SoftMarginLoss()(REAL, REAL[0]),
        r"expected target \(2, 3\) of torch.float32 as the prediction, got \(3,\) of torch.float32",
    ),
    "a label of another dtype": (
        lambda: nn.HingeEmbeddingLoss()(REAL, REAL.double()),
        r"expected target \(2, 3\) of torch.float32 as the prediction, got \(2, 3\) of torch.float64",
    ),
    "whole numbers as scores": (
        lambda: nn.MarginRankingLoss()(WHOLE, WHOLE, WHOLE),
        "expected a floating-point input1, got torch.int64",
    ),
    "pairs of different shapes": (
        lambda: nn.CosineEmbeddingLoss()(REAL, REAL[:1], REAL[:, 0]),
        r"expected input2 \(2, 3\) of torch.float32 as the input1, got \(1, 3\) of torch.float32",
    ),
    "a target for each number of a vector": (
        lambda: nn.CosineEmbeddingLoss()(REAL, REAL, REAL),
        r"expected inputs \(batch, features\) and target \(batch,\), or \(features,\) and \(\), got",
    ),
    "an unknown reduction": (
        lambda: nn.KLDivLoss("median"),
        "expected reduction 'mean', 'batchmean', 'sum' or 'none', got 'median'",
    ),
    "a negative variance": (
        lambda: nn.GaussianNLLLoss()(REAL, REAL, -REAL),
        r"expected var of at least 0, got -1\.0",
    ),
    "a negative number as the variance": (
        lambda: nn.GaussianNLLLoss()(REAL, REAL, -1.0),
        r"expected var of at least 0, got -1\.0",
    ),
    "a variance for each row and one more": (
        lambda: nn.GaussianNLLLoss()(REAL, REAL, torch.ones(3)),
        r"expected var that spreads over \(2, 3\), of torch.float32, got \(3,\) of torch.float32",
    ),
    "a third power": (lambda: nn.MultiMarginLoss(p=3), "expected p of 1 or 2, got 3"),
    "a matrix of weights": (
        lambda: nn.MultiMarginLoss(weight=REAL),
        r"expected weight \(classes,\), got \(2, 3\)",
    ),
    "more weights than classes": (
        lambda: nn.MultiMarginLoss(weight=torch.ones(4))(REAL, WHOLE[:, 0]),
        r"expected weight \(3,\) of torch.float32 as the prediction, got \(4,\) of torch.float32",
    ),
    "a class that there is not": (
        lambda: nn.MultiMarginLoss()(REAL, 3 * WHOLE[:, 0]),
        r"expected class index in 0..2, got 3 at \[0\]",
    ),
    "images": (
        lambda: nn.MultiMarginLoss()(torch.ones(2, 3, 4), WHOLE),
        r"expected a floating-point prediction \(batch, classes\) or \(classes,\), of at least one",
    ),
    "indices as numbers": (
        lambda: nn.MultiLabelMarginLoss()(REAL, REAL),
        r"expected class indices \(2, 3\) of torch.int64, got \(2, 3\) of torch.float32",
    ),
    "a class below the mark of the end": (
        lambda: nn.MultiLabelMarginLoss()(REAL, -2 * WHOLE),
        r"expected class index in -1..2, got -2 at \[0, 0\]",
    ),
    "a single number": (
        lambda: nn.MultiLabelSoftMarginLoss()(torch.ones(()), torch.ones(())),
        r"expected prediction \(\*, classes\), got \(\)",
    ),
}


@pytest.mark.usefixtures("without_annotations")
@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused(name: str) -> None:
    call, message = REFUSED[name]
    with pytest.raises(ModuleError, match=message):
        call()


def test_a_variance_may_be_a_number() -> None:
    loss, (p, t) = nn.GaussianNLLLoss(reduction="none"), torch.randn(2, 4, 3)
    ours = loss(p, t, 0.5)
    torch.testing.assert_close(ours, torch.nn.GaussianNLLLoss(reduction="none")(p, t, 0.5))
    dp, dt, dvar = loss.backward(torch.ones_like(ours))
    torch.testing.assert_close(dp, (p - t) / 0.5)
    torch.testing.assert_close(dt, -dp)
    assert dvar is None


def test_a_variance_below_the_bound_can_grow() -> None:
    loss, var = nn.GaussianNLLLoss(eps=0.1), torch.tensor([0.01])
    loss(torch.tensor([1.0]), torch.tensor([0.0]), var)
    torch.testing.assert_close(loss.backward()[2], torch.tensor([0.5 * (10 - 100)]))


def test_no_mass_has_no_loss_whatever_its_logarithm() -> None:
    x = torch.tensor([-torch.inf, 0.0, torch.nan])
    loss = nn.KLDivLoss(reduction="none")(x, torch.tensor([0.0, 1.0, 0.0]))
    assert loss.tolist() == [0.0, 0.0, 0.0]


def rows(sizes: tuple[int, int]) -> Tensor:
    return torch.randn(sizes, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("loss", "target"),
    [
        (nn.SoftMarginLoss(), rows((20, 3)).sign()),
        (nn.HingeEmbeddingLoss(), rows((20, 3)).sign()),
        (nn.KLDivLoss("batchmean"), rows((20, 3)).softmax(1)),
        (nn.MultiMarginLoss(), rows((20, 3)).argmax(1)),
        (nn.MultiLabelMarginLoss(), rows((20, 3)).argsort(1) - 1),
        (nn.MultiLabelSoftMarginLoss(), (rows((20, 3)) > 0).float()),
    ],
    ids=repr,
)
def test_networks_learn_by_those_of_a_prediction_and_a_target(
    loss: nn.Loss, target: Tensor, weighted: bool
) -> None:
    torch.manual_seed(0)
    outputs = [nn.LogSoftmax(-1)] if isinstance(loss, nn.KLDivLoss) else []
    model = nn.Sequential(nn.Linear(5, 20), nn.Tanh(), nn.Linear(20, 3), *outputs)
    rule = optim.Adam(model.parameters(), lr=0.02)
    weights = torch.rand(20) + 0.5 if weighted else None
    data = rows((20, 5)), target
    options = {"epochs": 40, "batch_size": 6, "seed": 0, "progress": False, "sample_weight": weights}
    history = fit(model, data, loss=loss, optimizer=rule, **options)
    assert history.loss[-1] < 0.5 * history.loss[0]
