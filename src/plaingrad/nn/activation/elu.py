"""Exponential linear units: straight on the right, levelling off on the left."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from plaingrad.module import Module, ModuleError
from plaingrad.nn.common.half import narrow, widen
from plaingrad.nn.common.inplace import finish
from plaingrad.nn.common.refusals import expect_float


class ELU(Module):
    r"""Passes positive values; negative ones approach -α.

    .. math::
        y = \max(x, 0) + \alpha \big(e^{\min(x, 0)} - 1\big), \qquad
        \frac{\partial \ell}{\partial x} = \frac{\partial \ell}{\partial y} \odot
        \begin{cases} 1 & x > 0 \\ \alpha e^x & \text{otherwise} \end{cases}

    Shapes: any, kept.

    Args:
        alpha: how deep the left side sinks.
        inplace: whether to write the output over the input.

    Raises:
        ModuleError: the input is not floating-point.

    Source: D.-A. Clevert, T. Unterthiner, S. Hochreiter, "Fast and accurate deep network learning by
    exponential linear units (ELUs)", 2015.
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        self.inplace = inplace
        self.alpha = alpha

    def forward(self, x: Float[Tensor, ...]) -> Float[Tensor, ...]:
        expect_float(self, x)
        xw = widen(x)
        y = narrow(xw.clamp_min(0) + self.alpha * xw.clamp_max(0).expm1(), x.dtype)
        return finish(self, x, x, y)

    def backward(self, dy: Float[Tensor, ...]) -> Float[Tensor, ...]:
        x = self.restore(dy)
        return torch.where(x > 0, dy, narrow(widen(x).exp().mul_(self.alpha).mul_(dy), dy.dtype))


class SELU(Module):
    r"""The `ELU`, scaled so that activations keep their mean and variance through many layers.

    .. math::
        y = \lambda \operatorname{ELU}_\alpha(x), \qquad
        \frac{\partial \ell}{\partial x} = \lambda\, \frac{\partial \ell}{\partial y} \odot
        \begin{cases} 1 & x > 0 \\ \alpha e^x & \text{otherwise} \end{cases}

    With α ≈ 1.6733 and λ ≈ 1.0507, mean 0 and variance 1 are a fixed point of a layer whose weights have
    mean 0 and variance 1 / fan-in.

    Shapes: any, kept.

    Args:
        inplace: whether to write the output over the input.

    Raises:
        ModuleError: the input is not floating-point.

    Source: G. Klambauer, T. Unterthiner, A. Mayr, S. Hochreiter, "Self-normalizing neural networks", 2017.
    """

    alpha = 1.6732632423543772
    scale = 1.0507009873554805

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = inplace

    def forward(self, x: Float[Tensor, ...]) -> Float[Tensor, ...]:
        expect_float(self, x)
        xw = widen(x)
        y = narrow(self.scale * (xw.clamp_min(0) + self.alpha * xw.clamp_max(0).expm1()), x.dtype)
        return finish(self, x, x, y)

    def backward(self, dy: Float[Tensor, ...]) -> Float[Tensor, ...]:
        x = self.restore(dy)
        slope = torch.where(x > 0, self.scale, widen(x).exp().mul_(self.scale * self.alpha))
        return narrow(slope.mul_(dy), dy.dtype)


class CELU(Module):
    r"""The ELU with its left side stretched by α too, so that the slope at 0 is 1 for every α.

    .. math::
        y = \max(x, 0) + \alpha \big(e^{\min(x, 0) / \alpha} - 1\big), \qquad
        \frac{\partial \ell}{\partial x} = \frac{\partial \ell}{\partial y} \odot e^{\min(x, 0) / \alpha}

    Shapes: any, kept.

    Args:
        alpha: how deep the left side sinks, and how slowly; anything but 0.
        inplace: whether to write the output over the input.

    Raises:
        ModuleError: ``alpha`` is 0, or the input is not floating-point.

    Source: J. Barron, "Continuously differentiable exponential linear units", 2017.
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        self.inplace = inplace
        if alpha == 0:
            raise ModuleError(self, f"expected alpha other than 0, got {alpha}")
        self.alpha = alpha

    def forward(self, x: Float[Tensor, ...]) -> Float[Tensor, ...]:
        expect_float(self, x)
        xw = widen(x)
        z = xw.clamp_max(0) / self.alpha
        y = narrow(xw.clamp_min(0) + self.alpha * z.expm1(), x.dtype)
        return finish(self, x, z, y)

    def backward(self, dy: Float[Tensor, ...]) -> Float[Tensor, ...]:
        z = self.restore(dy)
        return narrow(z.exp().mul_(dy), dy.dtype)
