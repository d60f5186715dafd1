r"""The mean squared error.

Write the backward of a loss. A loss is where backpropagation starts: there is no upstream gradient, and the
target has no gradient.

.. math::
    \ell = \frac{1}{n} \sum_{i=1}^{n} (p_i - t_i)^2, \qquad
    \frac{\partial \ell}{\partial p} = \frac{2}{n} (p - t)

Shapes: the prediction p and the target t have the same; n counts all elements, not the samples alone.
The loss is a single number.

Example, which ``python -m doctest mse.py`` tries::

    >>> import torch
    >>> loss = MSELoss()
    >>> loss.forward(torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, 4.0]]))
    tensor(2.5000)
    >>> loss.backward()
    tensor([[ 1., -2.]])
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from plaingrad.module import Module


class MSELoss(Module):
    """The mean of the squared differences."""

    differentiable: ClassVar[tuple[str, ...]] = ("prediction",)

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        difference = prediction - target
        loss = (difference**2).mean()
        self.save(difference, loss)
        return loss

    def backward(self) -> Tensor:
        difference = self.restore(None)
        # --- blank dprediction: dprediction, the gradient of the loss, from difference
        dprediction = 2 * difference / difference.numel()
        # --- end
        return dprediction


# --- teacher

TOPIC = "losses"
PARTS = {"forward": 1, "prediction": 2, "contract": 1}
HINTS = [
    "The derivative of a square is two times what is squared.",
    "The mean divides by the number of elements, and so does its derivative.",
    "dprediction = 2 * difference / difference.numel()",
]
WRONG = [
    ("the two is left out", "dprediction", "dprediction = difference / difference.numel()", ["wrong-factor"]),
    (
        "the sign is turned",
        "dprediction",
        "dprediction = -2 * difference / difference.numel()",
        ["wrong-sign"],
    ),
    (
        "the mean is left out",
        "dprediction",
        "dprediction = 2 * difference",
        ["wrong-factor", "missing-factor"],
    ),
    (
        "it divides by the samples",
        "dprediction",
        "dprediction = 2 * difference / len(difference)",
        ["wrong-factor"],
    ),
    (
        "the difference is left out",
        "dprediction",
        "dprediction = 0 * difference + 2 / difference.numel()",
        ["missing-factor", "wrong-derivative"],
    ),
]
CASES = [("MSELoss", (), ["4,3", "4,3"]), ("MSELoss", (), ["5,2", "5,2"])]
