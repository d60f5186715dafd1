"""Early stopping."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from plaingrad.optim.common.options import COUNT_OR_ZERO, NUMBER, expect
from plaingrad.train.callbacks.callback import Callback, Logs
from plaingrad.train.callbacks.monitor import Monitor


class EarlyStopping(Callback):
    """Ends training when a column of the history has stopped improving.

    Of several processes that average their networks, only the epochs count with which a round ends.

    Args:
        monitor: the column to watch.
        min_delta: by how much a value must be better to count as an improvement.
        patience: after how many epochs in a row without improvement to end.
        mode: "min" or "max", whichever is better; "auto" knows plaingrad's own metrics.
        baseline: a value that the first epochs must improve on.
        restore_best_weights: whether to leave the model as it was after its best epoch, even if training ends
            by an error or `TrainingDiverged` too.
        start_from_epoch: the first epoch to look at, counted from 0.

    Attributes:
        best: the best value so far.
        best_epoch: its epoch, counted from 0; None before the first.
        stopped_epoch: the epoch after which training was ended, counted from 0; None if it was not.

    Raises:
        ValueError: the mode is unknown, ``patience`` or ``start_from_epoch`` is no count, or ``min_delta`` no
            finite number; at the start of training, if no such column will be recorded.

    Source: L. Prechelt, "Early stopping - but when?", 1998.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0.0,
        patience: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        expect("EarlyStopping", "min_delta", NUMBER, min_delta)
        expect("EarlyStopping", "patience", COUNT_OR_ZERO, patience)
        expect("EarlyStopping", "start_from_epoch", COUNT_OR_ZERO, start_from_epoch)
        self.monitor, self.min_delta, self.patience, self.mode = monitor, min_delta, patience, mode
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self._forget()

    def _forget(self) -> None:
        self._monitor = Monitor("EarlyStopping", self.monitor, self.mode, self.min_delta, self.baseline)
        self._weights: dict[str, Tensor] | None = None
        self._waited = 0
        self.best_epoch: int | None = None
        self.stopped_epoch: int | None = None

    @property
    def best(self) -> float:
        return self._monitor.best

    def on_train_begin(self, logs: Logs) -> None:
        self._forget()
        self._monitor.expect_column(self.run)

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        if epoch < self.start_from_epoch:
            return
        is_settled = self.run.settled()
        if is_settled and self._monitor.improved(logs):
            self._waited, self.best_epoch = 0, epoch
            if self.restore_best_weights:
                state = self.run.model.state_dict()
                self._weights = {name: value.clone() for name, value in state.items()}
            return
        self._waited += 1
        if is_settled and self._waited >= self.patience:
            self.stopped_epoch = epoch
            self.run.stop(f"{self.monitor} {self._complaint(epoch)}")

    def state_dict(self) -> dict[str, Any]:
        """The best value, its epoch and weights, and how long it is ago."""
        return {
            "best": self.best,
            "best_epoch": self.best_epoch,
            "stopped_epoch": self.stopped_epoch,
            "waited": self._waited,
            "weights": self._weights,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._monitor.best, self._waited, self._weights = state["best"], state["waited"], state["weights"]
        self.best_epoch, self.stopped_epoch = state["best_epoch"], state["stopped_epoch"]

    def __repr__(self) -> str:
        options = ("monitor", "min_delta", "patience", "mode", "baseline", "restore_best_weights")
        own = ", ".join(f"{name}={vars(self)[name]!r}" for name in (*options, "start_from_epoch"))
        return f"{type(self).__name__}({own})"

    def _complaint(self, epoch: int) -> str:
        if self.best_epoch is not None:
            return f"has not improved since epoch {epoch + 1 - self._waited}"
        return "was never finite" if self.baseline is None else f"was never better than {self.baseline:g}"

    def epochs_until_needed(self) -> float:
        """The number of epochs until patience can run out; 1 if the best weights are restored."""
        return 1 if self.restore_best_weights else max(1, self.patience - self._waited)

    def on_train_end(self, logs: Logs) -> None:
        if self._weights is not None:
            self.run.model.load_state_dict(self._weights)
