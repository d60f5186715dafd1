r"""The convolution.

Write the backward of a convolution along one axis. Every output is the product of a kernel with a window of
the input; windows overlap, so an input element has a gradient from each window that it is in.

.. math::
    y_{b,o,l} &= \sum_{c,j} W_{o,c,j}\, x_{b,c,l+j} + \beta_o \\
    \frac{\partial \ell}{\partial W_{o,c,j}}
        &= \sum_{b,l} \frac{\partial \ell}{\partial y_{b,o,l}}\, x_{b,c,l+j}, \qquad
        \frac{\partial \ell}{\partial \beta_o} = \sum_{b,l} \frac{\partial \ell}{\partial y_{b,o,l}} \\
    \frac{\partial \ell}{\partial x_{b,c,i}}
        &= \sum_{o,j} \frac{\partial \ell}{\partial y_{b,o,i-j}}\, W_{o,c,j}

Shapes: x is (batch, channels, length), windows are (batch, channels, positions, size), W is
(outputs, channels, size), the bias is (outputs), y and dy are (batch, outputs, positions), with
positions = length - size + 1.

Example, which ``python -m doctest convolution.py`` tries::

    >>> import torch
    >>> layer = Conv1d(1, 1, 2)
    >>> layer.weight.value[:], layer.bias.value[:] = torch.tensor([1.0, 2.0]), 0.0
    >>> layer.forward(torch.tensor([[[1.0, 2.0, 3.0]]]))
    tensor([[[5., 8.]]])
    >>> layer.backward(torch.tensor([[[1.0, 10.0]]]))
    tensor([[[ 1., 12., 20.]]])
    >>> layer.weight.grad, layer.bias.grad
    (tensor([[[21., 32.]]]), tensor([11.]))

Source: Y. LeCun et al., "Backpropagation applied to handwritten zip code recognition", 1989.
"""

from __future__ import annotations

import torch
from torch import Tensor

from plaingrad.module import Module
from plaingrad.parameter import Parameter


class Conv1d(Module):
    """A convolution along one axis, without padding and stride."""

    def __init__(self, channels: int, outputs: int, size: int) -> None:
        self.size = size
        self.weight = Parameter(torch.randn(outputs, channels, size))
        self.bias = Parameter(torch.randn(outputs))

    def forward(self, x: Tensor) -> Tensor:
        windows = x.unfold(2, self.size, 1)
        y = torch.einsum("bclj,ocj->bol", windows, self.weight.value) + self.bias.value[:, None]
        self.save(x, y)
        return y

    def backward(self, dy: Tensor) -> Tensor:
        x = self.restore(dy)
        windows = x.unfold(2, self.size, 1)
        positions = dy.shape[2]
        # --- blank weight: add the gradient of the kernels, from dy and windows, to self.weight.grad
        self.weight.grad += torch.einsum("bol,bclj->ocj", dy, windows)
        # --- end
        # --- blank bias: add the gradient of the bias to self.bias.grad
        self.bias.grad += dy.sum((0, 2))
        # --- end
        dx = torch.zeros_like(x)
        for j in range(self.size):
            # --- blank dx: add to dx[:, :, j : j + positions] what comes through element j of the kernels
            dx[:, :, j : j + positions] += torch.einsum("bol,oc->bcl", dy, self.weight.value[:, :, j])
            # --- end
        return dx


# --- teacher

TOPIC = "layers"
PARTS = {"forward": 1, "input": 3, "weight": 2, "bias": 1, "contract": 1}
HINTS = [
    'torch.einsum writes the equation down: "bol,bclj->ocj" sums over b and l, which are not in the result.',
    "The bias is added in every sample and at every position, so both are summed.",
    "Output l meets input l + j through element j: a shifted slice of dx gets dy times that element.",
    'dx[:, :, j : j + positions] += torch.einsum("bol,oc->bcl", dy, self.weight.value[:, :, j])',
]
WRONG = [
    (
        "the kernel is turned round",
        "dx",
        "turned = self.weight.value[:, :, self.size - 1 - j]\n"
        'dx[:, :, j : j + positions] += torch.einsum("bol,oc->bcl", dy, turned)',
        ["transposed"],
    ),
    (
        "of overlapping windows the last counts",
        "dx",
        'dx[:, :, j : j + positions] = torch.einsum("bol,oc->bcl", dy, self.weight.value[:, :, j])',
        ["duplicates-lost"],
    ),
    (
        "nothing is shifted",
        "dx",
        'dx[:, :, :positions] += torch.einsum("bol,oc->bcl", dy, self.weight.value[:, :, j])',
        ["wrong-axis"],
    ),
    (
        "the kernels are averaged over the batch",
        "weight",
        'self.weight.grad += torch.einsum("bol,bclj->ocj", dy, windows) / len(dy)',
        ["mean-for-sum"],
    ),
    ("the bias is averaged over positions", "bias", "self.bias.grad += dy.mean(2).sum(0)", ["mean-for-sum"]),
    ("the bias is not summed over positions", "bias", "self.bias.grad += dy.sum(0)[:, 0]", ["not-summed"]),
    ("the bias is averaged", "bias", "self.bias.grad += dy.mean((0, 2))", ["mean-for-sum"]),
    (
        "the kernels' gradient is assigned",
        "weight",
        'self.weight.grad.copy_(torch.einsum("bol,bclj->ocj", dy, windows))',
        ["overwrites"],
    ),
]
CASES = [("Conv1d", (2, 3, 3), ["2,2,6"]), ("Conv1d", (3, 3, 2), ["3,3,5"])]
