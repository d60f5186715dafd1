"""Adadelta: steps as large as the latest ones were."""

from __future__ import annotations

from plaingrad.optim.common.options import NON_NEGATIVE, SHARE, option
from plaingrad.optim.common.segment import Group, State, accumulator
from plaingrad.optim.optimizer import Optimizer, Vector


class Adadelta(Optimizer):
    r"""Multiplies the gradient by the root mean square of the latest steps over that of the gradients.

    .. math::
        s &\leftarrow \rho s + (1 - \rho)\, g^2, \qquad
            \delta = \frac{\sqrt{a + \epsilon}}{\sqrt{s + \epsilon}}\, g \\
        a &\leftarrow \rho a + (1 - \rho)\, \delta^2, \qquad \theta \leftarrow \theta - \gamma\, \delta

    Source: M. Zeiler, "ADADELTA: an adaptive learning rate method", 2012.
    """

    lr: float = option("the factor γ on the steps", NON_NEGATIVE, default=1.0)
    rho: float = option("how much of the running means is kept, ρ", SHARE, default=0.9)
    eps: float = option("the number ε from which the steps grow", NON_NEGATIVE, default=1e-6)
    weight_decay: float = option("the factor λ of the penalty on large weights", NON_NEGATIVE, default=0)

    def update(self, value: Vector, grad: Vector, state: State, group: Group) -> None:
        rho, eps = group["rho"], group["eps"]
        square = accumulator(state, "square_avg", value)
        steps = accumulator(state, "acc_delta", value)
        square.mul_(rho).addcmul_(grad, grad, value=1 - rho)
        delta = steps.add(eps).sqrt_().div_(square.add(eps).sqrt_()).mul_(grad)
        steps.mul_(rho).addcmul_(delta, delta, value=1 - rho)
        value.add_(delta, alpha=-group["lr"])
