"""A layer that computes nothing."""

from __future__ import annotations

from typing import Any

from jaxtyping import Shaped
from torch import Tensor

from plaingrad.module import Module


class Identity(Module):
    r"""Returns its input.

    .. math::
        y = x, \qquad \frac{\partial \ell}{\partial x} = \frac{\partial \ell}{\partial y}

    Shapes: any, kept.

    Args:
        args: ignored, so that it can stand in for any other layer.
        kwargs: ignored likewise.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def forward(self, x: Shaped[Tensor, ...]) -> Shaped[Tensor, ...]:
        self.save(None, x)
        return x

    def backward(self, dy: Shaped[Tensor, ...]) -> Shaped[Tensor, ...]:
        self.restore(dy)
        return dy
