"""Gradient clipping."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from plaingrad.errors import InputError
from plaingrad.optim.common.options import Expected, expect
from plaingrad.optim.common.segment import learning
from plaingrad.parameter import Parameter

LIMIT = Expected("a number of at least 0", lambda value: isinstance(value, (int, float)) and value >= 0)
TOTAL = Expected("a norm, of at least 0", lambda value: isinstance(value, float) and not value < 0)
ORDER = Expected("a number", lambda value: isinstance(value, (int, float)) and not math.isnan(value))

LARGE = 1e18
"""The norm above which tensors are scaled in two steps, since the factor could be too small for float32."""
POWERS = 900
"""The largest exponent of two of powers whose sums are safe in float64."""


def clip_grad_norm_(
    parameters: Parameter | Iterable[Parameter],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> Tensor:
    r"""Scale all gradients by one factor to a total norm of at most ``max_norm``.

    .. math::
        g \leftarrow g \cdot \min\Big(1, \frac{c}{\lVert g \rVert_p + 10^{-6}}\Big)

    No power of a finite gradient overflows or vanishes on the way. Parameters without a gradient and frozen
    ones do not count.

    Args:
        parameters: those of a model, or a single one. Their gradients are changed in place.
        max_norm: the norm c to keep to; infinity only measures.
        norm_type: the order p of the norm, which is the norm of the parameters' norms: ``math.inf`` for the
            largest absolute value, ``-math.inf`` for the least, 0 for the number of parameters whose
            gradient is not all 0.
        error_if_nonfinite: whether to refuse a norm that is infinite or NaN, leaving the gradients alone.

    Returns:
        The norm before clipping, a scalar; infinite if the gradients' dtype cannot hold it.

    Raises:
        InputError: there are no parameters, an argument is out of range, or the norm is not finite and
            ``error_if_nonfinite`` is set.

    Source: R. Pascanu, T. Mikolov, Y. Bengio, "On the difficulty of training recurrent neural networks",
    2013.
    """
    expect("clip_grad_norm_", "max_norm", LIMIT, max_norm)
    expect("clip_grad_norm_", "norm_type", ORDER, norm_type)
    grads = gradients("clip_grad_norm_", parameters)
    norm, total = measured("clip_grad_norm_", grads, norm_type, error_if_nonfinite)
    scale_to_norm(grads, norm, max_norm)
    return total


def get_total_norm(
    tensors: Tensor | Iterable[Tensor], norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> Tensor:
    """The norm of tensors as one vector, such as gradients: ``get_total_norm([p.grad for p in parameters])``.

    Args:
        tensors: one or several, of any shapes.
        norm_type: the order, as in `clip_grad_norm_`.
        error_if_nonfinite: whether to refuse a norm that is infinite or NaN.

    Returns:
        The norm, a scalar; 0 of no tensors, infinite if their dtype cannot hold it.

    Raises:
        InputError: ``norm_type`` is none, or the norm is not finite and ``error_if_nonfinite`` is set.
    """
    expect("get_total_norm", "norm_type", ORDER, norm_type)
    tensors = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    return measured("get_total_norm", tensors, norm_type, error_if_nonfinite)[1]


def clip_grads_with_norm_(
    parameters: Parameter | Iterable[Parameter], max_norm: float, total_norm: Tensor | float
) -> None:
    """Scale all gradients as `clip_grad_norm_` does, by a norm that was measured before.

    The gradients of several parts of a network can so be clipped by the norm of all.

    Args:
        parameters: those of a model, or a single one. Their gradients are changed in place.
        max_norm: the norm to keep to.
        total_norm: the norm, from `get_total_norm`.

    Raises:
        InputError: there are no parameters, or a number is out of range.
    """
    expect("clip_grads_with_norm_", "max_norm", LIMIT, max_norm)
    norm = float(total_norm)
    expect("clip_grads_with_norm_", "total_norm", TOTAL, norm)
    scale_to_norm(gradients("clip_grads_with_norm_", parameters), Norm(norm), max_norm)


def clip_grad_value_(parameters: Parameter | Iterable[Parameter], clip_value: float) -> None:
    r"""Clamp every element of the gradients to an interval about 0.

    .. math::
        g_i \leftarrow \min(\max(g_i, -c), c)

    Args:
        parameters: those of a model, or a single one. Their gradients are changed in place.
        clip_value: the largest absolute value c to keep.

    Raises:
        InputError: there are no parameters, or ``clip_value`` is out of range.
    """
    expect("clip_grad_value_", "clip_value", LIMIT, clip_value)
    for grad in gradients("clip_grad_value_", parameters):
        grad.clamp_(-clip_value, clip_value)


def clip_to_norm(grads: Sequence[Tensor], max_norm: float) -> None:
    """Scale tensors in place to a total norm of order 2 of at most ``max_norm``."""
    if grads:
        scale_to_norm(grads, norm_of(grads), max_norm)


def gradients(where: str, parameters: Parameter | Iterable[Parameter]) -> list[Tensor]:
    """The gradients of one or several parameters, without frozen ones and those without a gradient.

    Raises:
        InputError: there are no parameters.
    """
    parameters = [parameters] if isinstance(parameters, Parameter) else list(parameters)
    if not parameters:
        raise InputError(f"{where}: expected at least one parameter, got none")
    return [parameter.grad for parameter, active in zip(parameters, learning(parameters)) if active]


def measured(where: str, grads: Sequence[Tensor], order: float, only_finite: bool) -> tuple[Norm, Tensor]:
    """The norm of several tensors, as two factors and as a scalar of their dtype.

    Raises:
        InputError: the norm is not finite and it must be.
    """
    norm = norm_of(grads, order)
    like = grads[0] if grads else torch.zeros(())
    total = torch.tensor(norm.relative * norm.unit, dtype=like.dtype, device=like.device)
    if only_finite and not total.isfinite():
        raise InputError(f"{where}: expected a finite norm of order {order}, got {float(total)}")
    return norm, total


class Norm(NamedTuple):
    """A norm as a product of two factors, which may overflow every dtype.

    Attributes:
        relative: the norm of the tensors divided by ``unit``.
        unit: the absolute value of one of their elements, or 1.
    """

    relative: float
    unit: float = 1.0


def norm_of(grads: Sequence[Tensor], order: float = 2.0) -> Norm:
    """The norm of several tensors as one vector, that is, the norm of their norms."""
    grads = [grad for grad in grads if grad.numel()]
    if not grads:
        return Norm(0.0)
    norm = norm_of_norms(grads, order)
    if math.isinf(order) or (0 < norm < LARGE and abs(order * math.log2(norm)) < POWERS):
        return Norm(norm)
    unit = norm_of_norms(grads, math.copysign(math.inf, order))
    if order == 0 or unit == 0 or not math.isfinite(unit):
        return Norm(norm)
    return Norm(norm_of_norms([grad.double() / unit for grad in grads], order), unit)


def norm_of_norms(grads: Sequence[Tensor], order: float) -> float:
    """The norm of tensors, summed in float64; it may overflow."""
    norms = [torch.linalg.vector_norm(grad, order, dtype=torch.float64).item() for grad in grads]
    if len(norms) == 1 and order != 0:
        return norms[0]
    return torch.linalg.vector_norm(torch.tensor(norms, dtype=torch.float64), order).item()


def scale_to_norm(grads: Sequence[Tensor], norm: Norm, max_norm: float) -> None:
    """Scale tensors of this total norm to at most ``max_norm``, in place."""
    unit = max(norm.unit, 1.0)
    factor = max_norm / (norm.relative * (norm.unit / unit) + 1e-6 / unit)
    if factor >= unit or max_norm == math.inf:
        return
    for grad in grads:
        if unit > 1:
            grad.div_(unit)  # separately, since the whole factor may be too small for the dtype
        grad.mul_(factor)
