"""Dropout: noise that regularises."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from plaingrad.module import Module, ModuleError
from plaingrad.nn.common.inplace import finish
from plaingrad.nn.common.refusals import expect_float


class Dropout(Module):
    r"""Sets elements to zero at random in training, and scales the others so that the mean stays.

    .. math::
        y = x \odot m, \qquad
        \frac{\partial \ell}{\partial x} = \frac{\partial \ell}{\partial y} \odot m, \qquad
        m_i = \begin{cases} 0 & \text{with probability } p \\ 1 / (1 - p) & \text{otherwise} \end{cases}

    In evaluation, y = x.

    Shapes: any, kept.

    Args:
        p: the probability of each element to be dropped.
        inplace: whether to write the output over the input.

    Raises:
        ModuleError: ``p`` is no probability, or the input is not floating-point.

    Source: N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", 2014.
    """

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        if not 0 <= p <= 1:
            raise ModuleError(self, f"expected p between 0 and 1, got {p}")
        self.inplace = inplace
        self.p = p

    def forward(self, x: Float[Tensor, ...]) -> Float[Tensor, ...]:
        expect_float(self, x)
        mask = self.draw(x) if self.training and self.p > 0 else None
        y = x if mask is None else x * mask
        return finish(self, x, mask, y)

    def backward(self, dy: Float[Tensor, ...]) -> Float[Tensor, ...]:
        mask = self.restore(dy)
        return dy if mask is None else dy * mask

    def draw(self, x: Float[Tensor, ...]) -> Float[Tensor, ...]:
        """The mask m, with the random numbers that torch.nn would draw from this generator."""
        return keep_mask(x, self.p, self.generator)


def keep_mask(x: Float[Tensor, ...], p: float, generator: torch.Generator | None) -> Float[Tensor, ...]:
    """The mask m of `Dropout` for an input, with the random numbers that torch.nn would draw."""
    if p == 1:
        return torch.zeros_like(x)
    keep = 1 - p
    return torch.empty_like(x).bernoulli_(keep, generator=generator).div_(keep)
