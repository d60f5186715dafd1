"""The gradient of the p-norm."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def pnorm_backward(x: Tensor, norm: Tensor, p: int | float, axes: tuple[int, ...], dnorm: Tensor) -> Tensor:
    r"""The gradient with respect to each element, of that with respect to p-norms along axes.

    .. math::
        \frac{\partial \lVert x \rVert_p}{\partial x_i}
            = \operatorname{sign}(x_i) \Big(\frac{|x_i|}{\lVert x \rVert_p}\Big)^{p-1}

    It is taken as 0 where x is 0. For an infinite p it is shared evenly among the elements of that size; for
    p = 0 it is 0.

    Args:
        x: the elements.
        norm: their norms, with size 1 along the axes.
        p: the order of the norm.
        axes: the axes; none for the norm of each element alone.
        dnorm: the gradient with respect to the norms, shaped as these.
    """
    size = x.abs()
    if p == 0:
        return torch.zeros_like(x)
    if math.isinf(p):
        is_extreme = ((size == norm) | size.isnan()).to(x.dtype)
        share = is_extreme / (is_extreme.sum(axes, keepdim=True) if axes else is_extreme)
        return dnorm * share * x.sign()
    return dnorm * (size / norm).pow(p - 1).masked_fill(x == 0, 0) * x.sign()
