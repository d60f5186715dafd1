"""Leaky rectifiers: two straight lines that meet at 0, with the slope on the left given, learned or drawn."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from plaingrad.module import Module, ModuleError
from plaingrad.nn.common.half import widen
from plaingrad.nn.common.inplace import finish
from plaingrad.nn.common.refusals import expect_float
from plaingrad.parameter import Parameter, learned, shape


class LeakyReLU(Module):
    r"""Passes positive values, and a fraction of negative ones.

    .. math::
        y = \begin{cases} x & x > 0 \\ a x & \text{otherwise} \end{cases}, \qquad
        \frac{\partial \ell}{\partial x} = \frac{\partial \ell}{\partial y} \odot
        \begin{cases} 1 & x > 0 \\ a & \text{otherwise} \end{cases}

    Shapes: any, kept.

    Args:
        negative_slope: the fraction a.
        inplace: whether to write the output over the input.

    Raises:
        ModuleError: the input is not floating-point.

    Source: A. Maas, A. Hannun, A. Ng, "Rectifier nonlinearities improve neural network acoustic
    models", 2013.
    """

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        self.inplace = inplace
        self.negative_slope = negative_slope

    def forward(self, x: Float[Tensor, ...]) -> Float[Tensor, ...]:
        expect_float(self, x)
        positive = x > 0
        y = torch.where(positive, x, self.negative_slope * x)
        return finish(self, x, positive, y)

    def backward(self, dy: Float[Tensor, ...]) -> Float[Tensor, ...]:
        positive = self.restore(dy)
        return torch.where(positive, dy, self.negative_slope * dy)


class PReLU(Module):
    r"""Passes positive values, and a learned fraction of negative ones, for all channels or for each.

    .. math::
        y &= \begin{cases} x & x > 0 \\ a_c\, x & \text{otherwise} \end{cases}, \qquad
        \frac{\partial \ell}{\partial x} = \frac{\partial \ell}{\partial y} \odot
        \begin{cases} 1 & x > 0 \\ a_c & \text{otherwise} \end{cases} \\
        \frac{\partial \ell}{\partial a_c} &=
        \sum_{x \le 0 \text{ in channel } c} \frac{\partial \ell}{\partial y}\, x

    Shapes: ``(batch, channels, *)``, kept. With a single fraction any shape will do.

    Args:
        num_parameters: 1, or the number of channels.
        init: the initial value of every fraction.
        device: where the fractions live.
        dtype: their floating-point type.

    Attributes:
        weight: the fractions a, shape ``(num_parameters,)``.

    Raises:
        ModuleError: the input's second axis or its dtype does not fit.

    Source: K. He, X. Zhang, S. Ren, J. Sun, "Delving deep into rectifiers", 2015.
    """

    weight: Parameter

    def __init__(
        self,
        num_parameters: int = 1,
        init: float = 0.25,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        self.init = init
        self.weight = Parameter(torch.empty(num_parameters, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Reset every fraction to its initial value."""
        self.weight.value.fill_(self.init)

    def forward(self, x: Float[Tensor, ...]) -> Float[Tensor, ...]:
        weight, channels = self.weight.value, x.shape[1] if x.ndim > 1 else 1
        if len(weight) not in (1, channels) or x.dtype != weight.dtype:
            sizes = "of any shape" if len(weight) == 1 else f"(batch, {len(weight)}, *)"
            raise ModuleError(self, f"expected input {sizes} in {weight.dtype}, got {shape(x)} in {x.dtype}")
        positive = x > 0
        y = torch.where(positive, x, self._slope(x) * x)
        self.save((x, positive), y)
        return y

    def backward(self, dy: Float[Tensor, ...]) -> Float[Tensor, ...]:
        x, positive = self.restore(dy)
        slope = self._slope(x)
        if learned(self.weight):
            dslope = (widen(dy) * x).masked_fill(positive, 0).sum_to_size(slope.shape)
            self.weight.grad.add_(dslope.flatten())
        return torch.where(positive, dy, slope * dy)

    def _slope(self, x: Float[Tensor, ...]) -> Float[Tensor, ...]:
        """The fractions, laid along the channels of ``x``."""
        return self.weight.value.view([-1 if axis == 1 else 1 for axis in range(x.ndim)])


class RReLU(Module):
    r"""Passes positive values, and a random fraction of negative ones, drawn for each element.

    .. math::
        y = \begin{cases} x & x > 0 \\ a x & \text{otherwise} \end{cases}, \qquad
        \frac{\partial \ell}{\partial x} = \frac{\partial \ell}{\partial y} \odot
        \begin{cases} 1 & x > 0 \\ a & \text{otherwise} \end{cases}, \qquad
        a \sim U(\text{lower}, \text{upper})

    In evaluation a is the mean, (lower + upper) / 2.

    Shapes: any, kept.

    Args:
        lower: the least fraction.
        upper: the greatest fraction.
        inplace: whether to write the output over the input.

    Raises:
        ModuleError: ``lower`` exceeds ``upper``, the input is not floating-point.

    Source: B. Xu, N. Wang, T. Chen, M. Li, "Empirical evaluation of rectified activations in convolutional
    network", 2015.
    """

    def __init__(self, lower: float = 1 / 8, upper: float = 1 / 3, inplace: bool = False) -> None:
        self.inplace = inplace
        if not lower <= upper:
            raise ModuleError(self, f"expected lower <= upper, got {lower} and {upper}")
        self.lower = lower
        self.upper = upper

    def forward(self, x: Float[Tensor, ...]) -> Float[Tensor, ...]:
        expect_float(self, x)
        mean = (self.lower + self.upper) / 2
        slope = (
            torch.empty_like(x).uniform_(self.lower, self.upper, generator=self.generator)
            if self.training
            else mean
        )
        positive = x > 0
        y = torch.where(positive, x, slope * x)
        return finish(self, x, (positive, slope), y)

    def backward(self, dy: Float[Tensor, ...]) -> Float[Tensor, ...]:
        positive, slope = self.restore(dy)
        return torch.where(positive, dy, slope * dy)
