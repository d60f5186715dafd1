r"""Softmax with cross-entropy.

Write the backward of the loss of a classifier. Softmax and logarithm are one step here, because together
their derivative is short and nothing overflows.

.. math::
    p_{ik} = \frac{e^{z_{ik}}}{\sum_j e^{z_{ij}}}, \qquad
    \ell = -\frac{1}{n} \sum_{i=1}^{n} \log p_{i,t_i}, \qquad
    \frac{\partial \ell}{\partial z_{ik}} = \frac{1}{n} (p_{ik} - [k = t_i])

The bracket is 1 for the class that is the target, and 0 for the others.

Shapes: the logits z are (n, classes), the target t holds n class numbers. The loss is a single number.

Example, which ``python -m doctest softmax.py`` tries::

    >>> import torch
    >>> loss = CrossEntropyLoss()
    >>> loss.forward(torch.tensor([[0.0, 0.0], [0.0, 2.0]]), torch.tensor([0, 1]))
    tensor(0.4100)
    >>> loss.backward()
    tensor([[-0.2500,  0.2500],
            [ 0.0596, -0.0596]])
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from plaingrad.module import Module


class CrossEntropyLoss(Module):
    """The cross-entropy of the softmax of logits."""

    differentiable: ClassVar[tuple[str, ...]] = ("logits",)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        shifted = logits - logits.amax(1, keepdim=True)  # so that exp does not overflow
        log_p = shifted - shifted.exp().sum(1, keepdim=True).log()
        rows = torch.arange(len(target))
        loss = -log_p[rows, target].mean()
        self.save((log_p.exp(), rows, target), loss)
        return loss

    def backward(self) -> Tensor:
        p, rows, target = self.restore(None)
        n = len(p)
        # --- blank dlogits: dlogits, from p, rows, target and n; do not change p itself
        dlogits = p.clone()
        dlogits[rows, target] -= 1
        dlogits = dlogits / n
        # --- end
        return dlogits


# --- teacher

TOPIC = "losses"
PARTS = {"forward": 1, "logits": 2, "contract": 1}
HINTS = [
    "The gradient is p, with 1 subtracted where the target is, over the number of samples.",
    "p[rows, target] is the probability of the target's class in every row.",
    "dlogits = p.clone(); dlogits[rows, target] -= 1; dlogits = dlogits / n",
]
WRONG = [
    ("the target is left out", "dlogits", "dlogits = p / n", ["missing-term", "wrong-derivative"]),
    (
        "the mean is left out",
        "dlogits",
        "dlogits = p.clone()\ndlogits[rows, target] -= 1",
        ["wrong-factor", "missing-factor"],
    ),
    (
        "the sign is turned",
        "dlogits",
        "dlogits = -p / n\ndlogits[rows, target] += 1 / n",
        ["wrong-sign"],
    ),
    (
        "it divides by all elements",
        "dlogits",
        "dlogits = p.clone()\ndlogits[rows, target] -= 1\ndlogits = dlogits / p.numel()",
        ["wrong-factor"],
    ),
    (
        "the target alone has a gradient",
        "dlogits",
        "dlogits = torch.zeros_like(p)\ndlogits[rows, target] = p[rows, target] - 1\ndlogits = dlogits / n",
        ["missing-term"],
    ),
    (
        "softmax is applied again",
        "dlogits",
        "dlogits = p.softmax(1)\ndlogits[rows, target] -= 1\ndlogits = dlogits / n",
        ["wrong-derivative-argument"],
    ),
]
CASES = [("CrossEntropyLoss", (), ["5,3", "5:int3"]), ("CrossEntropyLoss", (), ["4,4", "4:int4"])]
