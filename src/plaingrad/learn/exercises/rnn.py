r"""A recurrent network through time.

Write the backward of a recurrent layer. The state of each step has a gradient from two sides: from the output
there, and from the step after it. Backward walks the steps from the last to the first and carries it along.

.. math::
    h_t &= \tanh(a_t), \qquad a_t = x_t U^\top + h_{t-1} W^\top + b, \qquad h_0 = 0 \\
    \frac{\partial \ell}{\partial a_t} &= \Big( \frac{\partial \ell}{\partial y_t}
        + \frac{\partial \ell}{\partial a_{t+1}} W \Big) \odot (1 - h_t^2) \\
    \frac{\partial \ell}{\partial U} &= \sum_t \Big(\frac{\partial \ell}{\partial a_t}\Big)^{\!\top} x_t, \\
    \frac{\partial \ell}{\partial W}
        &= \sum_t \Big(\frac{\partial \ell}{\partial a_t}\Big)^{\!\top} h_{t-1}, \qquad
        \frac{\partial \ell}{\partial x_t} = \frac{\partial \ell}{\partial a_t} U

The outputs y are all states h.

Shapes: x is (steps, batch, inputs), y and dy are (steps, batch, size), U is (size, inputs), W is
(size, size), b is (size), and the state h, its gradient dh and da are (batch, size).

Example, which ``python -m doctest rnn.py`` tries::

    >>> import torch
    >>> layer = RNN(1, 1)
    >>> layer.u.value[:], layer.w.value[:], layer.bias.value[:] = 1.0, 1.0, 0.0
    >>> layer.forward(torch.tensor([[[1.0]], [[0.0]]])).flatten()
    tensor([0.7616, 0.6420])
    >>> layer.backward(torch.tensor([[[0.0]], [[1.0]]])).flatten()
    tensor([0.2469, 0.5878])
    >>> layer.u.grad, layer.w.grad, layer.bias.grad
    (tensor([[0.2469]]), tensor([[0.4477]]), tensor([0.8347]))

Source: P. Werbos, "Backpropagation through time: what it does and how to do it", 1990.
"""

from __future__ import annotations

import torch
from torch import Tensor

from plaingrad.module import Module
from plaingrad.parameter import Parameter


class RNN(Module):
    """A recurrent layer that returns its state after every step."""

    def __init__(self, inputs: int, size: int) -> None:
        self.u = Parameter(torch.randn(size, inputs) / inputs**0.5)
        self.w = Parameter(torch.randn(size, size) / size**0.5)
        self.bias = Parameter(torch.randn(size))

    def forward(self, x: Tensor) -> Tensor:
        h = x.new_zeros(x.shape[1], self.bias.value.shape[0])
        states = [h]
        for x_t in x:
            h = (x_t @ self.u.value.T + h @ self.w.value.T + self.bias.value).tanh()
            states.append(h)
        y = torch.stack(states[1:])
        self.save((x, states), y)
        return y

    def backward(self, dy: Tensor) -> Tensor:
        x, states = self.restore(dy)
        dx = torch.zeros_like(x)
        dh = torch.zeros_like(states[0])  # what comes from the step after
        for t in reversed(range(len(x))):
            h, before = states[t + 1], states[t]
            # --- blank da: da, from dy[t], dh and h
            da = (dy[t] + dh) * (1 - h * h)
            # --- end
            # --- blank parameters: add to the gradients of u, w and bias, from da, x[t] and before
            self.u.grad += da.T @ x[t]
            self.w.grad += da.T @ before
            self.bias.grad += da.sum(0)
            # --- end
            # --- blank dx: dx[t], the gradient of the input of this step
            dx[t] = da @ self.u.value
            # --- end
            # --- blank dh: dh, the gradient of the state before, for the next round of this loop
            dh = da @ self.w.value
            # --- end
        return dx


# --- teacher

TOPIC = "recurrent"
PARTS = {"forward": 1, "input": 2, "u": 1, "w": 2, "bias": 1, "contract": 1}
HINTS = [
    "Within a step this is a linear layer and a tanh. New is dh, which comes from the step after.",
    "The gradient of the state is dy[t] + dh, and the derivative of tanh is 1 - h * h.",
    "The same parameters are used in every step, so every step adds to their gradients.",
    "da = (dy[t] + dh) * (1 - h * h), and at the end of the round dh = da @ self.w.value",
]
WRONG = [
    ("the step after is forgotten", "da", "da = dy[t] * (1 - h * h)", ["missing-term"]),
    ("the derivative of tanh is left out", "da", "da = dy[t] + dh", ["missing-derivative"]),
    ("the state is not squared", "da", "da = (dy[t] + dh) * (1 - h)", ["wrong-derivative"]),
    (
        "the derivative is left out of what comes from the step after",
        "da",
        "da = dy[t] * (1 - h * h) + dh",
        ["missing-derivative"],
    ),
    ("the weight is transposed", "dh", "dh = da @ self.w.value.T", ["transposed"]),
    (
        "the state after in place of that before",
        "parameters",
        "self.u.grad += da.T @ x[t]\nself.w.grad += da.T @ h\nself.bias.grad += da.sum(0)",
        ["wrong-derivative-argument"],
    ),
    (
        "only the last round counts",
        "parameters",
        "self.u.grad.copy_(da.T @ x[t])\nself.w.grad.copy_(da.T @ before)\nself.bias.grad.copy_(da.sum(0))",
        ["overwrites"],
    ),
    (
        "the bias is averaged",
        "parameters",
        "self.u.grad += da.T @ x[t]\nself.w.grad += da.T @ before\nself.bias.grad += da.mean(0)",
        ["wrong-factor", "mean-for-sum"],
    ),
]
CASES = [("RNN", (3, 4), ["4,2,3"]), ("RNN", (3, 3), ["3,3,3"])]
