"""scikit-learn's callbacks, called from the epochs of a training."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from sklearn.callback import FitCallback

from plaingrad.estimators.prediction import Predictor
from plaingrad.train.callbacks import Callback
from plaingrad.train.callbacks.callback import Logs


class Hooks(Callback):
    """Calls the callbacks that ``set_callbacks`` gave an estimator: each epoch is a task of its own.

    A callback that asks for ``fitted_estimator`` gets a copy that is ready to predict; one whose
    ``on_fit_task_end`` returns true ends training.

    Args:
        estimator: a `sklearn.callback.CallbackSupportMixin`, in its ``fit``.
        data: what ``fit`` was called with.
    """

    def __init__(self, estimator: Any, data: tuple[Any, Any]) -> None:
        self.estimator, (self.X, self.y) = estimator, data

    def on_train_begin(self, logs: Logs) -> None:
        epochs = self.run.epochs
        self.context = self.estimator._init_callback_context(max_subtasks=epochs)
        self.context.call_on_fit_task_begin(estimator=self.estimator, X=self.X, y=self.y)

    def on_epoch_begin(self, epoch: int, logs: Logs) -> None:
        self.task = self.context.subcontext(task_name=f"epoch {epoch + 1}")
        self.task.call_on_fit_task_begin(estimator=self.estimator, X=self.X, y=self.y)

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        if self._ended(self.task):
            self.run.stop(f"a callback has asked for it after epoch {epoch + 1}")

    def on_train_end(self, logs: Logs) -> None:
        if self.run.history.stopped:  # and not broken off by an error
            self._ended(self.context)

    def _ended(self, task: Any) -> bool:
        return task.call_on_fit_task_end(
            estimator=self.estimator,
            X=self.X,
            y=self.y,
            reconstruction_attributes=self._fitted,
        )

    def _fitted(self) -> dict[str, Any]:
        """What an estimator needs to predict by the networks as they are now."""
        modules = [module.eval() for module in copy.deepcopy(self.estimator.modules_)]
        estimator = self.estimator
        predictor = Predictor(modules, estimator.out_activation_, estimator._codes, compiled=False)
        return {"modules_": modules, "_predictor": predictor}


def expect_own(callbacks: Iterable[Any] | None) -> None:
    """Refuse scikit-learn's callbacks where plaingrad's are expected.

    Raises:
        ValueError: there is one.
    """
    for callback in () if callbacks is None else callbacks:
        if isinstance(callback, FitCallback) and not isinstance(callback, Callback | type):
            kind = type(callback).__name__
            expected = "instances of plaingrad.train.callbacks.Callback"
            raise ValueError(
                f"callbacks: expected {expected}, got {kind}; set_callbacks takes scikit-learn's"
            )


@contextmanager
def whole_task(estimator: Any, data: tuple[Any, Any]) -> Iterator[None]:
    """Call scikit-learn's callbacks before and after a training that has no epochs to tell of."""
    X, y = data
    context = estimator._init_callback_context()
    context.call_on_fit_task_begin(estimator=estimator, X=X, y=y)
    yield
    context.call_on_fit_task_end(estimator=estimator, X=X, y=y)
