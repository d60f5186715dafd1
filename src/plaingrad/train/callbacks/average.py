"""One network on several processes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from plaingrad.data.shard import rank_and_size
from plaingrad.errors import InputError
from plaingrad.native.task import Engine, Round, Task
from plaingrad.optim.common.options import COUNT, COUNT_OR_NONE, POSITIVE, Expected, expect
from plaingrad.train.callbacks.callback import Callback, Logs
from plaingrad.train.ranks.gradients import reduce_gradients
from plaingrad.train.ranks.group import Ranks
from plaingrad.train.ranks.rounds import RoundsEngine, begin_alike

if TYPE_CHECKING:
    from plaingrad.train.gathering import Gathered

EVERY = Expected(f"'step' or {COUNT.words}", lambda value: value == "step" or COUNT.fits(value))


class Average(Callback):
    r"""Trains one network on several processes, each of which has a share of the data.

    A program that is started several times by ``torchrun --nproc-per-node N script.py`` trains one network if
    it shares its data out and has this callback:

    .. code-block:: python

        fit(model, data.shard(), ..., callbacks=[Average(every=1)])

    All begin with the network and the optimizer of process 0. Each trains on its share, in the engine that it
    likes, and after each round of so many epochs all continue from the mean of parameters, running
    statistics and optimizer's states over the R processes:

    .. math::
        \theta \leftarrow \frac{1}{R} \sum_r \theta_r

    Where epochs are long, ``every_n_steps=100`` ends a round after so many updates, and with each epoch.

    With ``every="step"``, in the eager engine, they average the gradients of each update instead, which is
    then that of one batch as large as all of theirs.

    Losses and metrics of an epoch are the means over the samples of all processes, so the history is the same
    in all; for metrics that are no means over samples, such as "f1" or "roc_auc", it is the mean of those of
    the shares. Only process 0 shows progress and has the callbacks that write (`Callback.writes`). If one
    process is interrupted or stopped, all end after the same epoch. In a single process nothing of this
    happens. It is for `plaingrad.fit`, not for networks that `plaingrad.fit_many` trains side by side.

    Args:
        every: the number of epochs in a round, or "step".
        every_n_steps: the number of updates in a round, in the place of epochs.
        timeout: the seconds after which a process that does not answer counts as lost. They must last for the
            difference between the slowest and the fastest process in a round. Those of a process group of
            one's own are as it was made.

    Raises:
        InputError: ``every``, ``every_n_steps`` or ``timeout`` is something else, or both of the first two
            are set; at the start of training, if networks or settings of the processes differ, if the
            optimizer computes its gradients anew, or if steps are counted and the data come in batches from
            outside or the numbers of updates differ.
        RanksLost: another process has ended or does not answer. Under ``torchrun --max-restarts`` all begin
            anew.

    Source: H. B. McMahan, E. Moore, D. Ramage, S. Hampson, B. Agüera y Arcas, "Communication-efficient
    learning of deep networks from decentralized data", 2017, as FederatedAveraging with all clients.
    """

    shares_data = True

    def __init__(
        self, every: int | str = 1, timeout: float = 600.0, every_n_steps: int | None = None
    ) -> None:
        expect("Average", "every", EVERY, every)
        expect("Average", "every_n_steps", COUNT_OR_NONE, every_n_steps)
        if every_n_steps is not None and every != 1:
            raise InputError(f"Average: expected every or every_n_steps, got {every!r} and {every_n_steps}")
        expect("Average", "timeout", POSITIVE, timeout)
        self.every, self.every_n_steps, self.timeout = every, every_n_steps, timeout
        self._ranks: Ranks | None = None
        self._engine: RoundsEngine | None = None
        self._epoch = 0

    @property
    def is_first(self) -> bool:
        """True in process 0."""
        return rank_and_size()[0] == 0

    @property
    def ranks(self) -> Ranks:
        """The processes, which join at the first use of this."""
        if self._ranks is None:
            self._ranks = Ranks(self.timeout)
        return self._ranks

    def from_first(self, value: Any) -> Any:
        """The value of process 0."""
        return self.ranks.broadcast_object(value)

    @property
    def round(self) -> Round | None:
        """The round of updates, if there are several processes."""
        if self.every_n_steps is None or rank_and_size()[1] == 1:
            return None
        return Round(self.every_n_steps, self._end_round)

    def _end_round(self, updates: int) -> None:
        assert self._engine is not None
        self._engine.end_round(updates)

    @property
    def is_settled(self) -> bool:
        """True unless the processes are in the middle of a round."""
        return self._engine is None or not self._engine.pending

    def state_dict(self) -> dict[str, Any]:
        """Nothing: a run goes on at the beginning of a round."""
        return {}

    def overrides(self, hook: str) -> bool:
        """True if the hook is implemented; for updates, only if they share their gradients."""
        return super().overrides(hook) and (hook != "on_update_begin" or self._shares_gradients)

    @property
    def _shares_gradients(self) -> bool:
        return self.every == "step" and rank_and_size()[1] > 1

    def around(self, engine: Engine, task: Task) -> Engine:
        self._engine = None
        if self.ranks.size == 1:
            return engine
        self._expect_alike(task)
        begin_alike(task, self.ranks)
        self._engine = RoundsEngine(engine, task, self.ranks, self.every, lambda: self._ends_round)
        return self._engine

    def on_train_begin(self, logs: Logs) -> None:
        if self._engine is not None:
            self.run.agreed = self._agreed
            self.run.settled = lambda: self.is_settled
            self._expect_same("epochs and metrics", (self.run.epochs, self.run.columns))

    def on_epoch_begin(self, epoch: int, logs: Logs) -> None:
        self._epoch = epoch

    def on_update_begin(self, update: Gathered) -> None:
        reduce_gradients(update, self.ranks)

    def on_epoch_measured(self, epoch: int, logs: Logs) -> None:
        if self._engine is None:
            return
        known = self._engine.combined_columns
        own = [name for name in self.run.columns if name in logs and name not in known]
        n = self._engine.samples
        vector = torch.tensor([*(logs[name] * n for name in own), n], dtype=torch.float64)
        *sums, count = self.ranks.sum(vector).tolist()
        logs |= {name: each / (count or math.nan) for name, each in zip(own, sums)}

    def on_train_end(self, logs: Logs) -> None:
        if self._engine is not None and self._engine.pending and self._has_ended_well():
            self._engine.average()
        self._engine = None

    def _expect_alike(self, task: Task) -> None:
        """Refuse what several processes cannot train together.

        Raises:
            InputError: it is not the same in all, or cannot be shared.
        """
        optimizer = task.optimizer
        form = [(name, tuple(x.shape), str(x.dtype)) for name, x in task.model.state_dict().items()]
        self._expect_same("networks", form)
        rule = type(optimizer).__name__
        self._expect_same("optimizers", (rule, [len(group["params"]) for group in optimizer.param_groups]))
        if optimizer.needs_closure:
            raise InputError(f"Average: expected an optimizer that makes one step of a gradient, got {rule}")
        self._expect_same("arguments of Average", (self.every, self.every_n_steps))
        if task.stream is None:
            self._expect_same("numbers of rows (data.shard() makes equal shares)", len(task.data))
        if self.every == "step" or self.every_n_steps is not None:
            if task.stream is not None:
                expected = "data, for every='step' or every_n_steps"
                raise InputError(f"Average: expected {expected}, got batches that come from outside")
            steps = task.updates, task.batches_per_update
            self._expect_same("numbers of updates (data.shard() makes equal shares)", steps)

    def _expect_same(self, what: str, value: Any) -> None:
        if not self.ranks.agree(value)[0]:
            raise InputError(f"Average: expected the same {what} in all processes, got others")

    def _has_ended_well(self) -> bool:
        stopped = self.run.history.stopped
        return bool(stopped) and not stopped.startswith("diverged")

    @property
    def _ends_round(self) -> bool:
        """True if the current epoch is the last of a round, or of the run."""
        epochs = 1 if self.every == "step" else int(self.every)
        return (self._epoch + 1) % epochs == 0 or self._epoch + 1 == self.run.epochs

    def _agreed(self, interrupted: bool) -> bool:
        """True if any process is interrupted; where another one has stopped, this one does too."""
        own = self.run.history.stopped
        _, (interrupted, stopped) = self.ranks.agree(None, interrupted, bool(own))
        if stopped and not own:
            self.run.stop("another process has stopped")
        return interrupted
