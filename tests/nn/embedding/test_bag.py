from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from plaingrad import ModuleError, nn

TABLE = torch.tensor([[1.0, 5.0], [2.0, 1.0], [2.0, 7.0], [4.0, 0.0]])
X, OFFSETS = torch.tensor([0, 1, 1, 2, 3, 1]), torch.tensor([0, 2, 2, 4])
D = torch.float64


def bag(**arguments: Any) -> nn.EmbeddingBag:
    return nn.EmbeddingBag.from_pretrained(TABLE, freeze=False, **arguments)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("sum", [[3, 6], [0, 0], [4, 8], [6, 1]]),
        ("mean", [[1.5, 3], [0, 0], [2, 4], [3, 0.5]]),
        ("max", [[2, 5], [0, 0], [2, 7], [4, 1]]),
    ],
)
def test_bags_of_several_sizes(mode: str, expected: list[list[float]]) -> None:
    assert bag(mode=mode)(X, OFFSETS).tolist() == expected
    assert bag(mode=mode)(X.int(), OFFSETS.int()).tolist() == expected
    assert bag(mode=mode)(X[2:].view(2, 2)).tolist() == expected[2:]


@pytest.mark.parametrize("with_weights", [True, False])
def test_bags_of_one_size_have_weights_too(with_weights: bool) -> None:
    x, s = torch.tensor([[0, 1, 1], [2, 3, 1]]), torch.randn(2, 3, dtype=D)
    ours, theirs = (
        nn.EmbeddingBag(4, 2, mode="sum", dtype=D),
        torch.nn.EmbeddingBag(4, 2, mode="sum", dtype=D),
    )
    theirs.load_state_dict(ours.state_dict())
    leaf = s.clone().requires_grad_()
    options = {"per_sample_weights": s} if with_weights else {}
    y = ours(x, **options)
    dy = torch.randn_like(y)
    returned = ours.backward(dy)
    expected = theirs(x, per_sample_weights=leaf if with_weights else None)
    torch.testing.assert_close(y, expected.detach())
    expected.backward(dy)
    torch.testing.assert_close(ours.weight.grad, theirs.weight.grad)
    if with_weights:
        dx, ds = returned
        assert dx is None
        torch.testing.assert_close(ds, leaf.grad)
    else:
        assert returned is None


def test_each_row_is_divided_by_how_often_it_was_looked_up() -> None:
    layer = bag(mode="sum", scale_grad_by_freq=True)
    layer(X, OFFSETS)
    layer.backward(torch.ones(4, 2))
    assert layer.weight.grad.tolist() == [[1.0, 1.0]] * 4


def test_of_equal_maxima_the_first_counts() -> None:
    layer = bag(mode="max")
    layer(torch.tensor([[1, 2], [2, 1]]))
    layer.backward(torch.tensor([[1.0, 10.0], [2.0, 20.0]]))
    assert layer.weight.grad.tolist() == [[0, 0], [1, 0], [2, 30], [0, 0]]


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_padding_counts_for_nothing_whatever_its_vector_is(mode: str) -> None:
    layer = bag(mode=mode, padding_idx=1)
    layer.weight.value[1] = float("nan")
    y = layer(X, OFFSETS)
    assert y.tolist() == [[1, 5], [0, 0], [2, 7], [4, 0]]
    layer.backward(torch.ones(4, 2))
    assert layer.weight.grad.tolist() == [[1, 1], [0, 0], [1, 1], [1, 1]]
    assert layer(torch.tensor([[1, 1]])).tolist() == [[0, 0]]


@pytest.mark.parametrize("mode", ["sum", "mean"])
def test_indices_after_the_last_offset_are_in_no_bag(mode: str) -> None:
    layer, offsets = bag(mode=mode, include_last_offset=True), torch.tensor([0, 2, 2, 4])
    y = layer(X, offsets)
    assert torch.equal(y, bag(mode=mode)(X[:4], offsets[:3]))
    layer.backward(torch.ones(3, 2))
    assert layer.weight.grad[3].tolist() == [0, 0]
    assert layer(X, torch.tensor([0])).shape == (0, 2)


def test_weights_after_the_last_offset_have_no_gradient() -> None:
    layer, s = bag(mode="sum", include_last_offset=True), torch.ones(6)
    layer(X, torch.tensor([0, 2]), s)
    *others, ds = layer.backward(torch.ones(1, 2))
    assert others == [None, None]
    assert ds.tolist() == [6, 3, 0, 0, 0, 0]


def test_a_maximum_of_nan_is_nan() -> None:
    layer = bag(mode="max")
    layer.weight.value[2] = float("nan")
    assert layer(torch.tensor([[0, 2]])).isnan().all()
    layer.backward(torch.ones(1, 2))
    assert layer.weight.grad.tolist() == [[0, 0], [0, 0], [1, 1], [0, 0]]


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_bags_of_nothing_are_0(mode: str) -> None:
    layer = bag(mode=mode)
    assert layer(X[:0].view(2, 0)).tolist() == [[0, 0], [0, 0]]
    layer.backward(torch.ones(2, 2))
    assert layer(X[:0], OFFSETS[:0]).shape == (0, 2)
    assert not layer.weight.grad.any()


def test_vectors_are_shortened_in_place() -> None:
    ours = bag(mode="sum", max_norm=2.0)
    theirs = torch.nn.EmbeddingBag.from_pretrained(TABLE.clone(), freeze=False, mode="sum", max_norm=2.0)
    torch.testing.assert_close(ours(X[:3], OFFSETS[:2]), theirs(X[:3], OFFSETS[:2]).detach())
    torch.testing.assert_close(ours.weight.value, theirs.weight.detach())


def test_a_frozen_table_learns_nothing() -> None:
    layer = nn.EmbeddingBag.from_pretrained(TABLE)
    assert layer.weight.frozen
    layer.backward(layer(X, OFFSETS))
    assert layer.mode == "mean"


def refused(**arguments: Any) -> Callable[..., Tensor]:
    return bag(**{"mode": "sum", **arguments})


@pytest.mark.usefixtures("without_annotations")
@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: bag(mode="prod"), "expected mode 'sum', 'mean' or 'max', got 'prod'"),
        (
            lambda: bag(mode="max", scale_grad_by_freq=True),
            "expected mode 'sum' or 'mean', for scale_grad_by",
        ),
        (lambda: bag(sparse=True), "sparse=True asks for sparse gradients"),
        (lambda: bag(padding_idx=4), "expected padding_idx from -4 to 3, got 4"),
        (
            lambda: nn.EmbeddingBag.from_pretrained(TABLE[0]),
            "expected a table (num_embeddings, embedding_dim)",
        ),
        (lambda: refused()(X), "(indices,) with offsets, got (6,) without offsets"),
        (lambda: refused()(X.view(2, 3), OFFSETS), "(indices,) with offsets, got (2, 3) with offsets"),
        (lambda: refused()(X, OFFSETS + 1), "expected offsets from 0 to at most 6 that do not fall"),
        (lambda: refused()(X, OFFSETS.flip(0)), "expected offsets from 0 to at most 6 that do not fall"),
        (lambda: refused()(X, 2 * OFFSETS), "expected offsets from 0 to at most 6 that do not fall"),
        (lambda: refused()(X, OFFSETS[:0]), "expected offsets from 0 to at most 6 that do not fall"),
        (lambda: refused()(X, OFFSETS.double()), "expected offsets (bags,) of integers, got (4,) of"),
        (
            lambda: refused(include_last_offset=True)(X[:0], OFFSETS[:0]),
            "expected offsets (bags + 1,) of integers, got (0,)",
        ),
        (lambda: refused()(X, OFFSETS, torch.ones(5)), "expected per_sample_weights (6,) of torch.float32"),
        (
            lambda: refused(mode="max")(X, OFFSETS, torch.ones(6)),
            "for mode 'sum', got (6,) of torch.float32 for",
        ),
        (lambda: refused()(X.double(), OFFSETS), "expected indices of torch.int64 or torch.int32"),
        (lambda: refused()(X + 1, OFFSETS), "expected indices from 0 to 3, got 4"),
    ],
)
def test_what_does_not_fit(make: Callable[[], Any], expected: str) -> None:
    with pytest.raises(ModuleError, match=re.escape(expected)):
        make()
