r"""The embedding.

Write the backward of a table of vectors that are looked up by number. An index that occurs twice has a
gradient from both occurrences.

.. math::
    y_i = W_{x_i}, \qquad
    \frac{\partial \ell}{\partial W_j} = \sum_{i :\, x_i = j} \frac{\partial \ell}{\partial y_i}

Indices are integers and have no gradient: backward returns None.

Shapes: x is (batch, length) of integers, y and dy are (batch, length, size), W is (entries, size).

Example, which ``python -m doctest embedding.py`` tries::

    >>> import torch
    >>> layer = Embedding(3, 1)
    >>> y = layer.forward(torch.tensor([[2, 0, 2]]))
    >>> layer.backward(torch.tensor([[[1.0], [5.0], [10.0]]]))
    >>> layer.weight.grad
    tensor([[ 5.],
            [ 0.],
            [11.]])

Source: Y. Bengio, R. Ducharme, P. Vincent, C. Jauvin, "A neural probabilistic language model", 2003.
"""

from __future__ import annotations

import torch
from torch import Tensor

from plaingrad.module import Module
from plaingrad.parameter import Parameter


class Embedding(Module):
    """A table of vectors."""

    def __init__(self, entries: int, size: int) -> None:
        self.weight = Parameter(torch.randn(entries, size))

    def forward(self, x: Tensor) -> Tensor:
        y = self.weight.value[x]
        self.save(x, y)
        return y

    def backward(self, dy: Tensor) -> None:
        x = self.restore(dy)
        indices = x.reshape(-1)
        rows = dy.reshape(len(indices), -1)
        # --- blank weight: add each of the rows to the row of self.weight.grad that indices names
        self.weight.grad.index_add_(0, indices, rows)
        # --- end


# --- teacher

TOPIC = "layers"
PARTS = {"forward": 1, "weight": 3, "contract": 1}
HINTS = [
    "Each row of dy belongs to one row of the table, that of its index.",
    "grad[indices] += rows keeps only one of the rows with the same index, since it reads before it writes.",
    "self.weight.grad.index_add_(0, indices, rows)",
]
WRONG = [
    ("of repeated indices one counts", "weight", "self.weight.grad[indices] += rows", ["duplicates-lost"]),
    ("rows are assigned", "weight", "self.weight.grad[indices] = rows", ["overwrites", "duplicates-lost"]),
    (
        "the gradients before are lost",
        "weight",
        "self.weight.grad.zero_()\nself.weight.grad.index_add_(0, indices, rows)",
        ["overwrites"],
    ),
    (
        "rows are averaged",
        "weight",
        "self.weight.grad.index_add_(0, indices, rows / len(rows))",
        ["mean-for-sum", "wrong-factor"],
    ),
    ("nothing is learned", "weight", "pass", ["missing-term"]),
    ("the sign is turned", "weight", "self.weight.grad.index_add_(0, indices, -rows)", ["wrong-sign"]),
]
CASES = [("Embedding", (5, 3), ["4,3:int5"]), ("Embedding", (3, 3), ["3,3:int3"])]
