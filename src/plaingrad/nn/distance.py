"""Distances and similarities of pairs of vectors."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from plaingrad.module import Module, ModuleError
from plaingrad.nn.common.half import narrow, widen
from plaingrad.nn.common.pnorm import pnorm_backward
from plaingrad.nn.common.refusals import expect_float
from plaingrad.parameter import shape


class CosineSimilarity(Module):
    r"""The cosine of the angle between vectors.

    .. math::
        y &= \hat x_1 \cdot \hat x_2, \qquad \hat x_k = \frac{x_k}{n_k}, \qquad
            n_k = \max(\lVert x_k \rVert, \epsilon) \\
        \frac{\partial \ell}{\partial x_1} &= \frac{1}{n_1} \frac{\partial \ell}{\partial y} \cdot
            \begin{cases} \hat x_2 - y\, \hat x_1 & \lVert x_1 \rVert \ge \epsilon \\
                          \hat x_2 & \text{otherwise} \end{cases}

    and for :math:`x_2` with 1 and 2 exchanged. Half precision is computed in float32.

    Shapes: two inputs that spread over one shape, to that shape without the axis ``dim``.

    Args:
        dim: the axis along which a vector lies.
        eps: the least length that is divided by.

    Raises:
        ModuleError: the inputs do not spread over one shape, have no such axis, differ in dtype, or are not
            floating-point.
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        self.dim = dim
        self.eps = eps

    def forward(self, x1: Float[Tensor, ...], x2: Float[Tensor, ...]) -> Float[Tensor, ...]:
        expect_pair(self, x1, x2)
        normal, norms, is_short = [], [], []
        for x in torch.broadcast_tensors(widen(x1), widen(x2)):
            norm = torch.linalg.vector_norm(x, 2, self.dim, keepdim=True)
            is_short.append(norm < self.eps)
            norms.append(norm.clamp(min=self.eps))
            normal.append(x / norms[-1])
        y = (normal[0] * normal[1]).sum(self.dim)
        self.save((normal, norms, is_short, y, x1.shape, x2.shape), narrow(y, x1.dtype))
        return narrow(y, x1.dtype)

    def backward(self, dy: Float[Tensor, ...]) -> tuple[Float[Tensor, ...], Float[Tensor, ...]]:
        (u1, u2), norms, is_short, y, *sizes = self.restore(dy)
        axis = self.dim if y.ndim else 0
        y, slope = y.unsqueeze(axis), widen(dy).unsqueeze(axis)
        dx1 = slope / norms[0] * (u2 - (y * u1).masked_fill(is_short[0], 0))
        dx2 = slope / norms[1] * (u1 - (y * u2).masked_fill(is_short[1], 0))
        return narrow(dx1.sum_to_size(sizes[0]), dy.dtype), narrow(dx2.sum_to_size(sizes[1]), dy.dtype)


class PairwiseDistance(Module):
    r"""The p-norm of the differences between vectors.

    .. math::
        y &= \lVert d \rVert_p = \Big( \sum_i |d_i|^p \Big)^{1/p}, \qquad d = x_1 - x_2 + \epsilon \\
        \frac{\partial \ell}{\partial x_{1i}} &= -\frac{\partial \ell}{\partial x_{2i}}
            = \frac{\partial \ell}{\partial y}\, \operatorname{sign}(d_i)
            \Big( \frac{|d_i|}{y} \Big)^{p - 1}

    For infinite p, y is the largest (or for minus infinity the smallest) of all :math:`|d_i|`, and its
    gradient is shared evenly among those that are equal to it. For p = 0, y is the number of differences that
    are not 0, and has no gradient. Where :math:`d_i = 0` the gradient is 0. Half precision is computed in
    float32.

    Shapes: two inputs ``(*batch, size)`` that spread over one shape, to ``(*batch)``, or ``(*batch, 1)`` with
    ``keepdim``.

    Args:
        p: the p of the norm.
        eps: added to each difference.
        keepdim: whether to keep the last axis, with size 1.

    Raises:
        ModuleError: the inputs do not spread over one shape, differ in dtype, or are not floating-point; or
            there is no largest of no differences.
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        self.norm = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1: Float[Tensor, ...], x2: Float[Tensor, ...]) -> Float[Tensor, ...]:
        expect_pair(self, x1, x2)
        d = widen(x1) - widen(x2) + self.eps
        norm = torch.linalg.vector_norm(d, self.norm, -1, keepdim=True)
        y = narrow(norm if self.keepdim or not d.ndim else norm.squeeze(-1), x1.dtype)
        self.save((d, norm, x1.shape, x2.shape), y)
        return y

    def backward(self, dy: Float[Tensor, ...]) -> tuple[Float[Tensor, ...], Float[Tensor, ...]]:
        d, norm, *sizes = self.restore(dy)
        axes = (-1,) if d.ndim else ()
        dd = pnorm_backward(d, norm, self.norm, axes, widen(dy).reshape(norm.shape))
        dx1, dx2 = dd.sum_to_size(sizes[0]), (-dd).sum_to_size(sizes[1])
        return narrow(dx1, dy.dtype), narrow(dx2, dy.dtype)


def expect_pair(module: Module, x1: Tensor, x2: Tensor) -> None:
    """Refuse two inputs that are not floating-point, differ in dtype, or do not spread over each other."""
    for x in (x1, x2):
        expect_float(module, x)
    if x1.dtype != x2.dtype:
        expected = f"a second input of {x1.dtype} as the first"
        raise ModuleError(module, f"expected {expected}, got {shape(x2)} of {x2.dtype}")
    if not all(a == b or 1 in (a, b) for a, b in zip(x1.shape[::-1], x2.shape[::-1])):
        expected = f"a second input that spreads over the first, {shape(x1)}"
        raise ModuleError(module, f"expected {expected}, got {shape(x2)}")
