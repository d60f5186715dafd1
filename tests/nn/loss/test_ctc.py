"""Connectionist temporal classification against all ways to spell a target, and behind a log-softmax."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor

from plaingrad import ModuleError, nn

D = torch.float64


def spelled(way: tuple[int, ...], blank: int) -> list[int]:
    return [label for label, _ in itertools.groupby(way) if label != blank]


def by_enumeration(x: Tensor, target: list[int], blank: int) -> tuple[Tensor, Tensor]:
    """The loss of one sample, and its derivative, from the probabilities of all ways."""
    steps, classes = x.shape
    total, used = 0.0, torch.zeros_like(x)
    for way in itertools.product(range(classes), repeat=steps):
        if spelled(way, blank) == target:
            probability = x[range(steps), way].sum().exp().item()
            total += probability
            used[range(steps), way] += probability
    return -torch.tensor(total, dtype=D).log(), -used / total


@pytest.mark.parametrize("blank", [0, 2])
@pytest.mark.parametrize("target", [[], [1], [1, 1], [1, 3], [3, 1, 3]])
@pytest.mark.parametrize("steps", [1, 3, 5])
def test_all_ways_to_spell_a_target_are_counted(target: list[int], blank: int, steps: int) -> None:
    x = torch.randn(steps, 4, dtype=D, generator=torch.Generator().manual_seed(steps))
    value, slope = by_enumeration(x, target, blank)
    loss = nn.CTCLoss(blank, "sum", zero_infinity=True)
    y = loss(x, torch.tensor(target, dtype=torch.int64), (steps,), (len(target),))
    dx = loss.backward()
    if value.isinf():
        value, slope = torch.zeros_like(value), torch.zeros_like(slope)
    torch.testing.assert_close(y, value)
    torch.testing.assert_close(dx, slope)


@pytest.mark.parametrize("dtype", [torch.float32, D])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("form", ["padded", "concatenated"])
@pytest.mark.parametrize("seed", range(5))
def test_behind_a_log_softmax_it_is_torch_s(form: str, reduction: str, dtype: torch.dtype, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(9, 4, 5, dtype=dtype, generator=generator)
    targets = torch.randint(1, 5, (4, 4), generator=generator)
    sizes = torch.randint(0, 5, (4,), generator=generator)
    ends = torch.randint(8, 10, (4,), generator=generator)
    if form == "concatenated":
        targets = torch.cat([row[:size] for row, size in zip(targets, sizes)])
    leaf = z.clone().requires_grad_()
    expected = torch.nn.CTCLoss(reduction=reduction)(leaf.log_softmax(-1), targets, ends, sizes)
    before, loss = nn.LogSoftmax(-1), nn.CTCLoss(reduction=reduction)
    y = loss(before(z), targets, ends, sizes)
    dy = torch.randn(y.shape, dtype=dtype, generator=generator)
    (right,) = torch.autograd.grad(expected, leaf, dy)
    torch.testing.assert_close(y, expected.detach())
    torch.testing.assert_close(before.backward(loss.backward(dy)), right, rtol=1e-4, atol=1e-5)


def test_lengths_may_be_tuples_lists_or_tensors_of_any_integers() -> None:
    x = torch.randn(5, 2, 3).log_softmax(-1)
    targets, first = torch.tensor([[1, 2], [2, 1]]), None
    forms: list[Any] = [
        ((5, 4), (2, 1)),
        ([5, 4], [2, 1]),
        (torch.tensor([5, 4]), torch.tensor([2, 1], dtype=torch.int32)),
        (torch.tensor([[5, 4]]), torch.tensor([2, 1], dtype=torch.uint8)),
    ]
    for ends, sizes in forms:
        y = nn.CTCLoss()(x, targets, ends, sizes)
        first = y if first is None else first
        assert torch.equal(y, first)
    assert torch.equal(nn.CTCLoss()(x, targets.int(), (5, 4), (2, 1)), first)


def test_what_is_too_long_to_be_spelled() -> None:
    x = torch.randn(2, 2, 3).log_softmax(-1)
    arguments = x, torch.tensor([[1, 1], [1, 2]]), (2, 2), (2, 2)
    for zero, expected in ((False, torch.inf), (True, 0.0)):
        loss = nn.CTCLoss(reduction="none", zero_infinity=zero)
        y = loss(*arguments)
        assert y[0] == expected
        dx = loss.backward(torch.ones(2))
        assert dx[:, 0].isnan().any() != zero
        assert dx[:, 1].isfinite().all()
        assert not zero or not dx[:, 0].any()


def test_steps_beyond_the_end_of_an_input_count_for_nothing() -> None:
    x = torch.randn(6, 2, 3).log_softmax(-1)
    loss, spoiled = nn.CTCLoss(reduction="none"), x.clone()
    spoiled[4:, 1] = torch.nan
    sizes = torch.tensor([[1, 2], [2, 0]]), (6, 4), (2, 1)
    torch.testing.assert_close(loss(spoiled, *sizes), loss(x, *sizes))
    dx, dspoiled = (loss.backward(torch.ones(2)) for _ in range(2))
    torch.testing.assert_close(dspoiled, dx)
    assert not dx[4:, 1].any()


X, T = torch.zeros(4, 2, 3), torch.tensor([[1, 2], [2, 1]])


@pytest.mark.usefixtures("without_annotations")
@pytest.mark.parametrize(
    ("options", "arguments", "message"),
    [
        ({}, (X[:, :0], T[:0], (), ()), r"expected floating-point log_probs .*, not empty, got \(4, 0, 3\)"),
        ({}, (X.long(), T, (4, 4), (2, 2)), "expected floating-point log_probs"),
        ({}, (X[0, 0], T, (4, 4), (2, 2)), "expected floating-point log_probs"),
        ({"blank": 3}, (X, T, (4, 4), (2, 2)), "expected blank in 0..2, got 3"),
        ({}, (X, T, (5, 4), (2, 2)), r"expected 2 input_lengths, integers in 0..4, got 2: \[5, 4\]"),
        ({}, (X, T, (4,), (2, 2)), r"expected 2 input_lengths, integers in 0..4, got 1: \[4\]"),
        ({}, (X, T, torch.ones(2), (2, 2)), r"expected 2 input_lengths, .* got \(2,\) of torch.float32"),
        ({}, (X, T, (4, 4), (-1, 2)), r"expected 2 target_lengths, integers in 0..2, got 2: \[-1, 2\]"),
        (
            {},
            (X, T[:1], (4, 4), (2, 2)),
            r"expected targets \(2, longest\) or \(4,\) of integers, got \(1, 2\)",
        ),
        ({}, (X, T.view(-1), (4, 4), (2, 1)), r"expected targets \(2, longest\) or \(3,\) of integers, got"),
        (
            {},
            (X, T.float(), (4, 4), (2, 2)),
            r"expected targets .* of integers, got \(2, 2\) of torch.float32",
        ),
        ({}, (X, 3 * T, (4, 4), (2, 2)), r"expected label in 0..2, got 3 at \[0, 0\]"),
    ],
)
def test_what_does_not_fit_is_refused(options: Any, arguments: Any, message: str) -> None:
    with pytest.raises(ModuleError, match=message):
        nn.CTCLoss(**options)(*arguments)
