"""Sequences of different lengths: padded to one length, and packed without padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from plaingrad.errors import InputError
from plaingrad.parameter import shape


class PackedSequence(NamedTuple):
    """Sequences of different lengths in one tensor, step after step, the longest sequence first.

    Attributes:
        data: the elements of all sequences, a row each.
        batch_sizes: the number of sequences that last until each step, on the CPU.
        sorted_indices: for each sequence of the batch in this order, its index in the order that it came in;
            None if that is the same.
        unsorted_indices: the inverse of ``sorted_indices``.
    """

    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None = None
    unsorted_indices: Tensor | None = None


def pack_padded_sequence(
    input: Float[Tensor, ...],
    lengths: Int[Tensor, " batch"] | Sequence[int],
    batch_first: bool = False,
    enforce_sorted: bool = True,
) -> PackedSequence:
    """Pack the first elements of each padded sequence.

    The gradient of a padded batch is that of ``data`` where an element was packed and 0 in the padding:
    `pad_packed_sequence` of ``packed._replace(data=ddata)``.

    Args:
        input: the sequences, shape ``(time, batch, *)``, or the batch first with ``batch_first``.
        lengths: the length of each.
        batch_first: whether the batch is the first axis.
        enforce_sorted: whether the sequences must come longest first; else they are sorted.

    Raises:
        ValueError: there is no such batch of sequences, or they are not sorted.
    """
    counts = torch.tensor(lengths) if not isinstance(lengths, Tensor) else lengths.to("cpu")
    x = input.transpose(0, 1) if batch_first else input
    if counts.shape != (x.shape[1],):
        raise InputError(f"expected one length for each of {x.shape[1]} sequences, got {shape(counts)}")
    if not len(counts) or counts.min() < 1 or counts.max() > len(x):
        raise InputError(f"expected lengths from 1 to {len(x)}, got {counts.tolist()}")
    order = None
    if enforce_sorted:
        if (counts.diff() > 0).any():
            raise InputError("expected the longest sequences first, or enforce_sorted=False")
    else:
        counts, order = counts.sort(descending=True)
        order = order.to(x.device)
        x = x.index_select(1, order)
    lasts = torch.arange(int(counts[0]), device="cpu").unsqueeze(1) < counts
    data = x[: len(lasts)][lasts.to(x.device)]
    return PackedSequence(data, lasts.sum(1), order, None if order is None else order.argsort())


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Float[Tensor, ...], Int[Tensor, " batch"]]:
    """Pad packed sequences to one length, and give their own lengths.

    The gradient of ``data`` is that of the elements before the padding: ``data`` of `pack_padded_sequence` of
    the gradient, with these lengths and ``enforce_sorted=False``.

    Args:
        sequence: the packed sequences.
        batch_first: whether the batch shall be the first axis, else it is the second.
        padding_value: the value behind the end of each.
        total_length: the length to pad to; that of the longest if None.

    Raises:
        ValueError: ``total_length`` is less than that.
    """
    data, sizes, _, back = sequence
    batch, longest = int(sizes[0]), len(sizes)
    if total_length is not None and total_length < longest:
        raise InputError(f"expected total_length from {longest}, got {total_length}")
    lasts = torch.arange(batch, device="cpu") < sizes.unsqueeze(1)
    x = data.new_full((total_length or longest, batch, *data.shape[1:]), padding_value)
    x[:longest][lasts.to(data.device)] = data
    lengths = lasts.sum(0)
    if back is not None:
        x, lengths = x.index_select(1, back), lengths[back.to("cpu")]
    return x.transpose(0, 1) if batch_first else x, lengths


def pad_sequence(
    sequences: Sequence[Float[Tensor, ...]],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Float[Tensor, ...]:
    """Pad sequences to the length of the longest, and stack them.

    Args:
        sequences: tensors of the shapes ``(length, *)``.
        batch_first: whether the batch shall be the first axis, else it is the second.
        padding_value: the value in the padding.
        padding_side: the side of the padding, ``"right"`` or ``"left"``.

    Raises:
        ValueError: there are no sequences, or no such side.
    """
    if not len(sequences) or padding_side not in ("left", "right"):
        expected = "sequences, and padding_side 'left' or 'right'"
        raise InputError(f"expected {expected}, got {len(sequences)} and {padding_side!r}")
    longest = max(len(each) for each in sequences)
    x = sequences[0].new_full((len(sequences), longest, *sequences[0].shape[1:]), padding_value)
    for row, each in zip(x, sequences):
        first = longest - len(each) if padding_side == "left" else 0
        row[first : first + len(each)] = each
    return x if batch_first else x.transpose(0, 1)


def pack_sequence(sequences: Sequence[Float[Tensor, ...]], enforce_sorted: bool = True) -> PackedSequence:
    """Pack sequences of the shapes ``(length, *)``, as `pack_padded_sequence` does.

    Args:
        sequences: the tensors.
        enforce_sorted: whether they must come longest first; else they are sorted.

    Raises:
        ValueError: there are none, or they are not sorted.
    """
    lengths = [len(each) for each in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)
