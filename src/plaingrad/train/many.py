"""Training of many networks at once."""

from __future__ import annotations

import copy
import os
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from rich.console import Console

from plaingrad.console.notebook import NotebookProgress, in_notebook
from plaingrad.console.progress import progress_line
from plaingrad.data import Dataset
from plaingrad.data.checks import expect_positive
from plaingrad.errors import InputError
from plaingrad.module import Module, ModuleError
from plaingrad.native.interrupt import Interrupt, Termination
from plaingrad.nn import Loss
from plaingrad.optim import Optimizer, Schedule
from plaingrad.train import checks
from plaingrad.train.callbacks import Callback
from plaingrad.train.callbacks.callback import Logs
from plaingrad.train.diagnose import TrainingDiverged
from plaingrad.train.history import History
from plaingrad.train.loop import run
from plaingrad.train.metrics import Metric
from plaingrad.train.preparation import prepare
from plaingrad.train.randomness import Shuffle, draw_seed
from plaingrad.train.resume.checkpoint import Checkpoint, terminate
from plaingrad.train.sharing import reserved
from plaingrad.train.threads import set_threads

SECONDS_PER_REFRESH = 0.25  # of the progress bar


def fit_many(
    models: Sequence[Module],
    train: Dataset | tuple[Any, Any],
    *,
    loss: Loss | Sequence[Loss],
    optimizers: Sequence[Optimizer],
    epochs: int | Sequence[int],
    batch_size: int | Sequence[int],
    schedules: Sequence[Schedule | None] | None = None,
    sample_weight: Any = None,
    weight_decay_per: Literal["batch", "sample"] = "batch",
    validation: Dataset | tuple[Any, Any] | None = None,
    metrics: Sequence[str | Metric] = (),
    shuffle: Shuffle | Sequence[Shuffle] = True,
    seeds: int | Sequence[int | None] | None = None,
    engine: Literal["auto", "eager", "native"] = "auto",
    callbacks: Sequence[Sequence[Callback]] | None = None,
    progress: bool = True,
    workers: int | None = None,
    n_jobs: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: float = 10.0,
) -> list[History]:
    """Train many networks on the same data, spread over the processor's cores: a sweep.

    Each network comes out bit for bit as `plaingrad.fit` would train it alone with the engine that its
    history names. Networks that the native engine runs are trained side by side, each as with torch on one
    thread; the others after them, one at a time, with as many threads as `plaingrad.fit` gives them. Networks
    of one shape share what is compiled for them, so ``engine="auto"`` counts them together, and may compile
    where it would not for one alone: such a network then agrees with that of `plaingrad.fit` to rounding
    alone.

    A network that diverges ends alone: it is left as it was before that epoch, its history's ``stopped``
    says so, and a warning at the end names it. Any other error ends the whole sweep, after the epochs that
    are under way. So does Ctrl-C, which returns the histories so far; the second Ctrl-C raises
    `KeyboardInterrupt`.

    Args:
        models: the networks, changed in place. They may differ in everything, and share nothing.
        train: as for `plaingrad.fit`; the same data for all.
        loss: one for all, or one for each; each network works on a copy.
        optimizers: one for each.
        epochs: one number for all, or one for each.
        batch_size: one number for all, or one for each.
        schedules: one or None for each; None for none at all.
        sample_weight: as for `plaingrad.fit`.
        weight_decay_per: as for `plaingrad.fit`.
        validation: as for `plaingrad.fit`.
        metrics: as for `plaingrad.fit`; callables may be called by several threads at once.
        shuffle: as for `plaingrad.fit`, one for all or one for each; a callable gives the orders of one.
        seeds: one for each; a single one for all, which then visit the samples in the same order; None draws
            one for each.
        engine: as for `plaingrad.fit`.
        callbacks: a list for each network, with instances of its own. They are called in the threads that
            train.
        progress: whether to show one progress bar for all, if the output is a terminal or a notebook.
        workers: how many networks to train side by side; None for as many as there are cores.
        n_jobs: how many jobs of joblib to train in instead, with the backend of ``joblib.parallel_config``:
            processes, a cluster of Dask or of Ray. Each network is trained with one of torch's threads,
            wherever it is, so that its bits depend on the processor alone; models, optimizers, schedules and
            callbacks come back as if they had been trained here. -1 for as many as the backend has. Ctrl-C
            ends the sweep at once.
        checkpoint: a folder in which each network keeps its state, as for `plaingrad.fit`; those that are
            complete are not trained again. The folder is cleared when all are.
        checkpoint_every: as for `plaingrad.fit`, for each network.

    Returns:
        The `History` of each network, in their order.

    Raises:
        InputError: an argument cannot be used. What concerns one network says which.
        ModuleError: as for `plaingrad.fit`, with the number of the network.
    """
    models = list(models)
    count = len(models)
    checks.expect_disjoint(models)
    workers = cores() if workers is None else expect_positive("workers", workers)
    data = Dataset.of(train)
    with reserved(None, loss) as undisturbed:
        losses = [copy.deepcopy(one) for one in each("loss", undisturbed, count, True)]
    shared = {
        "validation": None if validation is None else Dataset.of(validation),
        "metrics": metrics,
        "sample_weight": sample_weight,
        "weight_decay_per": weight_decay_per,
        "engine": engine,
    }
    own: dict[str, list[Any]] = {
        "loss": losses,
        "optimizer": each("optimizers", optimizers, count),
        "epochs": [expect_positive("epochs", n) for n in each("epochs", epochs, count, True)],
        "batch_size": each("batch_size", batch_size, count, True),
        "schedule": each("schedules", schedules, count, schedules is None),
        "shuffle": each("shuffle", shuffle, count, True),
        "seed": [draw_seed() if s is None else s for s in each("seeds", seeds, count, True)],
        "callbacks": [()] * count if callbacks is None else each("callbacks", callbacks, count),
    }
    checks.expect_own(own["callbacks"])
    checks.expect_own_orders(own["shuffle"])
    kinds = [
        (repr(model), type(one), type(rule), size)
        for model, one, rule, size in zip(models, own["loss"], own["optimizer"], own["batch_size"])
    ]
    epochs_per_compile: Counter[Any] = Counter()
    for kind, number in zip(kinds, own["epochs"]):
        epochs_per_compile[kind] += number
    if n_jobs is not None and checkpoint is not None:
        raise InputError("checkpoint: expected None with n_jobs, whose jobs may be on other machines")
    interrupt, termination = Interrupt(), Termination()
    every = checks.expect_seconds("checkpoint_every", checkpoint_every)
    if checkpoint is not None:
        checks.expect_folder("checkpoint", checkpoint)
    if n_jobs is not None and (isinstance(n_jobs, bool) or not isinstance(n_jobs, int) or n_jobs == 0):
        raise InputError(f"n_jobs: expected an integer other than 0, or None, got {n_jobs!r}")
    checkpoints = [
        None
        if checkpoint is None
        else Checkpoint(checkpoint, every, f"network-{i}.safetensors", is_kept=True)
        for i in range(count)
    ]
    sweep = Sweep((interrupt, termination), epochs_per_compile, progress)
    trials = [
        Trial(i, model, data, shared | dict(zip(own, row)), sweep, kinds[i], checkpoints[i])
        for i, (model, *row) in enumerate(zip(models, *own.values()))
    ]
    with ExitStack() as around:
        if n_jobs is None:  # else the backend ends at once
            around.enter_context(interrupt)
        if checkpoint is not None:
            around.enter_context(termination)
        refresh = around.enter_context(bar(trials, progress))
        if n_jobs is None:
            sweep.run(trials, workers, 1, refresh)
            sweep.side_by_side = False
            sweep.run([trial for trial in trials if trial.deferred], 1, torch.get_num_threads(), refresh)
        else:
            from plaingrad.train.jobs import train_in_jobs  # which knows trials

            train_in_jobs(trials, n_jobs, refresh)
    if termination.requested:
        terminate()
    if not interrupt.requested:
        for each_checkpoint in filter(None, checkpoints):
            each_checkpoint.remove()
    failed = [trial for trial in trials if trial.diverged]
    if failed:
        numbers = ", ".join(str(trial.number) for trial in failed)
        warnings.warn(f"{len(failed)} of {count} networks diverged: {numbers}", RuntimeWarning, stacklevel=2)
    return [trial.history for trial in trials]


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


def each(name: str, values: Any, count: int, one_for_all: bool = False) -> list[Any]:
    """A list with a value for each network."""
    if not isinstance(values, str) and isinstance(values, Sequence) and len(values) == count:
        return list(values)
    is_one = isinstance(values, str) or not isinstance(values, Sequence)
    if one_for_all and is_one:
        return [values] * count
    got = repr(values) if is_one else len(values)
    raise InputError(f"{name}: expected one for each of {count} models, got {got}")


def cores() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def bar(trials: Sequence[Trial], enabled: bool) -> Iterator[Any]:
    """Show a progress bar over all epochs of all networks; yield the function that refreshes it."""
    console, is_notebook = Console(), in_notebook()
    if not (enabled and (console.is_terminal or is_notebook)):
        yield lambda: None
        return
    line = NotebookProgress("epoch") if is_notebook else progress_line(console, "epoch", transient=False)
    with line as shown:
        task = shown.add_task("", total=sum(trial.options["epochs"] for trial in trials))

        def refresh() -> None:
            done = sum(trial.options["epochs"] if trial.ended else trial.epochs for trial in trials)
            ended = sum(trial.ended for trial in trials)
            shown.update(task, completed=done, description=f"{ended} of {len(trials)} networks")

        yield refresh
