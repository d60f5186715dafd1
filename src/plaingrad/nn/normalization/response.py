"""Normalisation by the squares of neighbouring channels."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from plaingrad.module import Module, ModuleError
from plaingrad.nn.common.half import widen
from plaingrad.nn.common.refusals import expect_float
from plaingrad.parameter import shape


class LocalResponseNorm(Module):
    r"""Divides each value by a power of the mean square of the channels around it.

    .. math::
        y_c &= x_c\, s_c^{-\beta}, \qquad s_c = k + \frac{\alpha}{n} \sum_{j \in N(c)} x_j^2, \qquad
            N(c) = \{c - \lfloor n / 2 \rfloor, \dots, c + \lfloor (n - 1) / 2 \rfloor\} \\
        \frac{\partial \ell}{\partial x_j} &= \frac{\partial \ell}{\partial y_j}\, s_j^{-\beta}
            - \frac{2 \alpha \beta}{n}\, x_j \sum_{c :\, j \in N(c)}
            \frac{\partial \ell}{\partial y_c}\, x_c\, s_c^{-\beta - 1}

    where channels that are not there count as 0. Half precision is computed in float32.

    Shapes: ``(batch, channels, *)`` with one or more axes behind the channels, kept.

    Args:
        size: the number n of channels.
        alpha: the factor of their mean square.
        beta: the exponent.
        k: added to the mean square.

    Raises:
        ModuleError: ``size`` is below 1, or the input has no axes behind its channels or is not
            floating-point.

    Source: A. Krizhevsky, I. Sutskever, G. Hinton, "ImageNet classification with deep convolutional neural
    networks", 2012.
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        if size < 1:
            raise ModuleError(self, f"expected a size from 1, got {size}")
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        self._expect(x)
        exact = widen(x)
        s = self.k + self.alpha / self.size * self.gathered(exact.square())
        y = (exact / s**self.beta).to(x.dtype)
        self.save((exact, s), y)
        return y

    def backward(self, dy: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        x, s = self.restore(dy)
        direct = widen(dy) / s**self.beta
        ds = direct * x / s
        dx = direct - 2 * self.alpha * self.beta / self.size * x * self.spread(ds)
        return dx.to(dy.dtype)

    def _expect(self, x: Tensor) -> None:
        expect_float(self, x)
        if x.ndim < 3:
            raise ModuleError(
                self, f"expected input (batch, channels, *) of three axes or more, got {shape(x)}"
            )

    def gathered(self, x: Tensor) -> Tensor:
        """The sums over N(c) for each channel c."""
        return neighbours(x, self.size // 2, (self.size - 1) // 2)

    def spread(self, x: Tensor) -> Tensor:
        """The sums over all c whose N(c) has j, for each channel j."""
        return neighbours(x, (self.size - 1) // 2, self.size // 2)


class CrossMapLRN2d(LocalResponseNorm):
    r"""Divides each value by a power of the mean square of the channels around it, as Torch7 did.

    .. math::
        y_c &= x_c\, s_c^{-\beta}, \qquad s_c = k + \frac{\alpha}{n} \sum_{j \in N(c)} x_j^2, \qquad
            N(c) = \{c - r, \dots, c + r\} \cup \{0 \text{ if } c > r\} \\
        \frac{\partial \ell}{\partial x_j} &= \frac{\partial \ell}{\partial y_j}\, s_j^{-\beta}
            - \frac{2 \alpha \beta}{n}\, x_j \sum_{c :\, j \in N(c)}
            \frac{\partial \ell}{\partial y_c}\, x_c\, s_c^{-\beta - 1}

    where r = (n - 1) / 2, rounded down, and channels that are not there count as 0. The outputs are those of
    torch.nn, whose running sum keeps the first channel for ever; the gradient is that of these outputs, which
    torch.nn's is not. `LocalResponseNorm` forgets the first channel.

    Shapes: ``(batch, channels, rows, columns)``, kept.

    Args:
        size: the number n.
        alpha: the factor of the mean square.
        beta: the exponent.
        k: added to the mean square.

    Raises:
        ModuleError: ``size`` is below 1, or the input is no batch of images or not floating-point.

    Source: A. Krizhevsky, I. Sutskever, G. Hinton, "ImageNet classification with deep convolutional neural
    networks", 2012.
    """

    def _expect(self, x: Tensor) -> None:
        expect_float(self, x)
        if x.ndim != 4 or not x.shape[1]:
            raise ModuleError(self, f"expected input (batch, channels, rows, columns), got {shape(x)}")

    def gathered(self, x: Tensor) -> Tensor:
        radius = (self.size - 1) // 2
        sums = neighbours(x, radius, radius)
        sums[:, radius + 1 :] += x[:, :1]
        return sums

    def spread(self, x: Tensor) -> Tensor:
        radius = (self.size - 1) // 2
        sums = neighbours(x, radius, radius)
        sums[:, 0] += x[:, radius + 1 :].sum(1)
        return sums


def neighbours(x: Tensor, before: int, after: int) -> Tensor:
    """For each channel, the sum over so many channels before it, itself, and so many after it."""
    sums, channels = x.clone(), x.shape[1]
    for step in range(1, min(max(before, after), channels - 1) + 1):
        if step <= before:
            sums[:, step:] += x[:, : channels - step]
        if step <= after:
            sums[:, : channels - step] += x[:, step:]
    return sums
