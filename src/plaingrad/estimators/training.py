"""A call of ``fit``: from an estimator's parameters and data to trained networks and what is told of them."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import _check_sample_weight
from torch import Tensor

from plaingrad.estimators import rules
from plaingrad.estimators.convergence import Convergence, orders
from plaingrad.estimators.lbfgs import minimize
from plaingrad.estimators.prediction import Predictor, dense, eagerly
from plaingrad.estimators.protocol import Hooks, whole_task
from plaingrad.module import Module
from plaingrad.train import History, TrainingDiverged, fit, fit_many

NOT_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and need to be "
    "preprocessed."
)


@dataclass(frozen=True)
class Part:
    """A part of the data.

    Attributes:
        X: an array or a sparse matrix ``(n_samples, n_features)``.
        encoded: the targets as numbers, ``(n_samples, n_outputs)``.
        weights: of the samples, or None.
    """

    X: Any
    encoded: np.ndarray
    weights: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.encoded)


def train(
    estimator: Any, whole: Part, held_out: Part | None, incremental: bool, given: tuple[Any, Any]
) -> None:
    """Train an estimator's networks in place, and give it the attributes that tell of it.

    Args:
        estimator: has been given its networks and records.
        whole: what to train on.
        held_out: what to measure on after each epoch, or None.
        incremental: whether to go on for one epoch with the optimizers of the last call.
        given: the data as the caller gave them, for scikit-learn's callbacks.

    Raises:
        ValueError: the parameters became infinite.
    """
    module = estimator.modules_[0]
    objective = estimator._objective(whole)
    inputs, dtype = dense(whole.X, module), module.parameters()[0].value.dtype
    targets = estimator._targets(whole.encoded, dtype)
    weights = None if whole.weights is None else torch.from_numpy(whole.weights).to(dtype)
    if estimator.solver == "lbfgs":
        data = (inputs, targets, weights)
        with whole_task(estimator, given):
            found = [minimize(estimator, each, objective, *data) for each in estimator.modules_]
        estimator.n_iter_, estimator.loss_ = found[0]
        estimator.t_ = estimator.n_iter_ * len(whole)
        return
    size = batch_size(estimator, len(whole))
    if estimator.batch_size != "auto" and estimator.batch_size > len(whole):
        warnings.warn(
            "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped",
            stacklevel=2,
        )
    continued = incremental and bool(estimator._optimizers)
    if continued and not callable(estimator.solver):
        for each in estimator._optimizers:
            each.param_groups[0]["weight_decay"] = rules.decay(estimator, objective.scale)
    if not continued:
        estimator._optimizers = [
            rules.optimizer(estimator, each, objective.scale) for each in estimator.modules_
        ]
        steps = estimator.max_iter * -(-len(whole) // size)
        estimator._schedules = [
            rules.schedule(estimator.learning_rate, each, steps) for each in estimator._optimizers
        ]
    runs = [
        Convergence(
            estimator,
            record,
            len(whole),
            objective,
            estimator._objective(held_out or whole).report,
            scorer(estimator, each, held_out) if held_out and estimator.early_stopping else None,
            continued,
        )
        for each, record in zip(estimator.modules_, estimator._records)
    ]
    options = {
        "loss": objective.loss,
        "epochs": 1 if incremental else estimator.max_iter,
        "batch_size": size,
        "sample_weight": weights,
        "weight_decay_per": "sample" if rules.penalises(estimator) else "batch",
        "engine": estimator.engine,
        "progress": False,
    }
    if held_out is not None:
        options["validation"] = (dense(held_out.X, module), estimator._targets(held_out.encoded, dtype))
    for record in estimator._records:
        record.n_iter = 0
    try:
        estimator.histories_ = run(estimator, (inputs, targets), runs, options, given)
    except TrainingDiverged as error:
        raise ValueError(f"{NOT_FINITE} {error}") from error
    tell(estimator, runs, incremental)


def run(
    estimator: Any,
    data: tuple[Tensor, Tensor],
    runs: list[Convergence],
    options: dict[str, Any],
    given: tuple[Any, Any],
) -> list[History]:
    """Train the networks: one by `plaingrad.fit`, several by `plaingrad.fit_many`."""
    state, optimizers, schedules = estimator._random_state, estimator._optimizers, estimator._schedules
    before = state.get_state()
    seed = int(state.randint(2**31))  # of dropout
    state.set_state(before)  # which the orders come from, as scikit-learn's
    own = list(estimator.callbacks or [])
    samples = len(data[0])
    if len(runs) == 1:
        callbacks = [runs[0], *own]
        if getattr(estimator, "_skl_callbacks", None):
            callbacks.append(Hooks(estimator, given))
        shuffle = orders(samples, state) if estimator.shuffle else False
        return [
            fit(
                estimator.modules_[0],
                data,
                optimizer=optimizers[0],
                schedule=schedules[0],
                shuffle=shuffle,
                seed=seed,
                callbacks=callbacks,
                **options,
            )
        ]
    states = [np.random.RandomState(state.randint(2**31)) for _ in runs]
    with whole_task(estimator, given):
        return fit_many(
            estimator.modules_,
            data,
            optimizers=optimizers,
            schedules=schedules,
            shuffle=[orders(samples, each) if estimator.shuffle else False for each in states],
            seeds=[seed + i for i in range(len(runs))],
            callbacks=[[each, *copy.deepcopy(own)] for each in runs],
            **options,
        )


def tell(estimator: Any, runs: list[Convergence], incremental: bool) -> None:
    """Put back the best weights, set the attributes of the first network, and warn."""
    if estimator.early_stopping:
        for module, record in zip(estimator.modules_, estimator._records):
            module.load_state_dict(record.best_weights or module.state_dict())
    set_curves(estimator)
    record = estimator._records[0]
    estimator.loss_, estimator.n_iter_, estimator.t_ = record.loss_curve[-1], record.n_iter, record.t
    if any(history.stopped.startswith("interrupted") for history in estimator.histories_):
        warnings.warn("Training interrupted by user.", stacklevel=2)
    elif any(each.out_of_time for each in runs):
        warnings.warn(
            f"Stochastic Optimizer: Maximum time ({estimator.max_time:g} s) reached and the optimization "
            "hasn't converged yet.",
            ConvergenceWarning,
            stacklevel=2,
        )
    elif not incremental and any(
        each.record.n_iter == estimator.max_iter and not each.converged for each in runs
    ):
        warnings.warn(
            f"Stochastic Optimizer: Maximum iterations ({estimator.max_iter}) reached and the optimization "
            "hasn't converged yet.",
            ConvergenceWarning,
            stacklevel=2,
        )


def set_curves(estimator: Any) -> None:
    """Set what an estimator tells of the training of its first network."""
    record = estimator._records[0]
    estimator.loss_curve_ = record.loss_curve
    estimator.validation_loss_curve_ = record.validation_loss_curve
    estimator.validation_scores_ = record.validation_scores
    estimator.best_loss_ = record.best_loss
    estimator.best_validation_score_ = record.best_validation_score


def predictor(estimator: Any) -> Predictor:
    """What a trained estimator predicts with."""
    compiled = {"native": True, "eager": False, "auto": None}[estimator.engine]
    verbose = bool(estimator.verbose)
    return Predictor(estimator.modules_, estimator.out_activation_, estimator._codes, compiled, verbose)


def batch_size(estimator: Any, samples: int) -> int:
    """How many samples a batch has, as scikit-learn decides it.

    One or a few more, if the last batch were a single sample, of which there is no batch normalisation.
    """
    size = min(200 if estimator.batch_size == "auto" else int(estimator.batch_size), samples)
    while estimator.normalization == "batch" and 1 < size < samples and samples % size == 1:
        size += 1
    return size


def scorer(estimator: Any, module: Module, held_out: Part) -> Callable[[], float]:
    """A function for the score of a network on data, as it is now; NaN if its outputs are not finite."""
    inputs, link = dense(held_out.X, module), estimator.out_activation_

    def score() -> float:
        found = eagerly(module, link, inputs)
        return float(estimator._score(found, held_out)) if np.isfinite(found).all() else math.nan

    return score


def checked_weights(sample_weight: Any, X: Any) -> np.ndarray | None:
    """A weight of at least 0 for each sample, or None."""
    return None if sample_weight is None else _check_sample_weight(sample_weight, X, ensure_non_negative=True)
