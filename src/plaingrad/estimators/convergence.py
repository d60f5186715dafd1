"""When training has converged, and what it records on the way."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor

from plaingrad.estimators.objectives import Objective
from plaingrad.train.callbacks import Callback
from plaingrad.train.callbacks.callback import Logs

SMALLEST_RATE = 1e-6  # for the gradient that scikit-learn follows, from which on "adaptive" gives up


@dataclass
class Record:
    """What an estimator tells of the training of one network, under scikit-learn's names without the ``_``.

    Attributes:
        loss_curve: the loss of each epoch, penalty included.
        validation_loss_curve: the loss on the validation data after each epoch, NaN for one of a call without
            such data; None if there never were.
        validation_scores: the score on them, NaN for an epoch before early stopping; None without.
        best_loss: the smallest of the losses; None with early stopping.
        best_validation_score: the largest of the scores; None without early stopping.
        best_weights: the parameters and buffers at that score.
        n_iter: epochs of the last call of ``fit``.
        t: samples visited.
        no_improvement: epochs in a row without one.
    """

    loss_curve: list[float] = field(default_factory=list)
    validation_loss_curve: list[float] | None = None
    validation_scores: list[float] | None = None
    best_loss: float | None = None
    best_validation_score: float | None = None
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    n_iter: int = 0
    t: int = 0
    no_improvement: int = 0

    def go_on(self, early_stopping: bool, validated: bool) -> None:
        """Be ready for more epochs, which may be watched in another way than those before."""
        missing = [math.nan] * len(self.loss_curve)
        if validated and self.validation_loss_curve is None:
            self.validation_loss_curve = list(missing)
        if early_stopping and self.validation_scores is None:
            self.validation_scores, self.best_validation_score = missing, -math.inf
            self.best_loss, self.no_improvement = None, 0
        if not early_stopping and self.best_loss is None:
            self.best_loss, self.no_improvement = min(self.loss_curve, default=math.inf), 0
            self.validation_scores = self.best_validation_score = None


class Convergence(Callback):
    """Ends training as scikit-learn would, changes the learning rate as it would, and keeps a `Record`.

    Args:
        estimator: has ``tol``, ``n_iter_no_change``, ``max_time``, ``verbose`` and those of learning rates.
        record: continued.
        samples: that an epoch visits.
        objective: what is minimised, and what scikit-learn would report for the loss of an epoch.
        report_held_out: what scikit-learn would report for the loss on the validation data.
        score: of the model on validation data, larger is better; None without early stopping.
        continued: whether the optimizer has been at work before.

    Attributes:
        converged: whether training was ended for lack of improvement.
        out_of_time: whether it was ended for lack of time.
    """

    def __init__(
        self,
        estimator: Any,
        record: Record,
        samples: int,
        objective: Objective,
        report_held_out: Callable[[float], float],
        score: Callable[[], float] | None,
        continued: bool = False,
    ) -> None:
        self.estimator, self.record, self.samples = estimator, record, samples
        self.verbose = bool(estimator.verbose)
        self.objective, self.report_held_out = objective, report_held_out
        self.score, self.continued = score, continued
        self.begun, self.seconds = time.perf_counter(), estimator.max_time or math.inf
        self.converged = self.out_of_time = False

    @property
    def rates(self) -> str:
        """How the learning rate changes by itself: "constant", "invscaling" or "adaptive"."""
        own = self.estimator.learning_rate if self.estimator.solver == "sgd" else "constant"
        return own if own in ("invscaling", "adaptive") else "constant"

    def on_train_begin(self, logs: Logs) -> None:
        self.first_rate = self.run.optimizer.param_groups[0]["lr"]
        if self.continued and self.rates == "invscaling":
            self.first_rate *= (self.record.t + 1) ** self.estimator.power_t

    def epochs_until_needed(self) -> float:
        """As long as nothing can end training, unless something has to be measured or changed."""
        if self.score is not None or self.rates == "invscaling":
            return 1
        return max(1, self.estimator.n_iter_no_change + 1 - self.record.no_improvement)

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        record = self.record
        record.n_iter += 1
        record.t += self.samples
        penalty = logs.get("penalty", 0.0) * self.objective.scale
        record.loss_curve.append(self.objective.report(logs["loss"]) + penalty)
        self.tell(f"Iteration {record.n_iter}, loss = {record.loss_curve[-1]:.8f}")
        if record.validation_loss_curve is not None:
            record.validation_loss_curve.append(self.report_held_out(logs.get("val_loss", math.nan)))
        self.count()
        if self.rates == "invscaling":
            self.change_rate(self.first_rate / (record.t + 1) ** self.estimator.power_t)
        if record.no_improvement > self.estimator.n_iter_no_change:
            self.end_or_slow_down()
        if not self.converged and time.perf_counter() - self.begun > self.seconds:
            self.out_of_time = True
            self.run.stop(f"the {self.seconds:g} seconds of max_time have passed")

    def count(self) -> None:
        """Note whether this epoch has brought an improvement."""
        record, tol = self.record, self.estimator.tol
        if self.score is not None:
            assert record.validation_scores is not None
            score, best = self.score(), record.best_validation_score
            assert best is not None
            record.validation_scores.append(score)
            self.tell(f"Validation score: {score:f}")
            waited = score < best + tol
            if score > best:
                record.best_validation_score = score
                state = self.run.model.state_dict()
                record.best_weights = {name: value.clone() for name, value in state.items()}
        else:
            loss, best = record.loss_curve[-1], record.best_loss
            assert best is not None
            waited = loss > best - tol
            record.best_loss = min(best, loss)
        record.no_improvement = record.no_improvement + 1 if waited else 0

    def end_or_slow_down(self) -> None:
        """Nothing has improved for long: end training, or let "adaptive" divide the learning rate by 5."""
        what = "Training loss" if self.score is None else "Validation score"
        patience, tol = self.estimator.n_iter_no_change, self.estimator.tol
        why = f"{what} did not improve more than tol={tol:f} for {patience} consecutive epochs."
        rate, scale = self.run.optimizer.param_groups[0]["lr"], self.objective.scale
        if self.rates == "adaptive" and rate / scale > SMALLEST_RATE:
            self.change_rate(rate / 5)
            self.record.no_improvement = 0
            self.tell(f"{why} Setting learning rate to {rate / scale / 5:f}")
            return
        self.converged = True
        self.run.stop(why)
        self.tell(f"{why}{' Learning rate too small.' if self.rates == 'adaptive' else ''} Stopping.")

    def change_rate(self, rate: float) -> None:
        """Let steps from now on have this rate; the velocity keeps that of the steps it was made of."""
        optimizer = self.run.optimizer
        for group, segments in zip(optimizer.param_groups, optimizer.segments):
            for segment in segments:
                if "momentum_buffer" in segment.state:
                    segment.state["momentum_buffer"] *= group["lr"] / rate
            group["lr"] = rate

    def tell(self, line: str) -> None:
        if self.verbose:
            print(line)


def orders(samples: int, random_state: np.random.RandomState) -> Callable[[], np.ndarray]:
    """Gives the order of each epoch, as scikit-learn shuffles: the same from the same state."""
    order = np.arange(samples)

    def next_order() -> np.ndarray:
        nonlocal order
        moved = np.arange(samples)
        random_state.shuffle(moved)
        order = order[moved]
        return order

    return next_order
