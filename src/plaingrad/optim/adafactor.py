"""Adafactor: steps scaled by the mean squares of rows and columns."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from plaingrad.optim.common.decoupled import Decoupled
from plaingrad.optim.common.options import NON_NEGATIVE, Expected, is_number, option
from plaingrad.optim.common.segment import Group, State, accumulator
from plaingrad.optim.optimizer import Vector

EPSILONS = Expected(
    "two numbers of at least 0, or None and such a number",
    lambda value: (
        isinstance(value, (tuple, list))
        and len(value) == 2
        and (value[0] is None or NON_NEGATIVE.fits(value[0]))
        and NON_NEGATIVE.fits(value[1])
    ),
)
NOT_POSITIVE = Expected("a finite number of at most 0", lambda value: is_number(value) and value <= 0)
AT_LEAST_ONE = Expected("a finite number of at least 1", lambda value: is_number(value) and value >= 1)


class Adafactor(Decoupled):
    r"""Remembers the mean squares of rows and columns alone, and steps in proportion to the weights.

    .. math::
        \hat\beta_t &= 1 - t^\tau, \qquad \rho_t = \min\big(\gamma, 1 / \sqrt t\big), \qquad
            \alpha_t = \max\big(\epsilon_2, \operatorname{RMS}(\theta)\big)\, \rho_t \\
        \theta &\leftarrow (1 - \gamma \lambda)\, \theta \\
        R_i &\leftarrow \hat\beta_t R_i + (1 - \hat\beta_t)\, \overline{g_{i \cdot}^2}, \qquad
            C_j \leftarrow \hat\beta_t C_j + (1 - \hat\beta_t)\, \overline{g_{\cdot j}^2}, \qquad
            V_{ij} = \frac{R_i\, C_j}{\max\big(\overline R, \epsilon_1\big)} && \text{for matrices} \\
        V &\leftarrow \hat\beta_t V + (1 - \hat\beta_t)\, g^2 && \text{for vectors} \\
        U &= \frac{g}{\max\big(\sqrt V, \epsilon_1\big)}, \qquad
            \theta \leftarrow \theta - \frac{\alpha_t\, U}{\max\big(1, \operatorname{RMS}(U) / d\big)}

    where bars are means, and RMS is the root of the mean square. Parameters of more than two axes are
    matrices along their last two.

    Source: N. Shazeer, M. Stern, "Adafactor: adaptive learning rates with sublinear memory cost", 2018, with
    PyTorch's place of :math:`\epsilon_1` and its γ, which is 0.01 in the paper.
    """

    lr: float = option("the largest relative step size γ", NON_NEGATIVE, default=1e-2)
    beta2_decay: float = option(
        "the power τ of the fall of the newest gradient's share", NOT_POSITIVE, default=-0.8
    )
    eps: tuple[float | None, float] = option(
        "the least root mean squares of gradients and of weights, ε₁ (if None, the distance from 1 to the "
        "next number in the dtype) and ε₂",
        EPSILONS,
        default=(None, 1e-3),
    )
    d: float = option("the root mean square to which steps are clipped", AT_LEAST_ONE, default=1.0)
    weight_decay: float = option("the rate λ at which weights shrink", NON_NEGATIVE, default=0.0)

    needs_shapes = True

    def decay(self, value: Vector, grad: Vector, group: Group) -> Vector:
        return grad  # update does it, after it has measured the weights

    def update(
        self, value: Float[Tensor, "*shape"], grad: Float[Tensor, "*shape"], state: State, group: Group
    ) -> None:
        if not value.numel():
            return
        t = state["step"] = state.get("step", 0) + 1
        least, least_weight = group["eps"]
        if least is None:
            least = torch.finfo(value.dtype).eps
        alpha = max(least_weight, rms(value)) * min(group["lr"], 1 / math.sqrt(t))
        value.mul_(1 - group["lr"] * group["weight_decay"])
        square = self.mean_square(grad, state, t ** group["beta2_decay"], least)
        u = square.clamp_(min=least * least).rsqrt_().mul_(grad)
        value.add_(u, alpha=-alpha / max(1.0, rms(u) / group["d"]))

    def mean_square(self, grad: Tensor, state: State, share: float, least: float) -> Tensor:
        """The running mean V of the squared gradient, in which the newest has this share."""
        if grad.ndim < 2:
            return accumulator(state, "variance", grad).lerp_(grad * grad, share).clone()
        rows, columns = (
            torch.linalg.vector_norm(grad, dim=axis, keepdim=True).square_().div_(grad.shape[axis])
            for axis in (-1, -2)
        )
        r = accumulator(state, "row_var", rows).lerp_(rows, share)
        c = accumulator(state, "col_var", columns).lerp_(columns, share)
        return (r @ c).div_(r.mean(-2, keepdim=True).clamp_(min=least))


def rms(x: Tensor) -> float:
    """The root of the mean square."""
    return torch.linalg.vector_norm(x, dtype=torch.float64).item() / math.sqrt(x.numel())
