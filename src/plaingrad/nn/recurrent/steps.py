"""Time steps one after another in one matrix, for sequences of equal and of different lengths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class Steps:
    """The layout of a batch of sequences as a matrix of rows, step after step, the longest sequence first.

    The rows of step t are the first ``sizes[t]`` sequences, those that last that long.

    Attributes:
        sizes: the number of sequences at each step; it never rises.
        ends: the row of the last step of each sequence, or the range of these rows.
        mirror: for each row, the row of the same sequence that is as far from its other end; None if all
            sequences are equally long.
    """

    sizes: list[int]
    ends: slice | Int[Tensor, " batch"]
    mirror: Int[Tensor, " rows"] | None = None

    @classmethod
    def of(cls, sizes: Sequence[int], device: torch.device) -> Steps:
        """The layout for these numbers of sequences at each step."""
        batch, rows = sizes[0], sum(sizes)
        if batch == sizes[-1]:
            return cls(list(sizes), slice(rows - batch, rows))
        counts = torch.tensor(sizes, device=device)
        first = counts.cumsum(0) - counts  # row of each step
        step = torch.arange(len(sizes), device=device).repeat_interleave(counts)
        sequence = torch.arange(rows, device=device) - first[step]
        lasts = sequence.bincount(minlength=batch) - 1
        ends = first[lasts] + torch.arange(batch, device=device)
        return cls(list(sizes), ends, first[lasts[sequence] - step] + sequence)

    @property
    def batch(self) -> int:
        """The number of sequences."""
        return self.sizes[0]

    def blocks(self, states: Float[Tensor, "start_and_rows size"]) -> tuple[Tensor, ...]:
        """Views of the state at the start and after each step."""
        return states.split([self.batch, *self.sizes])

    def before(self, states: Float[Tensor, "start_and_rows size"]) -> Float[Tensor, "rows size"]:
        """The state before each row's step."""
        if self.mirror is None:
            return states[: len(states) - self.batch]
        return torch.cat([block[:size] for block, size in zip(self.blocks(states), self.sizes)])

    def mirrored(self, x: Float[Tensor, "rows size"]) -> Float[Tensor, "rows size"]:
        """The rows with each sequence from its end to its beginning; twice gives the rows again."""
        if self.mirror is None:
            return x.view(len(self.sizes), self.batch, x.shape[1]).flip(0).view(x.shape)
        return x.index_select(0, self.mirror)
