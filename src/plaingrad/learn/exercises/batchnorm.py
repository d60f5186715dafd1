r"""Batch normalisation.

Write the backward of a layer that normalises each column over the batch. Every sample moves the mean and the
variance, and through them all the others: this is where the last equation has its two further terms from.

.. math::
    \hat x &= \frac{x - \mu}{\sigma}, \qquad y = \hat x \odot w + b, \qquad
        \mu = \overline{x}, \quad \sigma^2 = \overline{(x - \mu)^2} + \epsilon \\
    \frac{\partial \ell}{\partial w} &= \sum \frac{\partial \ell}{\partial y} \odot \hat x, \qquad
        \frac{\partial \ell}{\partial b} = \sum \frac{\partial \ell}{\partial y} \\
    \frac{\partial \ell}{\partial x} &= \frac{1}{\sigma} \Big( g - \overline{g}
        - \hat x \odot \overline{g \odot \hat x} \Big), \qquad g = \frac{\partial \ell}{\partial y} \odot w

Bars and sums go over the batch.

Shapes: x, y, dy and dx are (batch, features); w, b, mean and deviation are (features).

Example, which ``python -m doctest batchnorm.py`` tries::

    >>> import torch
    >>> layer = BatchNorm(1)
    >>> layer.weight.value[:], layer.bias.value[:] = 2.0, 1.0
    >>> layer.forward(torch.tensor([[0.0], [2.0], [7.0]]))
    tensor([[-1.0381],
            [ 0.3206],
            [ 3.7175]])
    >>> layer.backward(torch.tensor([[1.0], [0.0], [0.0]]))
    tensor([[ 0.2177],
            [-0.3048],
            [ 0.0871]])
    >>> layer.weight.grad, layer.bias.grad
    (tensor([-1.0190]), tensor([1.]))

Source: S. Ioffe, C. Szegedy, "Batch normalization: accelerating deep network training by reducing internal
covariate shift", 2015.
"""

from __future__ import annotations

import torch
from torch import Tensor

from plaingrad.module import Module
from plaingrad.parameter import Parameter


class BatchNorm(Module):
    """Normalises columns over the batch, as in training."""

    def __init__(self, features: int, eps: float = 1e-5) -> None:
        self.eps = eps
        self.weight = Parameter(torch.rand(features) + 0.5)
        self.bias = Parameter(torch.randn(features))

    def forward(self, x: Tensor) -> Tensor:
        centred = x - x.mean(0)
        std = ((centred**2).mean(0) + self.eps).sqrt()
        x_hat = centred / std
        y = x_hat * self.weight.value + self.bias.value
        self.save((x_hat, std), y)
        return y

    def backward(self, dy: Tensor) -> Tensor:
        x_hat, std = self.restore(dy)
        # --- blank weight: add the gradient of the scale, from dy and x_hat, to self.weight.grad
        self.weight.grad += (dy * x_hat).sum(0)
        # --- end
        # --- blank bias: add the gradient of the shift to self.bias.grad
        self.bias.grad += dy.sum(0)
        # --- end
        g = dy * self.weight.value
        # --- blank dx: dx, from g, x_hat and std
        dx = (g - g.mean(0) - x_hat * (g * x_hat).mean(0)) / std
        # --- end
        return dx


# --- teacher

TOPIC = "normalisation"
PARTS = {"forward": 1, "input": 3, "weight": 1, "bias": 1, "contract": 1}
HINTS = [
    "Scale and shift meet every sample: their gradients are sums over the batch.",
    "Take mean and deviation as constants first: dx = g / std. Then subtract what flows through each.",
    "Through the mean flows the mean of g; through the deviation x_hat times the mean of g * x_hat.",
    "dx = (g - g.mean(0) - x_hat * (g * x_hat).mean(0)) / std",
]
WRONG = [
    ("mean and deviation count as constants", "dx", "dx = g / std", ["missing-term"]),
    (
        "the path through the mean is left out",
        "dx",
        "dx = (g - x_hat * (g * x_hat).mean(0)) / std",
        ["missing-term"],
    ),
    ("the path through the deviation is left out", "dx", "dx = (g - g.mean(0)) / std", ["missing-term"]),
    (
        "the division is left out",
        "dx",
        "dx = g - g.mean(0) - x_hat * (g * x_hat).mean(0)",
        ["missing-factor"],
    ),
    (
        "it averages along the features",
        "dx",
        "dx = (g - g.mean(1, keepdim=True) - x_hat * (g * x_hat).mean(1, keepdim=True)) / std",
        ["wrong-axis"],
    ),
    ("x_hat is left out", "weight", "self.weight.grad += dy.sum(0)", ["missing-factor"]),
    ("the scale is averaged", "weight", "self.weight.grad += (dy * x_hat).mean(0)", ["mean-for-sum"]),
    ("the shift is assigned", "bias", "self.bias.grad.copy_(dy.sum(0))", ["overwrites"]),
]
CASES = [("BatchNorm", (3,), ["5,3"]), ("BatchNorm", (4,), ["4,4"])]
