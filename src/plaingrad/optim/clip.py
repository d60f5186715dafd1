"""Keeping gradients small."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from plaingrad.optim.options import Expected, expect
from plaingrad.parameter import Parameter

LIMIT = Expected("a number of at least 0", lambda value: isinstance(value, (int, float)) and value >= 0)
ORDER = Expected("a number above 0", lambda value: isinstance(value, (int, float)) and value > 0)


def clip_grad_norm_(
    parameters: Parameter | Iterable[Parameter],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> Tensor:
    r"""Scale all gradients by one factor, so that together, as one vector, they have at most this norm.

    .. math::
        g \leftarrow g \cdot \min\Big(1, \frac{c}{\lVert g \rVert_p + 10^{-6}}\Big)

    Args:
        parameters: those of a model, or a single one. Their gradients are changed in place.
        max_norm: the norm c to keep to; infinity only measures.
        norm_type: the order p of the norm; ``math.inf`` for the largest absolute value.
        error_if_nonfinite: whether to refuse a norm that is infinite or NaN, leaving the gradients alone.

    Returns:
        The norm before clipping, a scalar.

    Raises:
        ValueError: there are no parameters, an argument is out of range, or the norm is not finite and
            ``error_if_nonfinite`` is set.

    Source: R. Pascanu, T. Mikolov, Y. Bengio, "On the difficulty of training recurrent neural networks",
    2013.
    """
    expect("clip_grad_norm_", "max_norm", LIMIT, max_norm)
    expect("clip_grad_norm_", "norm_type", ORDER, norm_type)
    grads = gradients("clip_grad_norm_", parameters)
    norm = total_norm(grads, norm_type)
    if error_if_nonfinite and not norm.isfinite():
        raise ValueError(f"clip_grad_norm_: expected a finite norm of order {norm_type}, got {float(norm)}")
    scale_to_norm(grads, norm, max_norm)
    return norm


def clip_grad_value_(parameters: Parameter | Iterable[Parameter], clip_value: float) -> None:
    r"""Bring every element of the gradients into an interval about 0.

    .. math::
        g_i \leftarrow \min(\max(g_i, -c), c)

    Args:
        parameters: those of a model, or a single one. Their gradients are changed in place.
        clip_value: the largest absolute value c to keep.

    Raises:
        ValueError: there are no parameters, or ``clip_value`` is out of range.
    """
    expect("clip_grad_value_", "clip_value", LIMIT, clip_value)
    for grad in gradients("clip_grad_value_", parameters):
        grad.clamp_(-clip_value, clip_value)


def gradients(where: str, parameters: Parameter | Iterable[Parameter]) -> list[Tensor]:
    """The gradients of one or several parameters."""
    grads = [p.grad for p in ([parameters] if isinstance(parameters, Parameter) else parameters)]
    if not grads:
        raise ValueError(f"{where}: expected at least one parameter, got none")
    return grads


def total_norm(grads: Sequence[Tensor], norm_type: float = 2.0) -> Tensor:
    """The norm of several tensors as one vector, which is the norm of their norms."""
    norms = [grad.norm(norm_type) for grad in grads]
    if len(norms) == 1:
        return norms[0]
    return torch.stack([norm.to(norms[0].device) for norm in norms]).norm(norm_type)


def scale_to_norm(grads: Sequence[Tensor], norm: Tensor, max_norm: float) -> None:
    """Scale tensors whose norm together is ``norm`` to at most ``max_norm``, in place."""
    factor = (max_norm / (norm + 1e-6)).clamp(max=1)
    for grad in grads:
        grad.mul_(factor.to(grad.device))
