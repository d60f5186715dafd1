"""Adam and AdamW: steps scaled by running moments of the gradient."""

from __future__ import annotations

import math

import torch

from plaingrad.optim.common.decoupled import Decoupled
from plaingrad.optim.common.options import FLAG, FRACTIONS, NON_NEGATIVE, option
from plaingrad.optim.common.segment import Group, State, accumulator
from plaingrad.optim.optimizer import Vector


class Adam(Decoupled):
    r"""Divides the mean of the gradient by the root of its mean square.

    .. math::
        m &\leftarrow \beta_1 m + (1 - \beta_1)\, g, \qquad v \leftarrow \beta_2 v + (1 - \beta_2)\, g^2 \\
        \hat m &= \frac{m}{1 - \beta_1^t}, \qquad \hat v = \frac{v}{1 - \beta_2^t} \\
        \theta &\leftarrow \theta - \gamma\, \frac{\hat m}{\sqrt{\hat v} + \epsilon}

    Keras and scikit-learn follow the faster order of the paper's section 2, whose :math:`\hat\epsilon` counts
    for more in the first steps, as if ε were :math:`\hat\epsilon / \sqrt{1 - \beta_2^t}`. The compiled
    kernels take that order too, with :math:`\epsilon \sqrt{1 - \beta_2^t}` in its place, which is the same
    but for rounding.

    Source: D. Kingma, J. Ba, "Adam: a method for stochastic optimization", 2015; S. Reddi, S. Kale, S. Kumar,
    "On the convergence of Adam and beyond", 2018 (amsgrad).
    """

    lr: float = option("the step size γ", NON_NEGATIVE, default=1e-3)
    betas: tuple[float, float] = option(
        "how much of the two running means is kept, β₁ and β₂", FRACTIONS, default=(0.9, 0.999)
    )
    eps: float = option("the number ε that keeps the denominator from 0", NON_NEGATIVE, default=1e-8)
    weight_decay: float = option("the factor λ of the penalty on large weights", NON_NEGATIVE, default=0)
    amsgrad: bool = option("whether to divide by the largest v so far", FLAG, default=False)
    decoupled_weight_decay: bool = option(
        "whether to shrink the weights themselves, as `AdamW` does, and leave the gradient alone",
        FLAG,
        default=False,
        kw_only=True,
    )
    epsilon_hat: bool = option(
        "whether ``eps`` is the paper's ε̂, added before v is corrected", FLAG, default=False, kw_only=True
    )

    def update(self, value: Vector, grad: Vector, state: State, group: Group) -> None:
        beta1, beta2 = group["betas"]
        t = state["step"] = state.get("step", 0) + 1
        m = accumulator(state, "exp_avg", value)
        v = accumulator(state, "exp_avg_sq", value)
        m.lerp_(grad, 1 - beta1)
        v.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        if group["amsgrad"]:
            largest = accumulator(state, "max_exp_avg_sq", value)
            v = torch.maximum(largest, v, out=largest)
        root = math.sqrt(1 - beta2**t)
        eps = group["eps"] / root if group["epsilon_hat"] else group["eps"]
        value.addcdiv_(m, v.sqrt().div_(root).add_(eps), value=-group["lr"] / (1 - beta1**t))


class AdamW(Adam):
    r"""Adam with decoupled weight decay: it shrinks the weights without passing through the moments.

    .. math::
        \theta &\leftarrow (1 - \gamma \lambda)\, \theta \\
        \theta &\leftarrow \theta - \gamma\, \frac{\hat m}{\sqrt{\hat v} + \epsilon} && \text{as in Adam}

    Source: I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", 2019.
    """

    weight_decay: float = option("the rate λ at which weights shrink", NON_NEGATIVE, default=1e-2)
    decoupled_weight_decay: bool = option("always so", FLAG, default=True, kw_only=True, init=False)
    epsilon_hat: bool = option("never so", FLAG, default=False, kw_only=True, init=False)
