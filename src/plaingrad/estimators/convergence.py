"""Callbacks of a training: scikit-learn's rules of convergence, and callbacks written for scikit-learn."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from plaingrad.estimators.objectives import Objective
from plaingrad.estimators.parameters import Parameters
from plaingrad.estimators.state import Record
from plaingrad.train.callbacks import Callback
from plaingrad.train.callbacks.callback import Logs

SMALLEST_RATE = 1e-6  # for the gradient that scikit-learn follows, from which on "adaptive" gives up


class Convergence(Callback):
    """Ends training as scikit-learn would, changes the learning rate as it would, and keeps a `Record`.

    Args:
        parameters: of the estimator.
        record: continued.
        samples: that an epoch visits.
        objective: the loss, and from it to the one that scikit-learn would report for an epoch.
        report_held_out: from the loss on the validation data to the one that scikit-learn would report.
        score: of the model on validation data, larger is better; None without early stopping.
        continued: true if the optimizer has been at work before.

    Attributes:
        converged: true if training was ended for lack of improvement.
        out_of_time: true if it was ended for lack of time.
        error: what ended it if it met NaN or infinity.
    """

    def __init__(
        self,
        parameters: Parameters,
        record: Record,
        samples: int,
        objective: Objective,
        report_held_out: Callable[[float], float],
        score: Callable[[], float] | None,
        continued: bool = False,
    ) -> None:
        self.parameters, self.record, self.samples = parameters, record, samples
        self.verbose = bool(parameters.verbose)
        self.objective, self.report_held_out = objective, report_held_out
        self.score, self.continued = score, continued
        self.begun, self.seconds = time.perf_counter(), parameters.max_time or math.inf
        self.converged = self.out_of_time = False
        self.error: Exception | None = None

    @property
    def rates(self) -> str:
        """The rule by which the learning rate changes here: "constant", "invscaling" or "adaptive"."""
        own = self.parameters.learning_rate if self.parameters.solver == "sgd" else "constant"
        return str(own) if own in ("invscaling", "adaptive") else "constant"

    def on_train_begin(self, logs: Logs) -> None:
        self.first_rate = self.run.optimizer.param_groups[0]["lr"]
        if self.continued and self.rates == "invscaling":
            self.first_rate *= (self.record.t + 1) ** self.parameters.power_t

    def state_dict(self) -> dict[str, Any]:
        """The record, and the time that training took."""
        seconds = time.perf_counter() - self.begun
        return {"record": dict(vars(self.record)), "first_rate": self.first_rate, "seconds": seconds}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        vars(self.record).update(state["record"])
        self.first_rate, self.begun = state["first_rate"], time.perf_counter() - state["seconds"]

    def epochs_until_needed(self) -> float:
        """As long as nothing can end training, unless something has to be measured or changed."""
        if self.score is not None or self.rates == "invscaling":
            return 1
        return max(1, self.parameters.n_iter_no_change + 1 - self.record.no_improvement)

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        record = self.record
        record.n_iter += 1
        record.t += self.samples
        penalty = logs.get("penalty", 0.0) * self.objective.scale
        record.loss_curve.append(self.objective.report(logs["loss"]) + penalty)
        self.log(f"Iteration {record.n_iter}, loss = {record.loss_curve[-1]:.8f}")
        if record.validation_loss_curve is not None:
            record.validation_loss_curve.append(self.report_held_out(logs.get("val_loss", math.nan)))
        self.count()
        if self.rates == "invscaling":
            self.change_rate(self.first_rate / (record.t + 1) ** self.parameters.power_t)
        if record.no_improvement > self.parameters.n_iter_no_change:
            self.end_or_slow_down()
        if not self.converged and time.perf_counter() - self.begun > self.seconds:
            self.out_of_time = True
            self.run.stop(f"the {self.seconds:g} seconds of max_time have passed")

    def on_diverged(self, error: Exception) -> None:
        self.error = error

    def close_curves(self) -> None:
        """Note an epoch that met NaN or infinity, after which there is nothing to improve."""
        record = self.record
        record.n_iter += 1
        record.t += self.samples
        for curve in (record.loss_curve, record.validation_loss_curve, record.validation_scores):
            if curve is not None:
                curve.append(math.nan)

    def count(self) -> None:
        """Note if this epoch has brought no improvement."""
        record, tol = self.record, self.parameters.tol
        if self.score is not None:
            assert record.validation_scores is not None
            score, best = self.score(), record.best_validation_score
            assert best is not None
            record.validation_scores.append(score)
            self.log(f"Validation score: {score:f}")
            waited = score < best + tol
            if score > best:
                record.best_validation_score = score
                record.keep_weights(self.run.model)
        else:
            loss, best = record.loss_curve[-1], record.best_loss
            assert best is not None
            waited = loss > best - tol
            record.best_loss = min(best, loss)
        record.no_improvement = record.no_improvement + 1 if waited else 0

    def end_or_slow_down(self) -> None:
        """Nothing has improved for long: end training, or let "adaptive" divide the learning rate by 5."""
        what = "Training loss" if self.score is None else "Validation score"
        patience, tol = self.parameters.n_iter_no_change, self.parameters.tol
        why = f"{what} did not improve more than tol={tol:f} for {patience} consecutive epochs."
        rate, scale = self.run.optimizer.param_groups[0]["lr"], self.objective.scale
        if self.rates == "adaptive" and rate / scale > SMALLEST_RATE:
            self.change_rate(rate / 5)
            self.record.no_improvement = 0
            self.log(f"{why} Setting learning rate to {rate / scale / 5:f}")
            return
        self.converged = True
        self.run.stop(why)
        self.log(f"{why}{' Learning rate too small.' if self.rates == 'adaptive' else ''} Stopping.")

    def change_rate(self, rate: float) -> None:
        """Set the rate of the steps to come; the velocity keeps that of the steps it was made of."""
        optimizer = self.run.optimizer
        for group, segments in zip(optimizer.param_groups, optimizer.segments):
            for segment in segments:
                if "momentum_buffer" in segment.state:
                    segment.state["momentum_buffer"] *= group["lr"] / rate
            group["lr"] = rate

    def log(self, line: str) -> None:
        if self.verbose:
            print(line)


class SklearnCallbacks(Callback):
    """Calls the callbacks that ``set_callbacks`` gave an estimator: each epoch is a task of its own.

    A callback that asks for ``fitted_estimator`` gets a copy that is ready to predict; one whose
    ``on_fit_task_end`` returns true ends training.

    Args:
        new_context: makes a `sklearn.callback.CallbackContext`.
        data: the ``estimator``, and the ``X`` and ``y`` that its ``fit`` was called with.
        snapshot: gives the attributes of a copy of the estimator that predicts by the networks as they are.
    """

    def __init__(
        self, new_context: Callable[..., Any], data: dict[str, Any], snapshot: Callable[[], dict[str, Any]]
    ) -> None:
        self.new_context, self.data, self.snapshot = new_context, data, snapshot

    def state_dict(self) -> dict[str, Any]:
        """Nothing: the tasks of these callbacks begin anew with the program."""
        return {}

    def on_train_begin(self, logs: Logs) -> None:
        self.context = self.new_context(max_subtasks=self.run.epochs)
        self.context.call_on_fit_task_begin(**self.data)

    def on_epoch_begin(self, epoch: int, logs: Logs) -> None:
        self.task = self.context.subcontext(task_name=f"epoch {epoch + 1}")
        self.task.call_on_fit_task_begin(**self.data)

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        if self._ended(self.task):
            self.run.stop(f"a callback has asked for it after epoch {epoch + 1}")

    def on_train_end(self, logs: Logs) -> None:
        if self.run.history.stopped:  # and not broken off by an error
            self._ended(self.context)

    def _ended(self, task: Any) -> bool:
        return task.call_on_fit_task_end(**self.data, reconstruction_attributes=self.snapshot)

    @contextmanager
    def whole_task(self) -> Iterator[None]:
        """Call the callbacks before and after a training whose epochs they cannot watch."""
        context = self.new_context()
        context.call_on_fit_task_begin(**self.data)
        yield
        context.call_on_fit_task_end(**self.data)


def orders(samples: int, random_state: np.random.RandomState) -> Callable[[], np.ndarray]:
    """A function for the order of each epoch, as scikit-learn shuffles: the same from the same state."""
    order = np.arange(samples)

    def next_order() -> np.ndarray:
        nonlocal order
        moved = np.arange(samples)
        random_state.shuffle(moved)
        order = order[moved]
        return order

    return next_order
