"""L-BFGS: quasi-Newton steps from the latest changes of the gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from plaingrad.errors import InputError
from plaingrad.optim.common.line_search import Point, strong_wolfe
from plaingrad.optim.common.options import COUNT, COUNT_OR_NONE, NEVER, NON_NEGATIVE, one_of, option
from plaingrad.optim.common.segment import Group, State
from plaingrad.optim.optimizer import Optimizer, Vector
from plaingrad.parameter import Parameter

LEAST_CURVATURE = 1e-10


class LBFGS(Optimizer):
    r"""Steps to the minimum of a quadratic model, built of the latest changes of gradient and parameters.

    .. math::
        d &= -H g, \qquad \theta \leftarrow \theta + t\, d, \qquad
            s_i = \theta_{i+1} - \theta_i, \quad y_i = g_{i+1} - g_i, \quad \rho_i = \frac{1}{y_i^\top s_i} \\
        H_{i+1} &= (I - \rho_i s_i y_i^\top)\, H_i\, (I - \rho_i y_i s_i^\top) + \rho_i s_i s_i^\top,
            \qquad H_0 = \frac{y^\top s}{y^\top y}\, I \;\text{ of the newest pair}

    Each step makes up to ``max_iter`` such iterations, for which it calls a closure again and again; it is
    meant for a batch of all the data. Without a line search t is γ, and in the very first iteration
    :math:`\gamma \min(1, 1 / \lVert g \rVert_1)`. The state is that of all parameters together; it is
    recorded with the first one, as in PyTorch. A parameter without a gradient may be moved by what is
    remembered of it; a frozen one stays.

    Source: J. Nocedal, "Updating quasi-Newton matrices with limited storage", 1980; D. Liu, J. Nocedal, "On
    the limited memory BFGS method for large scale optimization", 1989.
    """

    lr: float = option("the step length γ", NON_NEGATIVE, default=1)
    max_iter: int = option("the most iterations of a step", COUNT, default=20)
    max_eval: int | None = option(
        "the most calls of the closure in a step; None for 5/4 of ``max_iter``", COUNT_OR_NONE, default=None
    )
    tolerance_grad: float = option(
        "the largest absolute value of a gradient that counts as 0", NON_NEGATIVE, default=1e-7
    )
    tolerance_change: float = option(
        "the change of loss and parameters below which a step ends", NON_NEGATIVE, default=1e-9
    )
    history_size: int = option("how many pairs s and y are remembered", COUNT, default=100)
    line_search_fn: str | None = option(
        '"strong_wolfe" to search for the step length t', one_of(None, "strong_wolfe"), default=None
    )
    maximize: bool = option("never so", NEVER, default=False, kw_only=True, init=False)
    clip_norm: float | None = option("never so", default=None, kw_only=True, init=False)

    needs_closure: ClassVar[bool] = True

    def step(self, closure: Callable[[], Any] | None = None, *, samples: float = 1.0) -> Any:
        """Make up to ``max_iter`` iterations.

        Args:
            closure: computes the gradients anew, and returns the loss.
            samples: as for other rules; there is no weight decay to divide.

        Returns:
            The closure's first result.

        Raises:
            InputError: there is no closure.
        """
        if closure is None:
            raise InputError("LBFGS: expected a closure that computes loss and gradients, got none")
        group, segment = self.param_groups[0], self.segments[0][0]
        value, state = segment.value, segment.state
        state.setdefault("n_iter", 0)
        first = closure()
        loss, grad, evaluations = float(first), self._gradient(), 1
        iterations = 0
        while iterations < group["max_iter"] and not largest(grad) <= group["tolerance_grad"]:
            iterations += 1
            state["n_iter"] += 1
            d = state["d"] = self._direction(state, grad, group["history_size"])
            t, slope = group["lr"], grad.dot(d).item()
            if state["n_iter"] == 1:
                t *= min(1.0, 1.0 / grad.abs().sum().item())
            state.update(prev_flat_grad=grad, prev_loss=loss, t=t)
            if slope > -group["tolerance_change"]:
                break
            if group["line_search_fn"]:
                start, limit = Point(0.0, loss, slope, grad), group["max_eval"] - evaluations
                evaluate = self._along(d, closure)
                width = largest(d)
                best, calls = strong_wolfe(evaluate, start, t, width, group["tolerance_change"], limit)
                t, loss, _, grad = best
                value.add_(d, alpha=t)
                evaluations += calls
                state["t"] = t
            else:
                value.add_(d, alpha=t)
                if iterations < group["max_iter"]:
                    loss, grad = float(closure()), self._gradient()
                    evaluations += 1
            if evaluations >= group["max_eval"] or largest(d) * abs(t) <= group["tolerance_change"]:
                break
            if abs(loss - state["prev_loss"]) < group["tolerance_change"]:
                break
        state["func_evals"] = state.get("func_evals", 0) + evaluations
        return first

    @property
    def state(self) -> dict[Parameter, State]:
        segment = self.segments[0][0]
        return {segment.parameters[0]: segment.state}

    def _direction(self, state: State, grad: Vector, history_size: int) -> Vector:
        """The direction d, after the newest pair has been added to what is remembered."""
        if state["n_iter"] == 1:
            state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1.0)
            return -grad
        ys, ss, inverses = state["old_dirs"], state["old_stps"], state["ro"]
        y, s = grad - state["prev_flat_grad"], state["d"] * state["t"]
        product = y.dot(s).item()
        if product > LEAST_CURVATURE:
            for memory, newest in ((ys, y), (ss, s), (inverses, 1.0 / product)):
                memory.append(newest)
                del memory[:-history_size]
            state["H_diag"] = product / y.dot(y).item()
        d = -grad
        factors = []
        for y, s, inverse in zip(ys[::-1], ss[::-1], inverses[::-1]):
            factors.append(s.dot(d).item() * inverse)
            d.add_(y, alpha=-factors[-1])
        d.mul_(state["H_diag"])
        for y, s, inverse, factor in zip(ys, ss, inverses, factors[::-1]):
            d.add_(s, alpha=factor - y.dot(d).item() * inverse)
        return self._without_frozen(d)

    def _along(self, d: Vector, closure: Callable[[], Any]) -> Callable[[float], Point]:
        """A function that evaluates the point at a step length from here, and comes back."""
        value = self.segments[0][0].value
        start = value.clone()

        def evaluate(t: float) -> Point:
            value.add_(d, alpha=t)
            loss, grad = float(closure()), self._gradient()
            value.copy_(start)
            return Point(t, loss, grad.dot(d).item(), grad)

        return evaluate

    def _gradient(self) -> Vector:
        return self._without_frozen(self.segments[0][0].grad.clone())

    def _without_frozen(self, vector: Vector) -> Vector:
        """The vector with zeros in the places of frozen parameters, in place."""
        for parameter, part in self._parts(vector):
            if parameter.frozen:
                part.zero_()
        return vector

    def _parts(self, vector: Vector) -> Iterator[tuple[Parameter, Float[Tensor, " m"]]]:
        parameters = self.segments[0][0].parameters
        return zip(parameters, vector.split([parameter.value.numel() for parameter in parameters]))

    def _checked(self, where: str, group: Any) -> Group:
        if self.param_groups:
            raise InputError("LBFGS: expected one parameter group, got another")
        group = super()._checked(where, group)
        if group["max_eval"] is None:
            group["max_eval"] = group["max_iter"] * 5 // 4
        return group


def largest(x: Tensor) -> float:
    """The largest absolute value."""
    return torch.linalg.vector_norm(x, torch.inf).item()
