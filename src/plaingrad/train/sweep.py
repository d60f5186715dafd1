"""The networks of a sweep while they are trained side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from plaingrad.console.notebook import NotebookProgress, in_notebook
from plaingrad.console.progress import progress_line
from plaingrad.data import Dataset
from plaingrad.errors import InputError
from plaingrad.module import Module, ModuleError
from plaingrad.native.interrupt import Interrupt
from plaingrad.train.callbacks import Callback
from plaingrad.train.callbacks.callback import Logs
from plaingrad.train.diagnose import TrainingDiverged
from plaingrad.train.history import History
from plaingrad.train.loop import run
from plaingrad.train.preparation import prepare
from plaingrad.train.resume.checkpoint import Checkpoint
from plaingrad.train.threads import set_threads

SECONDS_PER_REFRESH = 0.25  # of the progress bar


@dataclass
class Sweep:
    """The state that the trials of a sweep share.

    Attributes:
        signals: record Ctrl-C and SIGTERM.
        epochs: the total epochs of each kind of network; networks of one kind share one compilation.
        verbose: whether progress is shown.
        side_by_side: whether several networks are trained at once.
        failed: whether one of them has raised an error.
    """

    signals: Sequence[Interrupt]
    epochs: Counter[Any]
    verbose: bool
    side_by_side: bool = True
    failed: bool = False

    @property
    def ending(self) -> bool:
        """True if no further epoch should begin."""
        return self.failed or any(signal.requested for signal in self.signals)

    def run(self, trials: list[Trial], workers: int, threads: int, refresh: Any) -> None:
        """Run trials in worker threads with this number of torch's threads each; refresh the progress."""
        with ThreadPoolExecutor(workers, "plaingrad", set_threads, (threads,)) as pool:
            try:
                waiting: set[Future[None]] = {pool.submit(trial.train) for trial in trials}
                while waiting:
                    done, waiting = wait(waiting, SECONDS_PER_REFRESH, FIRST_EXCEPTION)
                    refresh()
                    for future in done:
                        future.result()
            except BaseException:
                self.failed = True  # so that the trials end, for which leaving the pool waits
                raise


class Deferred(Exception):
    """Raised by a network that must not be trained side by side with others."""


class Trial(Callback):
    """One network of a sweep, and the callback that counts its epochs and ends training with the sweep.

    Args:
        number: its index among the networks.
        model: the network.
        data: the training data.
        options: the other arguments of `plaingrad.fit`.
        sweep: the sweep that it belongs to.
        kind: its key in ``sweep.epochs``.
        checkpoint: what it goes on from, if anything.

    Attributes:
        epochs: the number of epochs done.
        history: the history of the training, once it has ended.
        deferred: whether it is postponed until it can run alone.
        diverged: whether it has diverged.
    """

    watches_model = False
    only_looks = True

    def __init__(
        self,
        number: int,
        model: Module,
        data: Dataset,
        options: dict[str, Any],
        sweep: Sweep,
        kind: Any,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        self.number, self.model, self.data, self.sweep, self.kind = number, model, data, sweep, kind
        self.options = {**options, "callbacks": [self, *options["callbacks"]]}
        self.checkpoint, self.epochs, self.verbose = checkpoint, 0, sweep.verbose
        self.history = History(stopped="interrupted before it began")
        self.deferred = self.diverged = False

    def train(self) -> None:
        """Train the network, unless the sweep is ending."""
        if self.sweep.ending:
            return
        try:
            epochs = self.sweep.epochs[self.kind]
            options = {**self.options, "progress": False, "epochs_per_compile": epochs}
            self.history = run(prepare(self.model, self.data, **options), self.checkpoint)
            self.deferred = False
        except Deferred:
            self.deferred = True
        except TrainingDiverged as error:
            self.history, self.diverged = error.history, True
        except ModuleError as error:
            error.path.insert(0, f"models[{self.number}]")
            raise
        except InputError as error:
            error.argument = ".".join(filter(None, [f"models[{self.number}]", error.argument]))
            raise

    @property
    def ended(self) -> bool:
        """True if the history is that of the complete training."""
        return self.diverged or len(self.history) > 0

    def on_train_begin(self, logs: Logs) -> None:
        # Python would run one of them at a time; alone, it may have all of torch's threads.
        if self.sweep.side_by_side and self.run.history.engine != "native":
            raise Deferred

    def state_dict(self) -> dict[str, Any]:
        """Nothing: the epochs are counted as they come."""
        return {}

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        self.epochs = epoch + 1
        if self.sweep.ending:
            self.run.stop(f"interrupted in epoch {epoch + 1}")


@contextmanager
def bar(trials: Sequence[Trial], enabled: bool) -> Iterator[Any]:
    """Show a progress bar over all epochs of all networks; yield the function that refreshes it.

    The function may take how many networks have ended elsewhere, which then count as the first ones.
    """
    console, is_notebook = Console(), in_notebook()
    if not (enabled and (console.is_terminal or is_notebook)):
        yield lambda elsewhere=0: None
        return
    line = NotebookProgress("epoch") if is_notebook else progress_line(console, "epoch", transient=False)
    with line as shown:
        task = shown.add_task("", total=sum(trial.options["epochs"] for trial in trials))

        def refresh(elsewhere: int = 0) -> None:
            ended = [trial.ended or i < elsewhere for i, trial in enumerate(trials)]
            epochs = [trial.options["epochs"] if end else trial.epochs for trial, end in zip(trials, ended)]
            description = f"{sum(ended)} of {len(trials)} networks"
            shown.update(task, completed=sum(epochs), description=description)

        yield refresh
