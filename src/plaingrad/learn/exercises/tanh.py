r"""The derivative of tanh.

Write the backward of a layer that applies tanh to every element. Forward is there; it saves its output y,
from which the derivative follows without another tanh.

.. math::
    y = \tanh(x), \qquad
    \frac{\partial \ell}{\partial x} = \frac{\partial \ell}{\partial y} \odot (1 - y^2)

Shapes: x, y, dy and dx have the same, whatever it is.

Example, which ``python -m doctest tanh.py`` tries::

    >>> import torch
    >>> layer = Tanh()
    >>> layer.forward(torch.tensor([0.0, 0.5]))
    tensor([0.0000, 0.4621])
    >>> layer.backward(torch.tensor([1.0, 2.0]))
    tensor([1.0000, 1.5729])
"""

from __future__ import annotations

from torch import Tensor

from plaingrad.module import Module


class Tanh(Module):
    """The hyperbolic tangent of each element."""

    def forward(self, x: Tensor) -> Tensor:
        y = x.tanh()
        self.save(y, y)
        return y

    def backward(self, dy: Tensor) -> Tensor:
        y = self.restore(dy)
        # --- blank dx: dx, the gradient of the loss with respect to x, from dy and y
        dx = dy * (1 - y * y)
        # --- end
        return dx


# --- teacher

TOPIC = "activations"
PARTS = {"forward": 1, "input": 2, "contract": 1}
HINTS = [
    "By the chain rule, dx is dy times the derivative of tanh, element by element.",
    "The derivative of tanh(x) is 1 - tanh(x)^2, and y is tanh(x).",
    "dx = dy * (1 - y ** 2)",
]
WRONG = [
    ("the upstream gradient is left out", "dx", "dx = 1 - y * y", ["missing-upstream"]),
    ("the derivative is left out", "dx", "dx = dy.clone()", ["passes-upstream", "missing-derivative"]),
    ("the sign is turned", "dx", "dx = dy * (y * y - 1)", ["wrong-sign"]),
    ("y is not squared", "dx", "dx = dy * (1 - y)", ["wrong-derivative"]),
    ("tanh is applied again", "dx", "dx = dy * (1 - y.tanh() ** 2)", ["wrong-derivative-argument"]),
    ("it divides by two", "dx", "dx = dy * (1 - y * y) / 2", ["wrong-factor"]),
]
CASES = [("Tanh", (), ["4,3"]), ("Tanh", (), ["2,3,2"])]
