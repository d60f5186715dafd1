"""The softmax and its relatives: numbers along an axis into probabilities."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from plaingrad.module import Module, ModuleError
from plaingrad.nn.common.half import narrow, widen
from plaingrad.nn.common.refusals import expect_float
from plaingrad.parameter import shape


def axis(module: Softmax | LogSoftmax, x: Tensor) -> int:
    """The axis of ``x`` along which ``module`` normalises."""
    if module.dim is None:
        return 0 if x.ndim in (0, 1, 3) else 1
    dims = max(x.ndim, 1)
    if not -dims <= module.dim < dims:
        raise ModuleError(module, f"expected an input with axis {module.dim}, got {shape(x)}")
    return module.dim


def less_largest(x: Tensor, dim: int) -> Tensor:
    """``x`` less the largest number along ``dim``; without any numbers there is no largest."""
    return x - x.amax(dim, keepdim=True) if x.numel() else x


class Softmax(Module):
    r"""Turns numbers along an axis into probabilities that sum to 1.

    .. math::
        y_i = \frac{e^{x_i}}{\sum_j e^{x_j}}, \qquad
        \frac{\partial \ell}{\partial x_i} = y_i \Big(
        \frac{\partial \ell}{\partial y_i} - \sum_j \frac{\partial \ell}{\partial y_j}\, y_j \Big)

    Shapes: any, kept.

    Args:
        dim: the axis; None stands for axis 0 of an input with 0, 1 or 3 axes, and for axis 1 of any other.

    Raises:
        ModuleError: the input has no such axis or is not floating-point.

    Source: J. Bridle, "Training stochastic model recognition algorithms as networks can lead to maximum
    mutual information estimation of parameters", 1989.
    """

    def __init__(self, dim: int | None = None) -> None:
        self.dim = dim

    def forward(self, x: Float[Tensor, ...]) -> Float[Tensor, ...]:
        expect_float(self, x)
        dim = axis(self, x)
        e = less_largest(widen(x), dim).exp()  # the largest is exp(0): nothing overflows
        p = e / e.sum(dim, keepdim=True)
        y = narrow(p, x.dtype)
        self.save((p, dim), y)
        return y

    def backward(self, dy: Float[Tensor, ...]) -> Float[Tensor, ...]:
        p, dim = self.restore(dy)
        dyw = widen(dy)
        return narrow(p * (dyw - (dyw * p).sum(dim, keepdim=True)), dy.dtype)


class Softmin(Softmax):
    r"""The `Softmax` of -x: the smallest number gets the greatest probability.

    .. math::
        y_i = \frac{e^{-x_i}}{\sum_j e^{-x_j}}, \qquad
        \frac{\partial \ell}{\partial x_i} = -y_i \Big(
        \frac{\partial \ell}{\partial y_i} - \sum_j \frac{\partial \ell}{\partial y_j}\, y_j \Big)

    Shapes: any, kept.

    Args:
        dim: the axis, as for `Softmax`.

    Raises:
        ModuleError: the input has no such axis or is not floating-point.

    Source: J. Bridle, as for `Softmax`.
    """

    def forward(self, x: Float[Tensor, ...]) -> Float[Tensor, ...]:
        expect_float(self, x)
        return super().forward(-x)

    def backward(self, dy: Float[Tensor, ...]) -> Float[Tensor, ...]:
        return -super().backward(dy)


class Softmax2d(Softmax):
    r"""The `Softmax` over the channels at each pixel of an image.

    .. math::
        y_{chw} = \frac{e^{x_{chw}}}{\sum_k e^{x_{khw}}}, \qquad
        \frac{\partial \ell}{\partial x_{chw}} = y_{chw} \Big(
        \frac{\partial \ell}{\partial y_{chw}} - \sum_k \frac{\partial \ell}{\partial y_{khw}}\, y_{khw} \Big)

    Shapes: ``(batch, channels, height, width)`` or ``(channels, height, width)``, kept.

    Raises:
        ModuleError: the input has neither 3 nor 4 axes or is not floating-point.

    Source: J. Bridle, as for `Softmax`.
    """

    def __init__(self) -> None:
        super().__init__(dim=-3)

    def forward(self, x: Float[Tensor, ...]) -> Float[Tensor, ...]:
        if x.ndim not in (3, 4):
            raise ModuleError(self, f"expected input (*, channels, height, width), got {shape(x)}")
        return super().forward(x)


class LogSoftmax(Module):
    r"""The logarithm of the softmax, finite where the softmax itself has vanished.

    .. math::
        y_i = x_i - \log \sum_j e^{x_j}, \qquad
        \frac{\partial \ell}{\partial x_i} =
        \frac{\partial \ell}{\partial y_i} - e^{y_i} \sum_j \frac{\partial \ell}{\partial y_j}

    Shapes: any, kept.

    Args:
        dim: the axis, as for `Softmax`.

    Raises:
        ModuleError: the input has no such axis or is not floating-point.

    Source: J. Bridle, as for `Softmax`.
    """

    def __init__(self, dim: int | None = None) -> None:
        self.dim = dim

    def forward(self, x: Float[Tensor, ...]) -> Float[Tensor, ...]:
        expect_float(self, x)
        dim = axis(self, x)
        z = less_largest(widen(x), dim)  # the largest is 0: its digits are kept and nothing overflows
        log_p = z - z.exp().sum(dim, keepdim=True).log()
        y = narrow(log_p, x.dtype)
        self.save((log_p, dim), y)
        return y

    def backward(self, dy: Float[Tensor, ...]) -> Float[Tensor, ...]:
        log_p, dim = self.restore(dy)
        dyw = widen(dy)
        return narrow(dyw - log_p.exp() * dyw.sum(dim, keepdim=True), dy.dtype)
