"""PyTorch's public names: each is here, or is told why it is not."""

from __future__ import annotations

import sys

import pytest
import torch

import plaingrad
from pages import ROOT
from plaingrad import nn, optim

sys.path.insert(0, str(ROOT / "docs" / "_ext"))

from torch_names import PAIRS, public, rows


def test_every_name_is_here_or_has_a_reason() -> None:
    assert len(rows()) > 200


def test_no_reason_is_left_for_a_name_that_is_here() -> None:
    for _, ours, reasons in PAIRS:
        assert not set(reasons) & set(ours.__all__)


def test_the_names_are_those_that_users_see() -> None:
    assert {"Conv2d", "LSTM", "Transformer", "LazyLinear", "Identity"} <= set(public(torch.nn))
    assert {"AdamW", "LBFGS"} <= set(public(torch.optim))
    assert {"StepLR", "OneCycleLR"} <= set(public(torch.optim.lr_scheduler))
    assert {"xavier_uniform_", "calculate_gain"} <= set(public(torch.nn.init))


@pytest.mark.parametrize(
    ("package", "name", "problem"),
    [
        (nn, "DataParallel", "plaingrad.nn has no 'DataParallel': training on several devices belongs"),
        (nn, "functional", "plaingrad.nn has no 'functional': a function has nowhere to keep"),
        (nn, "Linaer", "plaingrad.nn has no 'Linaer'$"),
        (nn, "Conv2D", "plaingrad.nn has no 'Conv2D': it is Conv2d$"),
        (nn, "CrossEntropyloss", "plaingrad.nn has no 'CrossEntropyloss': it is CrossEntropyLoss$"),
        (plaingrad, "no_grad", "'plaingrad' has no attribute 'no_grad': no graph is recorded"),
        (plaingrad, "fitt", "'plaingrad' has no attribute 'fitt'$"),
        (optim, "LRScheduler", "plaingrad.optim has no 'LRScheduler': it is Schedule"),
    ],
)
def test_a_name_that_is_missing_is_told_why(package: object, name: str, problem: str) -> None:
    with pytest.raises(AttributeError, match=problem):
        getattr(package, name)


@pytest.mark.parametrize(("package", "name", "near"), [(nn, "relu", "ReLU"), (plaingrad, "fitt", "fit")])
def test_the_name_that_is_meant_is_suggested(
    package: object, name: str, near: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(AttributeError) as raised:
        getattr(package, name)
    sys.__excepthook__(AttributeError, raised.value, None)
    assert f"Did you mean: {near!r}?" in capsys.readouterr().err
