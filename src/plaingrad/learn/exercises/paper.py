r"""The paper's framework in sixty lines.

Write a framework: a linear layer, an activation, a network of them, a loss and gradient descent. As in the
paper, a sample is a column, so that weights stand to the left.

.. math::
    s &= W x + b, \qquad
    \frac{\partial \ell}{\partial x} = W^\top \frac{\partial \ell}{\partial s}, \qquad
    \frac{\partial \ell}{\partial W} = \frac{\partial \ell}{\partial s}\, x^\top, \qquad
    \frac{\partial \ell}{\partial b} = \sum_{\text{columns}} \frac{\partial \ell}{\partial s} \\
    y &= \tanh(s), \qquad
    \frac{\partial \ell}{\partial s} = \frac{\partial \ell}{\partial y} \odot (1 - y^2), \qquad
    \ell = \lVert y - t \rVert^2, \qquad
    \frac{\partial \ell}{\partial y} = 2 (y - t), \qquad
    \theta \leftarrow \theta - \eta\, \frac{\partial \ell}{\partial \theta}

Shapes: x is (inputs, n), s and y are (outputs, n), W is (outputs, inputs), b is (outputs, 1).

Example, which ``python -m doctest paper.py`` tries::

    >>> import torch
    >>> network, loss = Network(1, 1), SquaredError()
    >>> weight, bias = network.parameters()
    >>> weight.value[:], bias.value[:] = 2.0, 1.0
    >>> y = network.forward(torch.tensor([[3.0]]))
    >>> loss.forward(y, torch.tensor([[5.0]]))
    tensor(4.)
    >>> network.backward(loss.backward())
    tensor([[8.]])
    >>> weight.grad, bias.grad
    (tensor([[12.]]), tensor([[4.]]))
    >>> GradientDescent([weight, bias], lr=0.1).step()
    >>> weight.value, bias.value
    (tensor([[0.8000]]), tensor([[0.6000]]))

Source: S. Gholam Zadeh, N. Yadav, O. Lukman, S. Kechkar, "Implementing from scratch a mini deep learning
framework", EPFL.
"""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor

from plaingrad.module import Module
from plaingrad.nn import ModuleList
from plaingrad.parameter import Parameter


class Linear(Module):
    """A weight matrix and a bias, for columns."""

    def __init__(self, inputs: int, outputs: int) -> None:
        self.weight = Parameter(torch.randn(outputs, inputs) / inputs**0.5)
        self.bias = Parameter(torch.randn(outputs, 1))

    def forward(self, x: Tensor) -> Tensor:
        # --- blank s: s, from self.weight.value, x and self.bias.value
        s = self.weight.value @ x + self.bias.value
        # --- end
        self.save(x, s)
        return s

    def backward(self, ds: Tensor) -> Tensor:
        x = self.restore(ds)
        # --- blank linear: add to self.weight.grad and self.bias.grad, and compute dx
        self.weight.grad += ds @ x.T
        self.bias.grad += ds.sum(1, keepdim=True)
        dx = self.weight.value.T @ ds
        # --- end
        return dx


class Tanh(Module):
    """The hyperbolic tangent of each element."""

    def forward(self, s: Tensor) -> Tensor:
        y = s.tanh()
        self.save(y, y)
        return y

    def backward(self, dy: Tensor) -> Tensor:
        y = self.restore(dy)
        # --- blank tanh: ds, from dy and y
        ds = dy * (1 - y * y)
        # --- end
        return ds


class Network(Module):
    """Linear layers of these sizes, each but the last with a tanh behind it."""

    def __init__(self, *sizes: int) -> None:
        layers: list[Module] = []
        for inputs, outputs in pairwise(sizes):
            layers += [Linear(inputs, outputs), Tanh()]
        self.layers = ModuleList(layers[:-1])

    def forward(self, x: Tensor) -> Tensor:
        # --- blank network: x, which goes through the forward of all self.layers
        for layer in self.layers:
            x = layer.forward(x)
        # --- end
        return x

    def backward(self, dx: Tensor) -> Tensor:
        # --- blank chain: dx, which goes through the backward of all layers, from the last to the first
        for layer in reversed(list(self.layers)):
            dx = layer.backward(dx)
        # --- end
        return dx


class SquaredError(Module):
    """The sum of the squared differences."""

    differentiable: ClassVar[tuple[str, ...]] = ("y",)

    def forward(self, y: Tensor, target: Tensor) -> Tensor:
        loss = ((y - target) ** 2).sum()
        self.save(y - target, loss)
        return loss

    def backward(self) -> Tensor:
        difference = self.restore(None)
        # --- blank error: dy, from difference
        dy = 2 * difference
        # --- end
        return dy


class GradientDescent:
    """Steps against the gradient."""

    def __init__(self, parameters: list[Parameter], lr: float) -> None:
        self.parameters, self.lr = parameters, lr

    def step(self) -> None:
        """Change every value once, in place."""
        for value, grad in self.parameters:
            # --- blank step: change value in place, from self.lr and grad
            value.sub_(self.lr * grad)
            # --- end


# --- teacher

TOPIC = "the whole"
PARTS = {"Linear": 2, "Tanh": 1, "Network": 2, "SquaredError": 1, "GradientDescent": 1}
HINTS = [
    "Columns turn the equations of the linear layer round: W is to the left of x, ds to the left of x^T.",
    "The network hands each result to the next layer; backward hands each gradient to the layer before.",
    "The bias is added to every column, and its gradient stays a column: ds.sum(1, keepdim=True)",
    "for layer in reversed(list(self.layers)): dx = layer.backward(dx)",
    "value.sub_(self.lr * grad)",
]
WRONG = [
    (
        "the weight is not transposed",
        "linear",
        "self.weight.grad += ds @ x.T\nself.bias.grad += ds.sum(1, keepdim=True)\n"
        "dx = self.weight.value @ ds",
        ["transposed"],
    ),
    (
        "the product for the weight is exchanged",
        "linear",
        "self.weight.grad += x @ ds.T\nself.bias.grad += ds.sum(1, keepdim=True)\n"
        "dx = self.weight.value.T @ ds",
        ["transposed", "swapped-factors"],
    ),
    (
        "the bias is averaged",
        "linear",
        "self.weight.grad += ds @ x.T\nself.bias.grad += ds.mean(1, keepdim=True)\n"
        "dx = self.weight.value.T @ ds",
        ["mean-for-sum", "wrong-factor"],
    ),
    ("the bias is left out", "s", "s = self.weight.value @ x", ["forward"]),
    ("the derivative of tanh is left out", "tanh", "ds = dy.clone()", ["passes-upstream"]),
    ("the square is left out", "tanh", "ds = dy * (1 - y)", ["wrong-derivative"]),
    (
        "from the first layer to the last",
        "chain",
        "for layer in self.layers:\n    dx = layer.backward(dx)",
        ["swapped-factors"],
    ),
    ("the gradient passes the network by", "chain", "dx = dx.clone()", ["passes-upstream"]),
    (
        "the last layer is forgotten",
        "network",
        "for layer in self.layers[:-1]:\n    x = layer.forward(x)",
        ["forward"],
    ),
    ("the two is left out", "error", "dy = difference.clone()", ["wrong-factor"]),
    ("it walks up", "step", "value.add_(self.lr * grad)", ["wrong-sign"]),
    ("the step size is left out", "step", "value.sub_(grad)", ["missing-factor"]),
]
CASES = [
    ("Linear", (3, 3), ["3,3"]),
    ("Linear", (3, 2), ["3,4"]),
    ("Tanh", (), ["3,4"]),
    ("Network", (3, 3, 3), ["3,3"]),
    ("Network", (2, 3, 2), ["2,4"]),
    ("SquaredError", (), ["3,4", "3,4"]),
    ("GradientDescent", (0.1,), ["3,2", "3,1"]),
]
