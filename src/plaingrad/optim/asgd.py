"""ASGD: stochastic gradient descent, and the mean of where it has been."""

from __future__ import annotations

from plaingrad.optim.common.options import NON_NEGATIVE, option
from plaingrad.optim.common.segment import Group, State, accumulator
from plaingrad.optim.optimizer import Optimizer, Vector


class ASGD(Optimizer):
    r"""Walks down the gradient with a falling step size, and averages the parameters from step t₀ on.

    .. math::
        \theta &\leftarrow (1 - \lambda \eta_t)\, \theta - \eta_t\, g, \qquad
            \eta_{t+1} = \frac{\gamma}{(1 + \lambda \gamma t)^\alpha}, \quad \eta_1 = \gamma \\
        \bar\theta &\leftarrow \bar\theta + \mu_t\, (\theta - \bar\theta), \qquad
            \mu_{t+1} = \frac{1}{\max(1,\; t - t_0)}, \quad \mu_1 = 1

    The mean is in ``optimizer.state[parameter]["ax"]``. A new ``lr`` counts from the second step after it was
    set, since the next step's size is known already.

    Source: B. Polyak, A. Juditsky, "Acceleration of stochastic approximation by averaging", 1992.
    """

    lr: float = option("the first step size γ", NON_NEGATIVE, default=1e-2)
    lambd: float = option("how fast weights shrink and the step size falls, λ", NON_NEGATIVE, default=1e-4)
    alpha: float = option("the power α of the fall of the step size", NON_NEGATIVE, default=0.75)
    t0: float = option("the number t₀ of steps before the mean begins", NON_NEGATIVE, default=1e6)
    weight_decay: float = option("the factor of the penalty on large weights", NON_NEGATIVE, default=0)

    def update(self, value: Vector, grad: Vector, state: State, group: Group) -> None:
        lr, lambd = group["lr"], group["lambd"]
        t = state["step"] = state.get("step", 0) + 1
        eta = state["eta"] if t > 1 else lr
        mu = state["mu"] if t > 1 else 1.0
        mean = accumulator(state, "ax", value)
        value.mul_(1 - lambd * eta).add_(grad, alpha=-eta)
        mean.lerp_(value, mu)
        state["eta"] = lr / (1 + lambd * lr * t) ** group["alpha"]
        state["mu"] = 1 / max(1.0, t - group["t0"])
