r"""The linear layer.

Write the backward of an affine map: the gradients of its input, its weight and its bias.

.. math::
    y &= x\,W^\top + b \\
    \frac{\partial \ell}{\partial x} &= \frac{\partial \ell}{\partial y}\,W, \qquad
    \frac{\partial \ell}{\partial W} = \Big(\frac{\partial \ell}{\partial y}\Big)^{\!\top} x, \qquad
    \frac{\partial \ell}{\partial b} = \sum_{\text{batch}} \frac{\partial \ell}{\partial y}

A parameter has a value and a gradient, to which backward adds: ``self.weight.grad += ...``.

Shapes: x is (batch, inputs), y and dy are (batch, outputs), W is (outputs, inputs), b is (outputs).

Example, which ``python -m doctest linear.py`` tries::

    >>> import torch
    >>> layer = Linear(2, 1)
    >>> layer.weight.value[:], layer.bias.value[:] = torch.tensor([[2.0, 3.0]]), 1.0
    >>> layer.forward(torch.tensor([[1.0, 10.0], [1.0, 0.0]]))
    tensor([[33.],
            [ 3.]])
    >>> layer.backward(torch.tensor([[1.0], [100.0]]))
    tensor([[  2.,   3.],
            [200., 300.]])
    >>> layer.weight.grad
    tensor([[101.,  10.]])
    >>> layer.bias.grad
    tensor([101.])
"""

from __future__ import annotations

import torch
from torch import Tensor

from plaingrad.module import Module
from plaingrad.parameter import Parameter


class Linear(Module):
    """A weight matrix and a bias."""

    def __init__(self, inputs: int, outputs: int) -> None:
        self.weight = Parameter(torch.randn(outputs, inputs) / inputs**0.5)
        self.bias = Parameter(torch.randn(outputs))

    def forward(self, x: Tensor) -> Tensor:
        y = x @ self.weight.value.T + self.bias.value
        self.save(x, y)
        return y

    def backward(self, dy: Tensor) -> Tensor:
        x = self.restore(dy)
        # --- blank weight: add the gradient of the weight, from dy and x, to self.weight.grad
        self.weight.grad += dy.T @ x
        # --- end
        # --- blank bias: add the gradient of the bias to self.bias.grad
        self.bias.grad += dy.sum(0)
        # --- end
        # --- blank dx: dx, the gradient of the loss with respect to x
        dx = dy @ self.weight.value
        # --- end
        return dx


# --- teacher

TOPIC = "layers"
PARTS = {"forward": 1, "input": 2, "weight": 2, "bias": 1, "contract": 1}
HINTS = [
    "Each gradient has the shape of what it belongs to, and there are few products that give it.",
    "The weight meets every sample, so its gradient is a sum over the batch, which a matrix product does.",
    "self.weight.grad += dy.T @ x",
    "The bias is added to every row: its gradient is the sum of the rows of dy.",
    "dx = dy @ self.weight.value",
]
WRONG = [
    ("the weight is transposed", "dx", "dx = dy @ self.weight.value.T", ["transposed"]),
    (
        "the product for the weight is exchanged",
        "weight",
        "self.weight.grad += x.T @ dy",
        ["transposed", "swapped-factors"],
    ),
    ("the weight's gradient is assigned", "weight", "self.weight.grad.copy_(dy.T @ x)", ["overwrites"]),
    ("the bias is averaged", "bias", "self.bias.grad += dy.mean(0)", ["mean-for-sum"]),
    ("the bias is summed along the other axis", "bias", "self.bias.grad += dy.sum(1)", ["wrong-axis"]),
    (
        "the batch is averaged",
        "weight",
        "self.weight.grad += dy.T @ x / len(x)",
        ["mean-for-sum", "wrong-factor"],
    ),
    ("the bias has no gradient", "bias", "pass", ["missing-term"]),
]
CASES = [("Linear", (4, 4), ["4,4"]), ("Linear", (3, 2), ["5,3"])]
