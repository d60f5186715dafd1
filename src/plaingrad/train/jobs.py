"""Networks of a sweep that are trained by joblib, in the processes or machines of its backend."""

from __future__ import annotations

import socket
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from plaingrad.data import Dataset
from plaingrad.extras import needed_by
from plaingrad.module import Module
from plaingrad.native.compile.builder import BuildError, find_compiler
from plaingrad.train.history import History
from plaingrad.train.sweep import Trial
from plaingrad.train.threads import threads

JOBS_PER_WORKER = 4  # so that workers end at about the same time; each job carries the data once


@dataclass
class Job:
    """A network of a sweep on its way to a worker and back.

    Attributes:
        number: its index among the networks.
        model: the network.
        options: the other arguments of `plaingrad.fit`.
        kind: its key in the sweep's epochs.
        history: of the training, once it has ended.
        diverged: whether it has diverged.
        uncompiled: why it was trained eagerly, and where, if that is for want of a compiler.
    """

    number: int
    model: Module
    options: dict[str, Any]
    kind: Any
    history: History | None = None
    diverged: bool = False
    uncompiled: str = ""


@dataclass
class Worker:
    """The part of a sweep that one job trains, one network after the other."""

    epochs: Counter[Any]
    verbose: bool = False
    side_by_side: bool = False
    ending: bool = False


def train_in_jobs(trials: Sequence[Trial], n_jobs: int, refresh: Callable[[int], None]) -> None:
    """Train networks by joblib, with the backend of the context; those of the trials come out trained.

    Args:
        trials: of a sweep.
        n_jobs: as for `joblib.Parallel`.
        refresh: shows how many have ended; called by joblib's threads, one at a time.

    Raises:
        MissingExtra: joblib is not installed.
    """
    with needed_by("fit_many(n_jobs=)"):
        from joblib import Parallel, delayed, effective_n_jobs
    jobs = [
        Job(
            trial.number,
            trial.model,
            {**trial.options, "callbacks": trial.options["callbacks"][1:]},
            trial.kind,
        )
        for trial in trials
    ]
    size = max(1, len(jobs) // (JOBS_PER_WORKER * effective_n_jobs(n_jobs)))
    batches = [jobs[start : start + size] for start in range(0, len(jobs), size)]
    parallel = Parallel(n_jobs=n_jobs, batch_size=1)
    parallel.print_progress = lambda: refresh(min(parallel.n_completed_tasks * size, len(jobs)))
    uncompiled = []
    for batch in parallel(
        delayed(train_batch)(batch, trials[0].data, trials[0].sweep.epochs) for batch in batches
    ):
        for job in batch:
            _take_over(job, trials[job.number])
            uncompiled += [job.uncompiled] if job.uncompiled else []
    if uncompiled:
        reasons = "; ".join(sorted(set(uncompiled)))
        text = f"{len(uncompiled)} of {len(jobs)} networks were trained eagerly by workers without a compiler"
        warnings.warn(f"{text}: {reasons}", RuntimeWarning, stacklevel=3)


def train_batch(jobs: list[Job], data: Dataset, epochs: Counter[Any]) -> list[Job]:
    """Train some networks, in a worker, with one of torch's threads."""
    sweep = Worker(epochs)
    with threads(1):
        for job in jobs:
            trial = Trial(job.number, job.model, data, job.options, sweep, job.kind)  # type: ignore[arg-type]
            trial.train()
            job.history, job.diverged = trial.history, trial.diverged
            job.uncompiled = _want_of_compiler(trial.history)
            for callback in job.options["callbacks"]:
                vars(callback).pop("run", None)  # which holds the whole training
    return jobs


def _want_of_compiler(history: History) -> str:
    if history.engine != "eager":
        return ""
    try:
        find_compiler()
    except BuildError as error:
        if history.engine_reason == f"eager: {error}":
            return f"{socket.gethostname()}: {error}"
    return ""


def _take_over(job: Job, trial: Trial) -> None:
    """Have a network and what belongs to it as the worker left them, which may have had copies."""
    assert job.history is not None
    trial.history, trial.diverged = job.history, job.diverged
    if job.model is trial.model:
        return
    trial.model.load_state_dict(job.model.state_dict())
    for name in ("optimizer", "schedule"):
        own = trial.options[name]
        if own is not None:
            own.load_state_dict(job.options[name].state_dict())
    for own, returned in zip(trial.options["callbacks"][1:], job.options["callbacks"]):
        vars(own).update(vars(returned))
