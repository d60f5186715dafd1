r"""Attention.

Write the backward of scaled dot-product attention: each query takes the mean of the values, weighed by how
well their keys fit.

.. math::
    S &= \frac{Q K^\top}{\sqrt{d}}, \qquad P = \operatorname{softmax}(S), \qquad Y = P V \\
    \frac{\partial \ell}{\partial V} &= P^\top \frac{\partial \ell}{\partial Y}, \qquad
    \frac{\partial \ell}{\partial P} = \frac{\partial \ell}{\partial Y} V^\top \\
    \frac{\partial \ell}{\partial S} &= P \odot \Big( \frac{\partial \ell}{\partial P}
        - \sum_{\text{keys}} \frac{\partial \ell}{\partial P} \odot P \Big) \\
    \frac{\partial \ell}{\partial Q} &= \frac{1}{\sqrt{d}} \frac{\partial \ell}{\partial S} K, \qquad
        \frac{\partial \ell}{\partial K}
        = \frac{1}{\sqrt{d}} \Big(\frac{\partial \ell}{\partial S}\Big)^{\!\top} Q

Shapes: Q is (batch, queries, d), K is (batch, keys, d), V is (batch, keys, size), S and P are
(batch, queries, keys), Y is (batch, queries, size). ``x.mT`` exchanges the last two axes.

Example, which ``python -m doctest attention.py`` tries::

    >>> import torch
    >>> layer = Attention()
    >>> query, key = torch.tensor([[[0.0]]]), torch.tensor([[[1.0], [2.0]]])
    >>> layer.forward(query, key, torch.tensor([[[0.0], [4.0]]]))
    tensor([[[2.]]])
    >>> for gradient in layer.backward(torch.tensor([[[1.0]]])):
    ...     print(gradient)
    tensor([[[1.]]])
    tensor([[[0.],
             [0.]]])
    tensor([[[0.5000],
             [0.5000]]])

Source: A. Vaswani et al., "Attention is all you need", 2017.
"""

from __future__ import annotations

from torch import Tensor

from plaingrad.module import Module


class Attention(Module):
    """Scaled dot-product attention."""

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        scale = query.shape[-1] ** -0.5
        s = query @ key.mT * scale
        p = s.softmax(-1)
        y = p @ value
        self.save((query, key, value, p), y)
        return y

    def backward(self, dy: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        query, key, value, p = self.restore(dy)
        scale = query.shape[-1] ** -0.5
        # --- blank dvalue: dvalue, from p and dy
        dvalue = p.mT @ dy
        # --- end
        # --- blank dp: dp, the gradient of the weights, from dy and value
        dp = dy @ value.mT
        # --- end
        # --- blank ds: ds, the gradient of the scores, from dp and p
        ds = p * (dp - (dp * p).sum(-1, keepdim=True))
        # --- end
        # --- blank dquery: dquery, from ds, key and scale
        dquery = ds @ key * scale
        # --- end
        # --- blank dkey: dkey, from ds, query and scale
        dkey = ds.mT @ query * scale
        # --- end
        return dquery, dkey, dvalue


# --- teacher

TOPIC = "attention"
PARTS = {"forward": 1, "query": 2, "key": 2, "value": 1, "contract": 1}
HINTS = [
    "Y = P V and S = Q K^T are matrix products, whose gradients you know from the linear layer.",
    "Each row of P is a softmax: where one weight grows, the others shrink. That is the sum in ds.",
    "ds = p * (dp - (dp * p).sum(-1, keepdim=True))",
    "The scale is a factor of S, so it is one of dquery and of dkey: dquery = ds @ key * scale",
]
WRONG = [
    ("the scale is left out", "dquery", "dquery = ds @ key", ["missing-factor", "wrong-factor"]),
    ("the other weights of the row are forgotten", "ds", "ds = p * dp", ["missing-term"]),
    ("softmax is taken for elementwise", "ds", "ds = dp * p * (1 - p)", ["missing-term"]),
    ("the derivative of softmax is left out", "ds", "ds = dp", ["missing-derivative"]),
    (
        "the sum goes over queries",
        "ds",
        "ds = p * (dp - (dp * p).sum(-2, keepdim=True))",
        ["wrong-axis"],
    ),
    (
        "it averages over keys",
        "ds",
        "ds = p * (dp - (dp * p).mean(-1, keepdim=True))",
        ["mean-for-sum"],
    ),
    ("the scores are not transposed", "dkey", "dkey = ds @ query * scale", ["transposed"]),
    ("the weights are not transposed", "dvalue", "dvalue = p @ dy", ["transposed"]),
    ("the scale is divided by", "dkey", "dkey = ds.mT @ query / scale", ["wrong-factor"]),
]
CASES = [("Attention", (), ["2,3,3", "2,3,3", "2,3,2"]), ("Attention", (), ["2,3,2", "2,4,2", "2,4,3"])]
