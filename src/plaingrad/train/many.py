"""Training of many networks at once."""

from __future__ import annotations

import copy
import os
import warnings
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, Literal

import torch

from plaingrad.data import Dataset
from plaingrad.data.checks import expect_positive
from plaingrad.errors import InputError
from plaingrad.module import Module
from plaingrad.native.interrupt import Interrupt, Termination
from plaingrad.nn import Loss
from plaingrad.optim import Optimizer, Schedule
from plaingrad.train import checks
from plaingrad.train.callbacks import Callback
from plaingrad.train.history import History
from plaingrad.train.jobs import train_in_jobs
from plaingrad.train.metrics import Metric
from plaingrad.train.randomness import Shuffle, draw_seed
from plaingrad.train.resume.checkpoint import Checkpoint, terminate
from plaingrad.train.sharing import reserved
from plaingrad.train.sweep import Sweep, Trial, bar

NAME = "network-{}.safetensors"  # of a checkpoint


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
    if n_jobs is not None and (isinstance(n_jobs, bool) or not isinstance(n_jobs, int) or n_jobs == 0):
        raise InputError(f"n_jobs: expected an integer other than 0, or None, got {n_jobs!r}")
    if n_jobs is not None and checkpoint is not None:
        raise InputError("checkpoint: expected None with n_jobs, whose jobs may be on other machines")
    every = checks.expect_seconds("checkpoint_every", checkpoint_every)
    folder = None if checkpoint is None else checks.expect_path("checkpoint", checkpoint)
    if folder is not None:
        checks.expect_no_more_networks(folder, NAME, count)
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
    checkpoints = [
        None if folder is None else Checkpoint(folder, every, NAME.format(i), is_kept=True)
        for i in range(count)
    ]
    interrupt, termination = Interrupt(), Termination()
    sweep = Sweep((interrupt, termination), epochs_per_compile, progress)
    trials = [
        Trial(i, model, data, shared | dict(zip(own, row)), sweep, kinds[i], checkpoints[i])
        for i, (model, *row) in enumerate(zip(models, *own.values()))
    ]
    with ExitStack() as around:
        if n_jobs is None:  # else the backend ends at once
            around.enter_context(interrupt)
        if folder is not None:
            around.enter_context(termination)
        refresh = around.enter_context(bar(trials, progress))
        if n_jobs is None:
            sweep.run(trials, workers, 1, refresh)
            sweep.side_by_side = False
            sweep.run([trial for trial in trials if trial.deferred], 1, torch.get_num_threads(), refresh)
        else:
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
