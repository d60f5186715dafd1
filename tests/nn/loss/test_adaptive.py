from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch

from plaingrad import ModuleError, nn

D = torch.float64


def both() -> tuple[nn.AdaptiveLogSoftmaxWithLoss, torch.nn.AdaptiveLogSoftmaxWithLoss]:
    arguments = (8, 20, [3, 7, 12], 2.0, True)
    ours, theirs = nn.AdaptiveLogSoftmaxWithLoss(*arguments), torch.nn.AdaptiveLogSoftmaxWithLoss(*arguments)
    theirs.double().load_state_dict(ours.to(D).state_dict())
    return ours, theirs


@pytest.mark.parametrize("use", ["output", "loss", "both"])
def test_gradients_come_through_each_result(use: str) -> None:
    ours, theirs = both()
    x, target = torch.randn(30, 8, dtype=D), torch.randint(20, (30,))
    leaf = x.clone().requires_grad_()
    y, right = ours.forward(x, target), theirs(leaf, target)
    assert y.output.shape == (30,)
    torch.testing.assert_close(tuple(y), tuple(each.detach() for each in right))
    doutput = None if use == "loss" else torch.randn(30, dtype=D)
    dloss = None if use == "output" else torch.tensor(1.5, dtype=D)
    pairs = [(out, dout) for out, dout in zip(right, (doutput, dloss)) if dout is not None]
    torch.autograd.backward(*zip(*pairs))
    dx, nothing = ours.backward(doutput, dloss)
    assert nothing is None
    torch.testing.assert_close(dx, leaf.grad)
    for (name, parameter), expected in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(parameter.grad, expected.grad, msg=name)


def test_a_cluster_without_targets_learns_nothing() -> None:
    ours, _ = both()
    ours.forward(torch.randn(4, 8, dtype=D), torch.tensor([0, 1, 2, 4]))
    ours.backward(None, torch.tensor(1.0, dtype=D))
    assert ours.tail[0][0].weight.has_grad
    assert not ours.tail[1][0].weight.has_grad


def test_all_classes_and_the_most_probable() -> None:
    ours, theirs = both()
    x = 4 * torch.randn(50, 8, dtype=D)
    log_p = ours.log_prob(x)
    torch.testing.assert_close(log_p, theirs.log_prob(x).detach())
    torch.testing.assert_close(log_p.exp().sum(1), torch.ones(50, dtype=D))
    assert torch.equal(ours.predict(x), theirs.predict(x))
    assert torch.equal(ours.predict(x), log_p.argmax(1))
    assert not any(module._saved for module in ours.modules())


def test_large_logits_do_not_overflow() -> None:
    ours, _ = both()
    y = ours.forward(1e4 * torch.randn(8, 8, dtype=D), torch.arange(8))
    assert all(each.isfinite().all() for each in y)
    dx, _ = ours.backward(None, torch.tensor(1.0, dtype=D))
    assert dx.isfinite().all()


X, T = torch.randn(2, 8, dtype=D), torch.tensor([0, 19])


@pytest.mark.usefixtures("without_annotations")
@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (
            lambda: nn.AdaptiveLogSoftmaxWithLoss(8, 20, []),
            "expected one or more cutoffs that rise from 1 to 19",
        ),
        (lambda: nn.AdaptiveLogSoftmaxWithLoss(8, 20, [3, 3]), "cutoffs that rise from 1 to 19, got [3, 3]"),
        (lambda: nn.AdaptiveLogSoftmaxWithLoss(8, 20, [20]), "cutoffs that rise from 1 to 19, got [20]"),
        (lambda: both()[0](X, T + 1), "expected targets from 0 to 19, got 1 to 20"),
        (lambda: both()[0](X, T[:1]), "expected input (batch, 8) and target (batch,) of torch.int64, or"),
        (lambda: both()[0](X, T.double()), "got (2, 8) and (2,) of torch.float64"),
    ],
)
def test_what_does_not_fit(make: Callable[[], Any], expected: str) -> None:
    with pytest.raises(ModuleError, match=re.escape(expected)):
        make()
