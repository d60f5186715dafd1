"""Packing and padding, against PyTorch's own."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn.utils import rnn as theirs

from plaingrad import nn
from plaingrad.contract.nest import added
from plaingrad.nn import recurrent as ours
from plaingrad.nn.recurrent import PackedSequence


def same(a: Any, b: Any) -> bool:
    return all(x is y is None or torch.equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("behind", [(), (3,), (2, 3)])
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize(("lengths", "is_sorted"), [([5, 3, 3], True), ([2, 5, 1], False), ([4, 4, 4], True)])
@pytest.mark.parametrize("as_tensor", [False, True])
def test_packing_and_padding(
    behind: tuple[int, ...], batch_first: bool, lengths: list[int], is_sorted: bool, as_tensor: bool
) -> None:
    x = torch.randn(3, 6, *behind) if batch_first else torch.randn(6, 3, *behind)
    counts = torch.tensor(lengths) if as_tensor else lengths
    packed = ours.pack_padded_sequence(x, counts, batch_first, is_sorted)
    right = theirs.pack_padded_sequence(x, counts, batch_first, is_sorted)
    assert same(packed, right)
    for options in ({}, {"batch_first": True}, {"padding_value": -1.0, "total_length": 7}):
        assert same(ours.pad_packed_sequence(packed, **options), theirs.pad_packed_sequence(right, **options))


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("side", ["right", "left"])
def test_sequences(batch_first: bool, side: str) -> None:
    sequences = [torch.randn(length, 2) for length in (2, 4, 1)]
    padded = ours.pad_sequence(sequences, batch_first, 7.0, side)
    assert torch.equal(padded, theirs.pad_sequence(sequences, batch_first, 7.0, side))
    assert same(ours.pack_sequence(sequences, False), theirs.pack_sequence(sequences, False))


def test_padding_is_the_gradient_of_packing_and_the_other_way_round() -> None:
    x = torch.randn(5, 3, 2, requires_grad=True)
    packed = ours.pack_padded_sequence(x, [2, 5, 1], enforce_sorted=False)
    ddata = torch.randn_like(packed.data)
    (expected,) = torch.autograd.grad(packed.data, x, ddata)
    assert torch.equal(ours.pad_packed_sequence(packed._replace(data=ddata))[0], expected)

    data = packed.data.detach().requires_grad_()
    padded, lengths = ours.pad_packed_sequence(packed._replace(data=data))
    dpadded = torch.randn_like(padded)
    (expected,) = torch.autograd.grad(padded, data, dpadded)
    assert torch.equal(ours.pack_padded_sequence(dpadded, lengths, enforce_sorted=False).data, expected)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: ours.pack_padded_sequence(x, [2, 3]), "expected the longest sequences first"),
        (lambda x: ours.pack_padded_sequence(x, [3]), "expected one length for each of 2 sequences"),
        (lambda x: ours.pack_padded_sequence(x, [3, 0]), "expected lengths from 1 to 3, got"),
        (lambda x: ours.pack_padded_sequence(x, [4, 1]), "expected lengths from 1 to 3, got"),
        (lambda x: ours.pad_sequence([]), "expected sequences"),
        (lambda x: ours.pad_sequence([x], padding_side="top"), "padding_side 'left' or 'right'"),
        (lambda x: ours.pack_sequence([x[:1], x]), "expected the longest sequences first"),
        (
            lambda x: ours.pad_packed_sequence(ours.pack_padded_sequence(x, [3, 1]), total_length=2),
            "expected total_length from 3, got 2",
        ),
    ],
)
def test_refusals(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(torch.zeros(3, 2))


def test_gradients_of_two_layers_over_one_packed_input_add_up() -> None:
    packed = ours.pack_padded_sequence(torch.randn(4, 2, 2), [4, 2])
    dxs = []
    for layer in (nn.GRU(2, 3), nn.RNN(2, 3)):
        y, _ = layer.forward(packed)
        dxs.append(layer.backward(y._replace(data=torch.ones_like(y.data))))
    total = added(*dxs)
    assert type(total) is PackedSequence
    assert torch.equal(total.data, dxs[0].data + dxs[1].data)
    assert list(total)[1:] == [None, None, None]
