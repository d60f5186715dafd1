"""Dropout of whole channels."""

from __future__ import annotations

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from plaingrad.module import ModuleError
from plaingrad.nn.common.inplace import finish
from plaingrad.nn.common.refusals import expect_float
from plaingrad.nn.dropout.dropout import Dropout
from plaingrad.parameter import shape


class ChannelDropout(Dropout):
    """Dropout with one draw for each channel of each sample.

    Attributes:
        shapes: the shapes that an input may have, and the number of axes before its positions in each.
    """

    shapes: ClassVar[dict[str, int]]

    def forward(self, x: Float[Tensor, ...]) -> Float[Tensor, ...]:
        expect_float(self, x)
        if x.ndim not in self._leading():
            raise ModuleError(self, f"expected input {' or '.join(self.shapes)}, got {shape(x)}")
        mask = self.draw(x) if self.training and self.p > 0 else None
        y = x if mask is None else x * mask
        return finish(self, x, mask, y)

    def backward(self, dy: Float[Tensor, ...]) -> Float[Tensor, ...]:
        mask = self.restore(dy)
        return dy if mask is None else dy * mask

    def draw(self, x: Float[Tensor, ...]) -> Float[Tensor, ...]:
        """The mask m, of size 1 along the positions."""
        leading = self._leading()[x.ndim]
        return super().draw(x.new_empty(*x.shape[:leading], *[1] * (x.ndim - leading)))

    def _leading(self) -> dict[int, int]:
        return {text.count(",") + 1: leading for text, leading in self.shapes.items()}


class Dropout1d(ChannelDropout):
    r"""Sets channels of sequences to zero at random in training, and scales the others to keep the mean.

    .. math::
        y_{nc} = m_{nc}\, x_{nc}, \qquad
        \frac{\partial \ell}{\partial x_{nc}} = m_{nc} \frac{\partial \ell}{\partial y_{nc}}, \qquad
        m_{nc} = \begin{cases} 0 & \text{with probability } p \\ 1 / (1 - p) & \text{otherwise} \end{cases}

    for each channel c of each sample n. In evaluation, y = x.

    Shapes: ``(batch, channels, length)`` or ``(channels, length)``, kept.

    Args:
        p: the probability of each channel to be dropped.
        inplace: whether to write the output over the input.

    Raises:
        ModuleError: ``p`` is no probability, or the input is not floating-point or has
            another number of axes.

    Source: J. Tompson et al., "Efficient object localization using convolutional networks", 2015.
    """

    shapes: ClassVar[dict[str, int]] = {"(batch, channels, length)": 2, "(channels, length)": 1}


class Dropout2d(ChannelDropout):
    r"""Sets channels of images to zero at random in training, and scales the others to keep the mean.

    .. math::
        y_{nc} = m_{nc}\, x_{nc}, \qquad
        \frac{\partial \ell}{\partial x_{nc}} = m_{nc} \frac{\partial \ell}{\partial y_{nc}}, \qquad
        m_{nc} = \begin{cases} 0 & \text{with probability } p \\ 1 / (1 - p) & \text{otherwise} \end{cases}

    for each channel c of each sample n. In evaluation, y = x.

    Shapes: ``(batch, channels, rows, columns)`` or, as in torch.nn, ``(batch, channels, length)``, kept.

    Args:
        p: the probability of each channel to be dropped.
        inplace: whether to write the output over the input.

    Raises:
        ModuleError: ``p`` is no probability, or the input is not floating-point or has
            another number of axes.

    Source: J. Tompson et al., "Efficient object localization using convolutional networks", 2015.
    """

    shapes: ClassVar[dict[str, int]] = {"(batch, channels, rows, columns)": 2, "(batch, channels, length)": 2}


class Dropout3d(ChannelDropout):
    r"""Sets channels of volumes to zero at random in training, and scales the others to keep the mean.

    .. math::
        y_{nc} = m_{nc}\, x_{nc}, \qquad
        \frac{\partial \ell}{\partial x_{nc}} = m_{nc} \frac{\partial \ell}{\partial y_{nc}}, \qquad
        m_{nc} = \begin{cases} 0 & \text{with probability } p \\ 1 / (1 - p) & \text{otherwise} \end{cases}

    for each channel c of each sample n. In evaluation, y = x.

    Shapes: ``(batch, channels, depth, rows, columns)`` or ``(channels, depth, rows, columns)``, kept.

    Args:
        p: the probability of each channel to be dropped.
        inplace: whether to write the output over the input.

    Raises:
        ModuleError: ``p`` is no probability, or the input is not floating-point or has
            another number of axes.

    Source: J. Tompson et al., "Efficient object localization using convolutional networks", 2015.
    """

    shapes: ClassVar[dict[str, int]] = {
        "(batch, channels, depth, rows, columns)": 2,
        "(channels, depth, rows, columns)": 1,
    }
