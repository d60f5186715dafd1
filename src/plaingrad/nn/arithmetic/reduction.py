"""Sums, means, variances, norms and maxima along axes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from plaingrad.module import Module, ModuleError
from plaingrad.nn.common.half import narrow, widen
from plaingrad.nn.common.pnorm import pnorm_backward
from plaingrad.nn.common.refusals import expect_float
from plaingrad.parameter import shape

Axes = int | Sequence[int] | None


class AlongAxes(Module):
    """The base class of modules that turn the numbers along some axes into one.

    Args:
        dim: the axis or axes; None for all.
        keepdim: whether to keep the axes, with size 1.

    Raises:
        ModuleError: the input has no such axis.
    """

    dim: Axes

    def __init__(self, dim: Axes = None, keepdim: bool = False) -> None:
        self.dim = (dim,) if isinstance(dim, int) else None if dim is None else tuple(dim)
        self.keepdim = keepdim

    def axes(self, x: Tensor) -> tuple[int, ...]:
        """The axes, counted from 0.

        Raises:
            ModuleError: the input has no such axis, or is not floating-point.
        """
        expect_float(self, x)
        chosen = (self.dim,) if isinstance(self.dim, int) else self.dim
        chosen = range(x.ndim) if chosen is None else chosen
        for axis in chosen if x.ndim else ():
            if not -x.ndim <= axis < x.ndim:
                raise ModuleError(self, f"expected input with an axis {axis}, got {shape(x)}")
        return tuple(axis % x.ndim for axis in chosen) if x.ndim else ()

    def squeezed(self, y: Tensor, axes: tuple[int, ...]) -> Tensor:
        """A result with the axes at size 1, as it is returned."""
        return y if self.keepdim or not axes else y.squeeze(axes)

    def along(self, dy: Tensor, axes: tuple[int, ...]) -> Tensor:
        """A gradient with the axes that were left out at size 1."""
        if not self.keepdim:
            for axis in sorted(axes):
                dy = dy.unsqueeze(axis)
        return dy


class Sum(AlongAxes):
    r"""The sum along axes.

    .. math::
        y = \sum_i x_i, \qquad \frac{\partial \ell}{\partial x_i} = \frac{\partial \ell}{\partial y}

    Shapes: any; to the same without the axes, or with size 1 there.

    Args:
        dim: the axis or axes; None for all.
        keepdim: whether to keep the axes, with size 1.

    Raises:
        ModuleError: the input has no such axis, or is not floating-point.
    """

    def forward(self, x: Float[Tensor, ...]) -> Float[Tensor, ...]:
        axes = self.axes(x)
        y = x.sum(axes, self.keepdim) if axes else x.clone()
        self.save((axes, x.shape), y)
        return y

    def backward(self, dy: Float[Tensor, ...]) -> Float[Tensor, ...]:
        axes, size = self.restore(dy)
        return self.along(dy, axes).expand(size)


class Mean(AlongAxes):
    r"""The mean along axes.

    .. math::
        y = \frac{1}{n} \sum_i x_i, \qquad
        \frac{\partial \ell}{\partial x_i} = \frac{1}{n} \frac{\partial \ell}{\partial y}

    Shapes: any; to the same without the axes, or with size 1 there.

    Args:
        dim: the axis or axes; None for all.
        keepdim: whether to keep the axes, with size 1.

    Raises:
        ModuleError: the input has no such axis, or is not floating-point.
    """

    def forward(self, x: Float[Tensor, ...]) -> Float[Tensor, ...]:
        axes = self.axes(x)
        y = x.mean(axes, self.keepdim) if axes else x.clone()
        self.save((axes, x.shape), y)
        return y

    def backward(self, dy: Float[Tensor, ...]) -> Float[Tensor, ...]:
        axes, size = self.restore(dy)
        count = torch.Size([size[axis] for axis in axes]).numel()
        return (self.along(dy, axes) / count).expand(size)


class Var(AlongAxes):
    r"""The variance along axes.

    .. math::
        y = \frac{1}{n - c} \sum_i (x_i - \overline{x})^2, \qquad
        \frac{\partial \ell}{\partial x_i}
            = \frac{2}{n - c} (x_i - \overline{x}) \frac{\partial \ell}{\partial y}

    since for :math:`\sum_i (x_i - \overline{x}) = 0` the mean's own part is 0.

    Shapes: any; to the same without the axes, or with size 1 there.

    Args:
        dim: the axis or axes; None for all.
        correction: the number c that is subtracted from the count: 1 for the variance of a sample, else 0.
        keepdim: whether to keep the axes, with size 1.

    Raises:
        ModuleError: the input has no such axis, or is not floating-point.
    """

    def __init__(self, dim: Axes = None, correction: int = 1, keepdim: bool = False) -> None:
        super().__init__(dim, keepdim)
        self.correction = correction

    def forward(self, x: Float[Tensor, ...]) -> Float[Tensor, ...]:
        axes = self.axes(x)
        exact = widen(x)
        difference = exact - (exact.mean(axes, True) if axes else exact)
        count = torch.Size([x.shape[axis] for axis in axes]).numel()
        factor = 1 / max(count - self.correction, 0) if count > self.correction else float("inf")
        y = narrow(self.squeezed(self._sum(difference.square(), axes) * factor, axes), x.dtype)
        self.save((axes, difference, factor), y)
        return y

    def backward(self, dy: Float[Tensor, ...]) -> Float[Tensor, ...]:
        axes, difference, factor = self.restore(dy)
        return narrow(self.along(widen(dy), axes) * (2 * factor) * difference, dy.dtype)

    def _sum(self, x: Tensor, axes: tuple[int, ...]) -> Tensor:
        return x.sum(axes, True) if axes else x


class Norm(AlongAxes):
    r"""The p-norm along axes.

    .. math::
        y = \lVert x \rVert_p = \Big(\sum_i |x_i|^p\Big)^{1/p}, \qquad
        \frac{\partial \ell}{\partial x_i} = \operatorname{sign}(x_i)
            \Big(\frac{|x_i|}{y}\Big)^{p-1} \frac{\partial \ell}{\partial y}

    Taken as 0 where x is 0; for an infinite p it goes in equal parts to the elements of that size.

    Shapes: any; to the same without the axes, or with size 1 there.

    Args:
        p: the order of the norm.
        dim: the axis or axes; None for all.
        keepdim: whether to keep the axes, with size 1.

    Raises:
        ModuleError: the input has no such axis, or is not floating-point.
    """

    def __init__(self, p: int | float = 2, dim: Axes = None, keepdim: bool = False) -> None:
        super().__init__(dim, keepdim)
        self.p = p

    def forward(self, x: Float[Tensor, ...]) -> Float[Tensor, ...]:
        axes = self.axes(x)
        exact = widen(x)
        norm = torch.linalg.vector_norm(exact, self.p, axes, keepdim=True) if axes else exact.abs()
        y = narrow(self.squeezed(norm, axes), x.dtype)
        self.save((axes, exact, norm), y)
        return y

    def backward(self, dy: Float[Tensor, ...]) -> Float[Tensor, ...]:
        axes, x, norm = self.restore(dy)
        return narrow(pnorm_backward(x, norm, self.p, axes, self.along(widen(dy), axes)), dy.dtype)


class Amax(AlongAxes):
    r"""The maximum along axes; its gradient goes in equal parts to the elements that are equal to it.

    .. math::
        y = \max_i x_i, \qquad
        \frac{\partial \ell}{\partial x_i}
            = \frac{[x_i = y]}{\sum_j [x_j = y]} \frac{\partial \ell}{\partial y}

    Shapes: any; to the same without the axes, or with size 1 there.

    Args:
        dim: the axis or axes; None for all.
        keepdim: whether to keep the axes, with size 1.

    Raises:
        ModuleError: the input has no such axis, no elements, or is not floating-point.
    """

    def forward(self, x: Float[Tensor, ...]) -> Float[Tensor, ...]:
        axes = self.axes(x)
        greatest = x.amax(axes, True) if axes else x
        y = self.squeezed(greatest, axes)
        is_greatest = ((x == greatest) | (x.isnan() & greatest.isnan())).to(x.dtype)
        self.save((axes, is_greatest), y)
        return y

    def backward(self, dy: Float[Tensor, ...]) -> Float[Tensor, ...]:
        axes, is_greatest = self.restore(dy)
        count = is_greatest.sum(axes, True) if axes else is_greatest
        return is_greatest * (self.along(dy, axes) / count)


class Max(AlongAxes):
    r"""The maximum along an axis, and its index; the gradient goes to that element alone.

    .. math::
        k = \operatorname{argmax}_i x_i, \qquad y = x_k, \qquad
        \frac{\partial \ell}{\partial x_i} = [i = k]\, \frac{\partial \ell}{\partial y}

    Shapes: any; maxima and indices, both without the axis, or with size 1 there.

    Args:
        dim: the axis.
        keepdim: whether to keep the axis, with size 1.

    Raises:
        ModuleError: the input has no such axis, no elements along it, or is not floating-point.
    """

    def __init__(self, dim: int, keepdim: bool = False) -> None:
        self.dim = dim
        self.keepdim = keepdim

    def forward(self, x: Float[Tensor, ...]) -> tuple[Tensor, Tensor]:
        axes = self.axes(x)
        value, index = x.max(axes[0], True) if axes else (x, torch.zeros_like(x, dtype=torch.int64))
        outputs = self.squeezed(value, axes), self.squeezed(index, axes)
        self.save((axes, x.shape, index), outputs)
        return outputs

    def backward(self, dy: Float[Tensor, ...], dindex: None = None) -> Float[Tensor, ...]:
        axes, size, index = self.restore(dy, dindex)
        if not axes:
            return dy
        return dy.new_zeros(size).scatter_(axes[0], index, self.along(dy, axes))
