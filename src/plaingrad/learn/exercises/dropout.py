r"""Dropout.

Write the mask and the backward of dropout. In training each element is dropped with probability p, and those
that stay are scaled so that the mean stays as well; in evaluation nothing happens.

.. math::
    y = x \odot m, \qquad
    \frac{\partial \ell}{\partial x} = \frac{\partial \ell}{\partial y} \odot m, \qquad
    m_i = \begin{cases} 0 & \text{if dropped} \\ 1 / (1 - p) & \text{otherwise} \end{cases}

Shapes: x, y, m, dy and dx have the same, whatever it is.

Example, which ``python -m doctest dropout.py`` tries::

    >>> import torch
    >>> layer = Dropout(0.5)
    >>> y = layer.forward(torch.ones(100))
    >>> y.unique()
    tensor([0., 2.])
    >>> torch.equal(layer.backward(torch.ones(100)), y)
    True
    >>> layer.eval().forward(torch.ones(3))
    tensor([1., 1., 1.])

Source: N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", 2014.
"""

from __future__ import annotations

import torch
from torch import Tensor

from plaingrad.module import Module


class Dropout(Module):
    """Drops elements with probability p in training."""

    def __init__(self, p: float) -> None:
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        kept = torch.ones_like(x)
        if self.training:
            kept = (torch.rand(x.shape, generator=self.generator) >= self.p).to(x.dtype)
        # --- blank mask: mask, from kept (1 for what stays and 0 for the rest), self.p and self.training
        mask = kept / (1 - self.p) if self.training else kept
        # --- end
        y = x * mask
        self.save(mask, y)
        return y

    def backward(self, dy: Tensor) -> Tensor:
        mask = self.restore(dy)
        # --- blank dx: dx, the gradient of the loss with respect to x
        dx = dy * mask
        # --- end
        return dx


# --- teacher

TOPIC = "regularisation"
PARTS = {"forward": 2, "input": 2, "contract": 1}
HINTS = [
    "Without scaling, the mean of y would be (1 - p) times that of x.",
    "In evaluation the mask is 1 everywhere, as kept is.",
    "Backward uses the very mask of forward: dx = dy * mask",
    "mask = kept / (1 - self.p) if self.training else kept",
]
WRONG = [
    (
        "backward draws a mask of its own",
        "dx",
        "dx = dy * (torch.rand(dy.shape) >= self.p) / (1 - self.p)",
        ["redrawn"],
    ),
    ("every gradient passes", "dx", "dx = dy.clone()", ["passes-upstream"]),
    ("the scale is left out in backward", "dx", "dx = dy * (mask > 0)", ["wrong-factor", "missing-factor"]),
    ("the scale counts twice", "dx", "dx = dy * mask / (1 - self.p)", ["wrong-factor"]),
    ("the upstream gradient is left out", "dx", "dx = mask.clone()", ["missing-upstream"]),
    ("the scale is left out in forward", "mask", "mask = kept", ["forward"]),
    ("the scale is there in evaluation too", "mask", "mask = kept / (1 - self.p)", ["forward"]),
]
CASES = [
    ("Dropout", (0.4,), ["6,5"]),
    ("Dropout", (0.2,), ["4,3,3"]),
    ("Dropout", (0.4,), ["4,3"], False),
]
