"""Muon: steps of matrices along the nearest orthogonal one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import BFloat16, Float
from torch import Tensor

from plaingrad.errors import InputError
from plaingrad.optim.common.decoupled import Decoupled
from plaingrad.optim.common.options import (
    FLAG,
    NEVER,
    NON_NEGATIVE,
    Expected,
    is_count,
    is_number,
    one_of,
    option,
)
from plaingrad.optim.common.segment import Group, State, accumulator

Matrix = Float[Tensor, "rows columns"]

COEFFICIENTS = Expected(
    "three finite numbers",
    lambda value: isinstance(value, (tuple, list)) and len(value) == 3 and all(map(is_number, value)),
)
BELOW_100 = Expected(
    "a whole number from 0 to 99", lambda value: value == 0 or (is_count(value) and value < 100)
)


class Muon(Decoupled):
    r"""Steps along the momentum with all its singular values made about 1.

    .. math::
        b &\leftarrow \mu\, b + (1 - \mu)\, g, \qquad
            u = (1 - \mu)\, g + \mu\, b \;\text{ if nesterov, else } b \\
        X_0 &= \frac{u}{\max(\lVert u \rVert, \epsilon)}, \qquad
            X_{i+1} = a_1 X_i + \big(a_2 A_i + a_3 A_i^2\big) X_i, \quad A_i = X_i X_i^\top \\
        \theta &\leftarrow (1 - \gamma \lambda)\, \theta - \gamma\, s\, X_k, \qquad
            s = \sqrt{\max(1, m / n)} \;\text{ or }\; 0.2 \sqrt{\max(m, n)}

    for parameters of m rows and n columns; a matrix of more rows than columns is transposed meanwhile. The
    iteration is computed in bfloat16. Only matrices are updated: biases, and as a rule embeddings and the
    last layer, belong to another optimizer such as `AdamW`.

    Source: K. Jordan, Y. Jin, V. Boza, J. You, F. Cesista, L. Newhouse, J. Bernstein, "Muon: an optimizer for
    hidden layers in neural networks", 2024; J. Liu and others, "Muon is scalable for LLM training", 2025
    (match_rms_adamw).
    """

    lr: float = option("the step size γ", NON_NEGATIVE, default=1e-3)
    weight_decay: float = option("the rate λ at which weights shrink", NON_NEGATIVE, default=0.1)
    momentum: float = option("how much of the velocity b is kept, μ", NON_NEGATIVE, default=0.95)
    nesterov: bool = option("whether to look ahead by one step of the velocity", FLAG, default=True)
    ns_coefficients: tuple[float, float, float] = option(
        "the coefficients a of the iteration", COEFFICIENTS, default=(3.4445, -4.7750, 2.0315)
    )
    eps: float = option("the number ε that keeps the denominator from 0", NON_NEGATIVE, default=1e-7)
    ns_steps: int = option("the number k of iterations", BELOW_100, default=5)
    adjust_lr_fn: str | None = option(
        'the factor s: the first one for "original" or None, the second one for "match_rms_adamw", with '
        "which γ and λ are those of `AdamW`",
        one_of(None, "original", "match_rms_adamw"),
        default=None,
    )
    maximize: bool = option("never so", NEVER, default=False, kw_only=True, init=False)

    needs_shapes = True

    def check(self, where: str, group: Mapping[str, Any]) -> None:
        super().check(where, group)
        for parameter in group.get("params", ()):
            if parameter.value.ndim != 2:
                raise InputError(f"{where}: expected matrices, got {parameter}")

    def update(self, value: Matrix, grad: Matrix, state: State, group: Group) -> None:
        momentum = group["momentum"]
        velocity = accumulator(state, "momentum_buffer", value).lerp_(grad, 1 - momentum)
        u = grad.lerp(velocity, momentum) if group["nesterov"] else velocity
        x = orthogonalised(u, group["ns_coefficients"], group["ns_steps"], group["eps"])
        value.add_(x, alpha=-group["lr"] * scale(group["adjust_lr_fn"], *value.shape))


def orthogonalised(
    u: Matrix, coefficients: tuple[float, float, float], steps: int, eps: float
) -> BFloat16[Tensor, "rows columns"]:
    """The matrix with its singular values driven towards 1 by the iteration of Newton and Schulz."""
    a, b, c = coefficients
    x = u.to(torch.bfloat16)
    tall = u.shape[0] > u.shape[1]
    if tall:
        x = x.T
    x = x / torch.linalg.vector_norm(x).clamp_(min=eps)
    for _ in range(steps):
        gram = x @ x.T
        x = x.addmm(gram.addmm(gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x


def scale(kind: str | None, rows: int, columns: int) -> float:
    """The factor on the step size for a matrix of this size."""
    if kind == "match_rms_adamw":
        return 0.2 * math.sqrt(max(rows, columns))
    return math.sqrt(max(1.0, rows / columns)) if columns else 1.0
