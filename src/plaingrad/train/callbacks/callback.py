"""The base class of callbacks, and the run that they see."""

from __future__ import annotations

import difflib
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from plaingrad.data.dataset import Dataset
from plaingrad.module import Module
from plaingrad.native.task import Engine, Round, Task
from plaingrad.nn import Loss
from plaingrad.optim import Optimizer
from plaingrad.train.history import History
from plaingrad.train.resume.nest import is_data

if TYPE_CHECKING:
    from plaingrad.train.gathering import Gathered

Logs = dict[str, float]


@dataclass
class Run:
    """The training run that a callback belongs to, at ``callback.run``.

    Attributes:
        model: the network being trained.
        optimizer: its update rule; a callback may change ``optimizer.param_groups[0]["lr"]``.
        history: the epochs so far.
        epochs: the number of epochs requested.
        columns: the names of the values that each epoch records.
        data: the training data; of batches that come from outside, the first. None outside `plaingrad.fit`.
        loss: what is minimised, for all outputs together. None outside `plaingrad.fit`.
        agreed: decides whether training ends, from whether this process has been interrupted.
        settled: tells whether the network is that of all processes, and not of this one in the middle of a
            round. Only then it is one to be kept.
    """

    model: Module
    optimizer: Optimizer
    history: History
    epochs: int
    columns: list[str]
    data: Dataset | None = None
    loss: Loss | None = None
    agreed: Callable[[bool], bool] = bool
    settled: Callable[[], bool] = lambda: True

    def stop(self, reason: str) -> None:
        """End training after this epoch; the reason goes to ``history.stopped``."""
        self.history.stopped = reason


class Callback:
    """Base class of callbacks: override any of its hooks. Epochs and batches are counted from 0, as in Keras.

    ``on_train_end`` is always called, even when an error ends training. The hooks of batches cost time only
    if they are overridden.

    Attributes:
        run: the training run, set before training begins.
        watches_model: whether it must be called after each epoch, because it reads or changes the model. A
            callback that only records losses may set this to False, and is then called for several short
            epochs in a row after the last of them. `epochs_until_needed` decides it from epoch to epoch.
        verbose: whether it shows progress. Then a line on standard error reports a compilation that takes
            longer than half a second, or why a network is not compiled.
        writes: whether it shows or writes something, which only the first of several processes is to do.
        only_looks: whether a run is the same without it, as without a progress bar.
        shares_data: whether the data of one of several processes are a share, which may be another one when
            the run goes on from a checkpoint.
    """

    run: Run
    watches_model: bool = True
    verbose: bool = False
    writes: bool = False
    only_looks: bool = False
    shares_data: bool = False

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "look_away" in vars(cls):
            text = f"{cls.__name__}.look_away is epochs_until_needed now; refused from 0.4 on"
            warnings.warn(text, DeprecationWarning, stacklevel=2)
            cls.epochs_until_needed = vars(cls)["look_away"]  # type: ignore[method-assign]
        for name in vars(cls):
            if name.startswith("on_") and not hasattr(Callback, name):
                warnings.warn(f"{cls.__name__}.{name} is never called{_nearest(name)}", stacklevel=2)

    def on_train_begin(self, logs: Logs) -> None:
        """Called once before the first epoch; ``logs`` is empty."""

    def on_diverged(self, error: Exception) -> None:
        """Called with the `TrainingDiverged` that then ends training, before ``on_train_end``."""

    def on_train_end(self, logs: Logs) -> None:
        """Called once at the end; ``logs`` are the last epoch's."""

    def on_epoch_begin(self, epoch: int, logs: Logs) -> None:
        """Called before each epoch; ``logs`` is empty."""

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Called after each epoch with everything that it recorded."""

    def on_epoch_measured(self, epoch: int, logs: Logs) -> None:
        """Called after each epoch with its values, which may be changed before schedule and history."""

    def on_update_begin(self, update: Gathered) -> None:
        """Called before each update of the optimizer, with the gradients gathered for it."""

    def on_train_batch_begin(self, batch: int, logs: Logs) -> None:
        """Called before each batch; ``logs`` is empty."""

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        """Called after each batch with its ``loss``; 0 for a batch without weight."""

    def state_dict(self) -> dict[str, Any]:
        """The memory of this callback for a checkpoint; called after an epoch.

        These are the fields that are data: numbers, strings, None, tensors, arrays, and collections of
        these, arguments of the constructor included; and the states of those that have one, as an averaged
        network has. A callback overrides it if that is too much, as of a clock that starts with the process,
        or too little, as of a file.
        """
        fields = {name: field for name, field in vars(self).items() if name != "run"}
        data = {name: field for name, field in fields.items() if is_data(field)}
        return data | {name: field.state_dict() for name, field in fields.items() if self._keeps(field)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from the result of `state_dict`, called after ``on_train_begin``."""
        for name, value in state.items():
            own: Any = vars(self).get(name)
            if self._keeps(own):
                own.load_state_dict(value)
            else:
                vars(self)[name] = value

    def _keeps(self, field: Any) -> bool:
        """True for a network, an optimizer and the like, unless it is the run's, which keeps it itself."""
        run = vars(vars(self)["run"]) if "run" in vars(self) else {}
        is_the_runs = any(field is each for each in run.values())
        return hasattr(field, "state_dict") and hasattr(field, "load_state_dict") and not is_the_runs

    def epochs_until_needed(self) -> float:
        """The number of epochs that the engine may run before this callback is needed; infinity for any."""
        return 1 if self.watches_model else math.inf

    def around(self, engine: Engine, task: Task) -> Engine:
        """The engine that is to run the task: the one that was chosen, or another around it."""
        return engine

    @property
    def is_first(self) -> bool:
        """True in the first of several processes, which shows and writes; and in a single one."""
        return True

    def from_first(self, value: Any) -> Any:
        """The value that the first of several processes has; that of this one if it is alone."""
        return value

    @property
    def round(self) -> Round | None:
        """The number of updates, if any, after which this is called in the middle of an epoch, too."""
        return None

    @property
    def is_settled(self) -> bool:
        """True if the network is the same in all processes, so that it can be kept."""
        return True

    def overrides(self, hook: str) -> bool:
        """True if this callback implements that hook."""
        return getattr(type(self), hook) is not getattr(Callback, hook)


def allowed(callbacks: Sequence[Callback]) -> list[Callback]:
    """The callbacks that are to be used in this process."""
    return [callback for callback in callbacks if is_first(callbacks) or not callback.writes]


def is_first(callbacks: Sequence[Callback]) -> bool:
    """True if this process is the first of those that the callbacks join."""
    return all(callback.is_first for callback in callbacks)


def _nearest(name: str) -> str:
    """The hook that is meant, for messages; otherwise all that there are."""
    hooks = [hook for hook in vars(Callback) if hook.startswith("on_")]
    keras = {f"on_batch_{end}": f"on_train_batch_{end}" for end in ("begin", "end")}
    near = keras.get(name) or next(iter(difflib.get_close_matches(name, hooks, 1)), None)
    return f"; its hook is {near}" if near else f"; the hooks are {', '.join(hooks)}"
