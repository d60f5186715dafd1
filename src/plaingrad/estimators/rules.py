"""Solvers: update rules and schedules by name or by a function of the caller's, and L-BFGS."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from traceback import walk_tb
from typing import Any

import numpy as np
import scipy.optimize
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.optimize import _check_optimize_result
from torch import Tensor

from plaingrad import optim
from plaingrad.contract.modes import mode
from plaingrad.errors import InputError
from plaingrad.estimators.networks import weights_and_others
from plaingrad.estimators.objectives import Objective
from plaingrad.estimators.parameters import Parameters
from plaingrad.module import Module, flatten_parameters
from plaingrad.optim import Optimizer, Schedule
from plaingrad.optim.schedule.schedule import ClosedForm
from plaingrad.train.threads import threads_for
from plaingrad.train.weighting import Weighted


def optimizer(parameters: Parameters, module: Module, scale: float) -> Optimizer:
    """The update rule that an estimator's parameters ask for.

    Args:
        parameters: of the estimator.
        module: the network.
        scale: by what scikit-learn's gradient is larger than the loss's (`Objective.scale`). What is not
            indifferent to that is scaled instead.
    """
    solver, lr = parameters.solver, parameters.learning_rate_init
    if callable(solver):
        return returned("solver", solver, module.parameters(), Optimizer)
    penalised, others = weights_and_others(module)
    groups = [{"params": penalised, "weight_decay": decay(parameters, scale)}]
    groups += [{"params": others}] if others else []
    eps = parameters.epsilon / scale
    clip = None if parameters.clip_norm is None else parameters.clip_norm / scale
    if solver == "sgd":
        momentum = parameters.momentum
        nesterov = parameters.nesterovs_momentum and momentum > 0
        return optim.SGD(groups, lr=lr * scale, momentum=momentum, nesterov=nesterov, clip_norm=clip)
    betas = parameters.beta_1, parameters.beta_2
    if solver == "adam":
        return optim.Adam(groups, lr=lr, betas=betas, eps=eps, epsilon_hat=True, clip_norm=clip)
    if solver == "adamw":
        return optim.AdamW(groups, lr=lr, betas=betas, eps=eps, clip_norm=clip)
    if solver == "rmsprop":
        return optim.RMSprop(groups, lr=lr, eps=eps, clip_norm=clip)
    return optim.Adagrad(groups, lr=lr, eps=eps, clip_norm=clip)


def returned(name: str, function: Callable[[Any], Any], argument: Any, kind: type[Any]) -> Any:
    """Call a parameter's function, which has to return an object of this kind.

    Raises:
        ValueError: it returns something else, or is one of torch's.
    """
    expected = f"{name}: expected a function that returns a plaingrad {kind.__name__}"
    maker = getattr(function, "func", function)  # of a partial
    if _is_torchs(getattr(maker, "__module__", "")):
        got = f"{maker.__module__}.{maker.__qualname__}"
        raise InputError(f"{expected}, such as one of plaingrad.optim, got {got}")
    try:
        value = function(argument)
    except TypeError as error:
        *_, (frame, _) = walk_tb(error.__traceback__)
        if not _is_torchs(frame.f_globals.get("__name__")):  # whose rules refuse our parameters
            raise
        raise InputError(f"{expected}, such as one of plaingrad.optim, got one of torch's") from None
    if not isinstance(value, kind):
        raise InputError(f"{expected}, got {value!r}")
    return value


def _is_torchs(module: str | None) -> bool:
    return str(module).partition(".")[0] == "torch"


def penalises(parameters: Parameters) -> bool:
    """True if ``alpha`` adds to the loss; "adamw" and a rule of the caller's shrink weights by themselves."""
    return not callable(parameters.solver) and parameters.solver != "adamw"


def decay(parameters: Parameters, scale: float) -> float:
    """The weight decay that ``alpha`` asks for; for one sample, where it penalises. See `optimizer`."""
    return parameters.alpha / scale if penalises(parameters) else parameters.alpha


def schedule(learning_rate: Any, optimizer: Optimizer, steps: int) -> Schedule | None:
    """The schedule of the learning rate over so many steps; None if `Convergence` changes it, or nobody."""
    if callable(learning_rate):
        return returned("learning_rate", learning_rate, optimizer, Schedule)
    lr = optimizer.param_groups[0]["lr"]
    named: dict[str, Callable[[], ClosedForm]] = {
        "cosine": lambda: optim.CosineAnnealingLR(optimizer, T_max=steps, interval="step"),
        "linear": lambda: optim.LinearLR(optimizer, 1.0, 0.0, total_iters=steps, interval="step"),
        "one_cycle": lambda: optim.OneCycleLR(optimizer, max_lr=lr, total_steps=steps, cycle_momentum=False),
    }
    if learning_rate not in named:
        return None
    return Clamped(named[learning_rate](), steps - 1 if learning_rate == "one_cycle" else steps)


class Clamped(ClosedForm):
    """Another schedule, which keeps the rate of this step after it."""

    def __init__(self, schedule: ClosedForm, steps: int) -> None:
        self.schedule, self.steps = schedule, steps
        super().__init__(schedule.optimizer, schedule.interval)

    def start(self) -> list[float]:
        return self.schedule.base_lrs

    def rate(self, base: float, t: int) -> float:
        return self.schedule.rate(base, min(t, self.steps))


Held = Clamped  # its name in pickles written before


def minimize(
    parameters: Parameters,
    module: Module,
    objective: Objective,
    inputs: Tensor,
    targets: Tensor,
    weights: Tensor | None,
) -> tuple[int, float]:
    """Minimise the objective and the penalty by the quasi-Newton method L-BFGS, over all samples at once.

    Args:
        parameters: of the estimator: ``alpha``, ``tol``, ``max_iter``, ``max_fun`` and ``max_time``.
        module: the network.
        objective: what to minimise.
        inputs: all samples.
        targets: as the loss takes them.
        weights: of the samples, or None.

    Returns:
        The number of iterations, and the loss.

    Source: R. Byrd, P. Lu, J. Nocedal, C. Zhu, "A limited memory algorithm for bound constrained
    optimization", 1995.
    """
    flat = flatten_parameters(module)
    decay = torch.zeros_like(flat.value)
    for parameter in weights_and_others(module)[0]:
        start = (parameter.value.data_ptr() - flat.value.data_ptr()) // flat.value.element_size()
        decay[start : start + parameter.value.numel()] = float(not parameter.frozen)
    count = float(len(inputs) if weights is None else weights.sum())
    decay *= parameters.alpha / count
    loss = objective.loss if weights is None else Weighted(objective.loss)
    expected: Any = targets if weights is None else (targets, weights)

    begun, out_of_time = time.perf_counter(), False

    def end_in_time(_: Any) -> None:
        nonlocal out_of_time
        if parameters.max_time is not None and time.perf_counter() - begun > parameters.max_time:
            out_of_time = True
            raise StopIteration

    def value_and_gradient(point: np.ndarray) -> tuple[float, np.ndarray]:
        flat.value.copy_(torch.from_numpy(point))
        module.zero_grad()
        value = float(loss.forward(module.forward(inputs), expected))
        module.backward(loss.backward())
        penalty = float(0.5 * (decay * flat.value).dot(flat.value))
        gradient = flat.grad * objective.scale + decay * flat.value
        return value * objective.scale + penalty, gradient.double().numpy()

    with torch.no_grad(), mode(True, module, objective.loss), threads_for(module, inputs):
        start_point = flat.value.double().numpy().copy()
        result = scipy.optimize.minimize(
            value_and_gradient,
            start_point,
            method="L-BFGS-B",
            jac=True,
            callback=end_in_time,
            options={"maxfun": parameters.max_fun, "maxiter": parameters.max_iter, "gtol": parameters.tol},
        )
        flat.value.copy_(torch.from_numpy(result.x))
        module.zero_grad()
    penalty = float(0.5 * (decay * flat.value).dot(flat.value))
    reported = (result.fun - penalty) / objective.scale * objective.reported + penalty + objective.constant
    if out_of_time:
        warnings.warn(
            f"lbfgs: Maximum time ({parameters.max_time:g} s) reached and the optimization "
            "hasn't converged yet.",
            ConvergenceWarning,
            stacklevel=2,
        )
        return int(result.nit), reported
    return _check_optimize_result("lbfgs", result, parameters.max_iter), reported
