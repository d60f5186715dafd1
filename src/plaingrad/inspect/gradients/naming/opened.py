"""Composite operations, written in simpler ones, so that a mistake inside them can be named."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

LARGEST_EXPONENT = 100


def _against_overflow(x: Tensor, dim: Any) -> Tensor | None:
    """The shift that keeps exponentials finite; None where they are so without it."""
    top = x.detach().amax(dim, keepdim=True)
    return None if bool((top.abs() < LARGEST_EXPONENT).all()) else top


def softmax(x: Tensor, dim: int, *_: Any, **__: Any) -> Tensor:
    """The exponentials over their sum."""
    top = _against_overflow(x, dim)
    e = torch.exp(x if top is None else x - top)
    return e / e.sum(dim, keepdim=True)


def logsumexp(x: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    """The logarithm of the sum of exponentials."""
    top = _against_overflow(x, dim)
    if top is None:
        y = torch.log(torch.exp(x).sum(dim, keepdim=True))
    else:
        y = torch.log(torch.exp(x - top).sum(dim, keepdim=True)) + top
    return y if keepdim else y.squeeze(dim)


def log_softmax(x: Tensor, dim: int, *_: Any, **__: Any) -> Tensor:
    """The logits less the logarithm of the sum of their exponentials."""
    return x - logsumexp(x, dim, True)


def var(
    x: Tensor, dim: Any = None, unbiased: bool = True, keepdim: bool = False, *, correction: Any = None
) -> Tensor:
    """The mean squared deviation."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    axes = tuple(range(x.ndim)) if dim is None else dim
    number = math.prod(x.shape[k] for k in ((axes,) if isinstance(axes, int) else axes))
    less = (1 if unbiased else 0) if correction is None else correction
    deviation = x - x.mean(axes, keepdim=True)
    return (deviation**2).sum(axes, keepdim=keepdim) / (number - less)


def std(*args: Any, **kwargs: Any) -> Tensor:
    """The root of the mean squared deviation."""
    return torch.sqrt(var(*args, **kwargs))


def layer_norm(
    x: Tensor,
    normalized_shape: Any,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    *_: Any,
) -> Tensor:
    """Standardise over the last axes, then scale and shift."""
    axes = tuple(range(-len(normalized_shape), 0))
    centred = x - x.mean(axes, keepdim=True)
    y = centred / torch.sqrt((centred**2).mean(axes, keepdim=True) + eps)
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """The product with the transposed weight, and the bias."""
    y = x @ weight.mT
    return y if bias is None else y + bias


def addmm(bias: Tensor, a: Tensor, b: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """A product, and what is added to it."""
    y = a @ b
    return (y if alpha == 1 else alpha * y) + (bias if beta == 1 else beta * bias)


def silu(x: Tensor, *_: Any, **__: Any) -> Tensor:
    """The input times its sigmoid."""
    return x * torch.sigmoid(x)


OPENED: dict[str, Callable[..., Tensor]] = {
    "softmax": softmax,
    "log_softmax": log_softmax,
    "logsumexp": logsumexp,
    "var": var,
    "std": std,
    "layer_norm": layer_norm,
    "linear": linear,
    "addmm": addmm,
    "silu": silu,
}
