"""The quasi-Newton method L-BFGS, over all samples at once."""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np
import scipy.optimize
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.optimize import _check_optimize_result
from torch import Tensor

from plaingrad.contract.modes import mode
from plaingrad.estimators.networks import weights_and_others
from plaingrad.estimators.objectives import Objective
from plaingrad.estimators.rules import SCHEDULES
from plaingrad.module import Module, flatten_parameters
from plaingrad.train.threads import threads_for
from plaingrad.train.weighting import Weighted


def minimize(
    estimator: Any,
    module: Module,
    objective: Objective,
    inputs: Tensor,
    targets: Tensor,
    weights: Tensor | None,
) -> tuple[int, float]:
    """Minimise the objective and the penalty over a network's parameters, in place.

    Args:
        estimator: has ``alpha``, ``tol``, ``max_iter``, ``max_fun`` and ``max_time``.
        module: the network.
        objective: what to minimise.
        inputs: all samples.
        targets: as the loss wants them.
        weights: of the samples, or None.

    Returns:
        How many iterations were made, and the loss.

    Source: R. Byrd, P. Lu, J. Nocedal, C. Zhu, "A limited memory algorithm for bound constrained
    optimization", 1995.
    """
    flat = flatten_parameters(module)
    decay = torch.zeros_like(flat.value)
    for parameter in weights_and_others(module)[0]:
        start = (parameter.value.data_ptr() - flat.value.data_ptr()) // flat.value.element_size()
        decay[start : start + parameter.value.numel()] = float(not parameter.frozen)
    count = float(len(inputs) if weights is None else weights.sum())
    decay *= estimator.alpha / count
    loss = objective.loss if weights is None else Weighted(objective.loss)
    wanted: Any = targets if weights is None else (targets, weights)

    begun, out_of_time = time.perf_counter(), False

    def end_in_time(_: Any) -> None:
        nonlocal out_of_time
        if estimator.max_time is not None and time.perf_counter() - begun > estimator.max_time:
            out_of_time = True
            raise StopIteration

    def value_and_gradient(point: np.ndarray) -> tuple[float, np.ndarray]:
        flat.value.copy_(torch.from_numpy(point))
        module.zero_grad()
        found = float(loss.forward(module.forward(inputs), wanted))
        module.backward(loss.backward())
        penalty = float(0.5 * (decay * flat.value).dot(flat.value))
        gradient = flat.grad * objective.scale + decay * flat.value
        return found * objective.scale + penalty, gradient.double().numpy()

    with torch.no_grad(), mode(True, module, objective.loss), threads_for(module, inputs):
        start_point = flat.value.double().numpy().copy()
        found = scipy.optimize.minimize(
            value_and_gradient,
            start_point,
            method="L-BFGS-B",
            jac=True,
            callback=end_in_time,
            options={"maxfun": estimator.max_fun, "maxiter": estimator.max_iter, "gtol": estimator.tol},
        )
        flat.value.copy_(torch.from_numpy(found.x))
        module.zero_grad()
    penalty = float(0.5 * (decay * flat.value).dot(flat.value))
    reported = (found.fun - penalty) / objective.scale * objective.reported + penalty + objective.constant
    if out_of_time:
        warnings.warn(
            f"lbfgs: Maximum time ({estimator.max_time:g} s) reached and the optimization "
            "hasn't converged yet.",
            ConvergenceWarning,
            stacklevel=2,
        )
        return int(found.nit), reported
    return _check_optimize_result("lbfgs", found, estimator.max_iter), reported


def expect_plain(estimator: Any, validation: Any) -> None:
    """Refuse what "lbfgs", which knows neither batches nor epochs, could only ignore.

    Raises:
        ValueError: it has been asked for.
    """
    unused = {
        "callbacks": bool(estimator.callbacks),
        "clip_norm": estimator.clip_norm is not None,
        "dropout": estimator.dropout > 0,
        "engine": estimator.engine == "native",
        "learning_rate": callable(estimator.learning_rate) or estimator.learning_rate in SCHEDULES,
        "X_val": validation is not None,
    }
    for name, given in unused.items():
        if given:
            raise ValueError(f"solver 'lbfgs' takes no {name}; use 'sgd', 'adam' or another one with it")
