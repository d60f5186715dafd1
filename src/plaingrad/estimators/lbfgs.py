"""L-BFGS, the solver that sees all samples at once."""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np
import scipy.optimize
import torch
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor

from plaingrad.contract.modes import mode
from plaingrad.estimators.networks import weights_and_others
from plaingrad.estimators.objectives import Objective
from plaingrad.estimators.parameters import Parameters
from plaingrad.estimators.private import check_optimize_result, get_threadpool_controller
from plaingrad.module import Module, flatten_parameters
from plaingrad.train.threads import threads_for
from plaingrad.train.weighting import Weighted


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
        flat.zero_grad()
        value = float(loss.forward(module.forward(inputs), expected))
        module.backward(loss.backward())
        shrinkage = decay * flat.value
        penalty = 0.5 * shrinkage.dot(flat.value).item()
        gradient = shrinkage.add_(flat.grad, alpha=objective.scale)
        return value * objective.scale + penalty, gradient.double().numpy()

    # scipy's linear algebra is of 20 x 20 matrices, for which waking its threads takes most of the time.
    blas = get_threadpool_controller().select(internal_api="openblas")
    module.zero_grad()
    with (
        torch.no_grad(),
        mode(True, module, objective.loss),
        threads_for(module, inputs),
        blas.limit(limits=1),
    ):
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
    return check_optimize_result("lbfgs", result, parameters.max_iter), reported
