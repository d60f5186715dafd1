r"""The derivative of ReLU.

Write the backward of the rectifier. Forward saves its input.

.. math::
    y = \max(x, 0), \qquad
    \frac{\partial \ell}{\partial x} = \frac{\partial \ell}{\partial y} \odot [x > 0]

The bracket is 1 where the condition holds, and 0 elsewhere; at the kink, x = 0, the derivative is taken as 0.

Shapes: x, y, dy and dx have the same, whatever it is.

Example, which ``python -m doctest relu.py`` tries::

    >>> import torch
    >>> layer = ReLU()
    >>> layer.forward(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([0., 0., 2.])
    >>> layer.backward(torch.tensor([3.0, 4.0, 5.0]))
    tensor([0., 0., 5.])
"""

from __future__ import annotations

from torch import Tensor

from plaingrad.module import Module


class ReLU(Module):
    """The larger of each element and 0."""

    def forward(self, x: Tensor) -> Tensor:
        y = x.clamp_min(0)
        self.save(x, y)
        return y

    def backward(self, dy: Tensor) -> Tensor:
        x = self.restore(dy)
        # --- blank dx: dx, the gradient of the loss with respect to x, from dy and x
        dx = dy * (x > 0)
        # --- end
        return dx


# --- teacher

TOPIC = "activations"
PARTS = {"forward": 1, "input": 2, "contract": 1}
HINTS = [
    "Where x is positive, y = x, so the gradient passes; elsewhere y does not depend on x.",
    "A comparison such as x > 0 gives a tensor of truth values, which multiply as 1 and 0.",
    "dx = dy * (x > 0)",
]
WRONG = [
    ("the upstream gradient is left out", "dx", "dx = (x > 0).to(dy.dtype)", ["missing-upstream"]),
    ("every gradient passes", "dx", "dx = dy.clone()", ["passes-upstream"]),
    (
        "the sign of the gradient decides",
        "dx",
        "dx = dy.clamp_min(0)",
        ["wrong-derivative-argument"],
    ),
    ("it multiplies by the output", "dx", "dx = dy * x.clamp_min(0)", ["wrong-derivative"]),
    ("the condition is turned", "dx", "dx = dy * (x < 0)", ["wrong-derivative"]),
    ("the gradient passes at 0 too", "dx", "dx = dy * (x >= 0)", ["kink"]),
    ("half of the gradient passes at 0", "dx", "dx = dy * (x.sign() + 1) / 2", ["kink"]),
    ("the upstream gradient is overwritten", "dx", "dx = dy.mul_(x > 0)", ["mutates"]),
]
CASES = [("ReLU", (), ["4,3"]), ("ReLU", (), ["2,3,2"]), ("ReLU", (), ["4,3:signs"])]
