r"""Scaled dot-product attention: means of values, weighed by how well their keys fit the queries.

With queries Q, keys K and values V as rows, a mask M (0 if there is none), and the dropout's factors D (1
without it):

.. math::
    S = \frac{Q K^\top}{\sqrt d} + M, \qquad P_i = \operatorname{softmax}(S_i), \qquad
        A = P \odot D, \qquad Y = A V

Backwards, from dY and the gradient dA that comes through the weights A themselves, where they are used:

.. math::
    \mathrm dV &= A^\top \mathrm dY, \qquad
        \mathrm dP = \big(\mathrm dY\, V^\top + \mathrm dA\big) \odot D \\
    \mathrm dS_{ij} &= P_{ij} \Big(\mathrm dP_{ij} - \sum_k \mathrm dP_{ik} P_{ik}\Big), \qquad
        \mathrm dM = \mathrm dS \\
    \mathrm dQ &= \frac{1}{\sqrt d}\, \mathrm dS\, K, \qquad
        \mathrm dK = \frac{1}{\sqrt d}\, \mathrm dS^\top Q

The third line is the derivative of the softmax of each row: its Jacobian is
:math:`\operatorname{diag}(P_i) - P_i P_i^\top`.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

Queries = Float[Tensor, "rows queries size"]
Keys = Float[Tensor, "rows keys size"]
Weights = Float[Tensor, "rows queries keys"]


def softmax_of_scores(q: Queries, k: Keys, mask: Tensor | None, hidden_is_zero: bool) -> Weights:
    """The weights P before dropout.

    Args:
        q: the queries.
        k: the keys.
        mask: added to the scores; spreads over them.
        hidden_is_zero: whether a row without any key, all masked by minus infinity, has weights of 0; they
            are NaN otherwise.
    """
    scale = 1 / math.sqrt(q.shape[-1])
    if mask is None:
        scores = q.new_empty(*q.shape[:2], k.shape[1]).baddbmm_(q, k.mT, beta=0, alpha=scale)
    else:
        scores = mask.baddbmm(q, k.mT, alpha=scale)
    if not scores.numel():
        return scores
    largest = scores.detach().amax(-1, keepdim=True)  # any number there gives the same weights
    if hidden_is_zero:
        largest = largest.masked_fill(largest == -math.inf, 0)
    e = scores.sub_(largest).exp_()  # the largest is exp(0): nothing overflows
    total = e.sum(-1, keepdim=True)
    if hidden_is_zero:
        total = total.masked_fill(total == 0, 1)
    return e / total


def attention_backward(
    q: Queries,
    k: Keys,
    v: Keys,
    p: Weights,
    drop: Weights | None,
    dy: Queries,
    dweights: Tensor | None,
) -> tuple[Queries, Keys, Keys, Weights]:
    """The gradients of queries, keys, values and scores.

    Args:
        q: the queries.
        k: the keys.
        v: the values.
        p: the weights before dropout.
        drop: the dropout's factors, or None.
        dy: the gradient of the means of values.
        dweights: the gradient of the weights after dropout, or of what spreads to them; or None.
    """
    scale = 1 / math.sqrt(q.shape[-1])
    weights = p if drop is None else p * drop
    dv = weights.mT.bmm(dy)
    dp = dy.bmm(v.mT)
    if dweights is not None:
        dp += dweights
    if drop is not None:
        dp *= drop
    along = torch.einsum("rqk,rqk->rq", dp, p).unsqueeze(-1)
    dscores = dp.sub_(along).mul_(p)
    dq = torch.empty_like(q).baddbmm_(dscores, k, beta=0, alpha=scale)
    dk = torch.empty_like(k).baddbmm_(dscores.mT, q, beta=0, alpha=scale)
    return dq, dk, dv, dscores
