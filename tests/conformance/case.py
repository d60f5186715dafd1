"""A row of the conformance table: how to draw a module, its torch.nn counterpart and its inputs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor

from plaingrad.module import Module
from plaingrad.nn.loss.reduction import Reduction

Arguments = dict[str, Any]
Inputs = tuple[Tensor, ...]


@dataclass(frozen=True)
class Case:
    """One class of the core.

    Attributes:
        ours: the class in `plaingrad.nn`.
        arguments: constructor arguments, by keyword, drawn at random.
        inputs: for drawn arguments, inputs drawn at random: float64, or int64 where the class takes integers.
            For a loss: what has gradients comes first.
        theirs: the class in `torch.nn` whose forward, gradients, arguments and state this one equals; None if
            torch.nn has none.
        within: for arguments and inputs of any numbers, inputs of numbers that the class takes.
        random: whether the forward draws random numbers in training, so that a comparison needs equal seeds.
        same_draws: whether, besides, these are the very numbers that torch.nn draws.
    """

    ours: type[Module]
    arguments: st.SearchStrategy[Arguments]
    inputs: Callable[[Arguments], st.SearchStrategy[Inputs]]
    theirs: type[torch.nn.Module] | None = None
    within: Callable[[Arguments, Inputs], Inputs] = lambda arguments, inputs: inputs
    random: bool = False
    same_draws: bool = False

    def __repr__(self) -> str:
        return self.ours.__name__

    @property
    def is_loss(self) -> bool:
        """Whether backward returns entries for the arguments with gradients alone."""
        return issubclass(self.ours, Reduction)

    def has_gradients(self, inputs: Sequence[Any]) -> list[bool]:
        """For each input, whether backward returns a gradient with respect to it."""
        return [
            isinstance(x, Tensor) and x.is_floating_point() and named
            for x, named in zip(inputs, self.named(len(inputs)))
        ]

    def named(self, count: int) -> list[bool]:
        """For each of so many inputs, whether the class names it as differentiable."""
        declared = self.ours.differentiable
        if declared is None:
            return [True] * count
        return [
            name in declared for name in list(inspect.signature(self.ours.forward).parameters)[1:][:count]
        ]


sizes = st.integers(1, 5)
seeds = st.integers(0, 2**32 - 1)


@st.composite
def normal(draw: st.DrawFn, *shape: st.SearchStrategy[int] | int, scale: float = 1.0) -> Tensor:
    """A float64 tensor of normal random numbers; each size is a number or a strategy for one."""
    drawn = [size if isinstance(size, int) else draw(size) for size in shape]
    generator = torch.Generator().manual_seed(draw(seeds))
    return scale * torch.randn(drawn, generator=generator, dtype=torch.float64)
