"""Attention of several heads: masks, weights that are returned, and rows without any key."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch
from torch import Tensor

from plaingrad import ModuleError, nn

BATCH, QUERIES, KEYS, SIZE, HEADS = 2, 3, 4, 6, 2
close: dict[str, Any] = {"rtol": 1e-9, "atol": 1e-11, "equal_nan": True}


def pair(**options: Any) -> tuple[nn.MultiheadAttention, torch.nn.MultiheadAttention]:
    torch.manual_seed(0)
    theirs = torch.nn.MultiheadAttention(SIZE, HEADS, dtype=torch.float64, **options)
    ours = nn.MultiheadAttention(SIZE, HEADS, dtype=torch.float64, **options)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def compare(ours: Any, theirs: Any, inputs: tuple[Tensor, ...], seed: int = 0, **options: Any) -> None:
    """Outputs and gradients of inputs, float masks and parameters, through output and weights."""
    leaves = [x.clone().requires_grad_() for x in inputs]
    masks = {key: m for key, m in options.items() if isinstance(m, Tensor) and m.is_floating_point()}
    mask_leaves = {key: m.clone().requires_grad_() for key, m in masks.items()}
    torch.manual_seed(seed)
    expected = [y for y in theirs(*leaves, **options | mask_leaves) if y is not None]
    torch.manual_seed(seed)
    outputs = [y for y in ours(*inputs, **options) if y is not None]
    for y, right in zip(outputs, expected, strict=True):
        torch.testing.assert_close(y, right.detach(), **close)
    dys = [torch.randn_like(y) for y in outputs]
    learned = list(theirs.parameters())
    gradients = torch.autograd.grad(expected, [*leaves, *mask_leaves.values(), *learned], dys)
    returned = dict(zip([*range(len(inputs)), *options], ours.backward(*dys), strict=True))
    for key, right in zip([*range(len(inputs)), *mask_leaves], gradients):
        torch.testing.assert_close(returned[key], right, **close)
    assert all(returned[key] is None for key in options if key not in masks)
    for (name, parameter), right in zip(ours.named_parameters(), gradients[-len(learned) :], strict=True):
        torch.testing.assert_close(parameter.grad, right, **close, msg=name)


def attn_masks() -> list[Tensor | None]:
    scores = torch.randn(BATCH * HEADS, QUERIES, KEYS, dtype=torch.float64)
    hidden = scores > 0.5
    hidden[..., 0] = False
    return [None, scores, scores[0], hidden, hidden[0], scores.masked_fill(hidden, -math.inf)]


def paddings() -> list[Tensor | None]:
    scores = torch.randn(BATCH, KEYS, dtype=torch.float64)
    return [None, scores, torch.tensor([[False] * 3 + [True], [False] * 2 + [True] * 2])]


@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("average", [True, False])
@pytest.mark.parametrize("extra", [{}, {"add_bias_kv": True, "add_zero_attn": True}, {"bias": False}])
def test_masks_and_weights_are_those_of_torch(need_weights: bool, average: bool, extra: Any) -> None:
    for batch_first, mask, padding in itertools.product([True, False], attn_masks(), paddings()):
        ours, theirs = pair(batch_first=batch_first, **extra)
        lengths = (QUERIES, KEYS, KEYS)
        sizes = [(BATCH, n, SIZE) if batch_first else (n, BATCH, SIZE) for n in lengths]
        inputs = tuple(torch.randn(size, dtype=torch.float64) for size in sizes)
        options = {"need_weights": need_weights, "average_attn_weights": average}
        compare(ours, theirs, inputs, key_padding_mask=padding, attn_mask=mask, **options)


@pytest.mark.parametrize("need_weights", [True, False])
def test_a_row_without_any_key_is_that_of_torch(need_weights: bool) -> None:
    ours, theirs = pair()
    x = torch.randn(3, 1, SIZE, dtype=torch.float64)
    mask = torch.tensor([[0, 0, 0], [1, 1, 1], [0, 1, 0]]).bool()
    compare(ours, theirs, (x, x + 1, x - 1), attn_mask=mask, need_weights=need_weights)
    y, _ = ours.eval()(x, x, x, attn_mask=mask, need_weights=need_weights)
    assert bool(y[1].isnan().all()) is need_weights


@pytest.mark.parametrize("need_weights", [True, False])
def test_dropout_draws_what_torch_draws(need_weights: bool) -> None:
    ours, theirs = pair(dropout=0.4)
    inputs = tuple(torch.randn(n, BATCH, SIZE, dtype=torch.float64) for n in (QUERIES, KEYS, KEYS))
    compare(ours, theirs, inputs, seed=5, need_weights=need_weights)


def test_self_attention_returns_a_gradient_for_each_of_the_three() -> None:
    ours, theirs = pair()
    x = torch.randn(QUERIES, BATCH, SIZE, dtype=torch.float64)
    leaf = x.clone().requires_grad_()
    y, _ = theirs(leaf, leaf, leaf)
    ours(x, x, x)
    dy = torch.randn_like(x)
    entries = ours.backward(dy)
    assert len(entries) == 3
    torch.testing.assert_close(sum(entries), torch.autograd.grad(y, leaf, dy)[0], **close)


def test_weights_alone_have_a_gradient() -> None:
    ours, theirs = pair()
    x = torch.randn(QUERIES, BATCH, SIZE, dtype=torch.float64)
    leaf = x.clone().requires_grad_()
    _, weights = theirs(leaf, x, x)
    _, own = ours(x, x, x)
    dweights = torch.randn_like(own)
    dx, _, dvalue = ours.backward(None, dweights)
    torch.testing.assert_close(dx, torch.autograd.grad(weights, leaf, dweights)[0], **close)
    assert not dvalue.any()


def test_what_is_frozen_gets_no_gradient() -> None:
    ours, _ = pair(add_bias_kv=True)
    for parameter in (ours.in_proj_weight, ours.in_proj_bias, ours.bias_k):
        parameter.requires_grad = False
    x = torch.randn(QUERIES, BATCH, SIZE, dtype=torch.float64)
    ours.backward(torch.ones_like(ours(x, x, x)[0]))
    assert not ours.in_proj_weight.has_grad
    assert not ours.bias_k.has_grad
    assert ours.bias_v.has_grad


X = torch.zeros(QUERIES, BATCH, SIZE)


@pytest.mark.usefixtures("without_annotations")  # which refuse integers before
@pytest.mark.parametrize(
    ("inputs", "options", "message"),
    [
        ((X[..., 0], X, X), {}, "expected query"),
        ((X, X[..., :5], X), {}, "expected key"),
        ((X, X, X.double()), {}, "expected value"),
        ((X, X, X[:2]), {}, "as many as keys"),
        ((X, X[:, :1], X), {}, "expected key of 2 samples"),
        ((X, X, X), {"attn_mask": torch.zeros(2, 3)}, "expected attn_mask"),
        ((X, X, X), {"attn_mask": torch.zeros(3, 3).long()}, "expected attn_mask"),
        ((X, X, X), {"key_padding_mask": torch.zeros(3, 2)}, "expected key_padding_mask"),
        ((X, X, X), {"is_causal": True}, "expected an attn_mask"),
    ],
)
def test_what_does_not_fit_is_refused(inputs: Any, options: Any, message: str) -> None:
    with pytest.raises(ModuleError, match=message):
        nn.MultiheadAttention(SIZE, HEADS)(*inputs, **options)


@pytest.mark.parametrize("arguments", [(6, 4), (6, 0), (0, 1), (6, 2, 1.5)])
def test_arguments_that_do_not_fit_are_refused(arguments: Any) -> None:
    with pytest.raises(ModuleError, match="expected"):
        nn.MultiheadAttention(*arguments)
