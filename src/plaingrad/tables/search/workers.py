"""A study of Optuna that any number of workers share: so many trials in all, whoever comes or dies."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.exceptions import TrialPruned, UpdateFinishedTrialError
from optuna.samplers import BaseSampler, PartialFixedSampler, TPESampler
from optuna.storages import fail_stale_trials
from optuna.trial import FrozenTrial, Trial, TrialState

HEARTBEAT, GRACE = 5, 30  # seconds: how often a worker shows that it lives, and how long it may be silent
POLL = 0.5  # seconds between two looks at what others are doing
ENDED, WORKER = "ended", "worker"

Objective = Callable[[Trial, int], float]


def ended(trial: FrozenTrial) -> bool:
    """True if a trial counts: it came to an end of its own, good or bad."""
    if trial.state == TrialState.FAIL:
        return ENDED in trial.user_attrs
    return trial.state.is_finished()


def lost(trial: FrozenTrial) -> bool:
    """True if a trial was lost with its worker, or was one too many: another one takes its turn."""
    return trial.state == TrialState.FAIL and ENDED not in trial.user_attrs


def worker_name() -> str:
    """This process, as other workers name it."""
    return f"{socket.gethostname()}, process {os.getpid()}"


class Surplus(Exception):
    """Raised by a trial that is one too many."""


def share(
    study: optuna.Study,
    total: int,
    objective: Objective,
    *,
    failures: tuple[type[Exception], ...] = (),
    after: Callable[[FrozenTrial], None] = lambda trial: None,
    waiting: Callable[[Sequence[FrozenTrial]], None] = lambda trials: None,
) -> None:
    """Run trials until so many of all workers together have ended.

    Workers need nothing but the study. Its storage numbers the trials in the order in which they begin. One
    is run only if fewer than ``total`` of those before it are alive, which is to say have ended or are
    running; if not, it is taken back. So there are never more: of ``total`` + 1 that are alive, the last
    would have seen the others. Nor are there fewer: a trial whose worker is silent for too long fails, and
    whoever waits begins another in its stead.

    Args:
        study: with a storage that has a heartbeat.
        total: how many trials shall end.
        objective: called with a trial and the number of those alive before it.
        failures: errors of the objective by which a trial ends and counts; others are raised.
        after: called with each trial that this worker has run, once it is stored.
        waiting: called with the trials that other workers are running, while there is nothing to begin.
    """
    silent: dict[int, float] = {}
    while True:
        trials = study.get_trials(deepcopy=False)
        if sum(map(ended, trials)) >= total:
            return
        alive = [trial for trial in trials if not lost(trial)]
        if len(alive) < total:
            _run_one(study, total, objective, failures, after)
            continue
        running = [trial for trial in alive if not trial.state.is_finished()]
        waiting(running)
        fail_stale_trials(study)
        _fail_unclaimed(study, running, silent)
        time.sleep(POLL)


def _run_one(
    study: optuna.Study,
    total: int,
    objective: Objective,
    failures: tuple[type[Exception], ...],
    after: Callable[[FrozenTrial], None],
) -> None:
    ends: tuple[type[Exception], ...] = (TrialPruned, *failures)
    over = False  # the objective is done, or another worker has taken this one for dead

    def admitted(trial: Trial) -> float:
        nonlocal over
        try:
            trials = study.get_trials(deepcopy=False)
            before = sum(not lost(other) for other in trials if other.number < trial.number)
            if before >= total:
                raise Surplus
            trial.set_user_attr(WORKER, worker_name())
            try:
                value = objective(trial, before)
            except ends:
                trial.set_user_attr(ENDED, True)
                over = True
                raise
            trial.set_user_attr(ENDED, True)
            over = True
            return value
        except UpdateFinishedTrialError:
            over = True
            raise
        except SystemExit:  # which Optuna would leave without a word
            study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)
            raise

    def stored(study: optuna.Study, trial: FrozenTrial) -> None:
        if not lost(trial):
            after(trial)

    try:
        study.optimize(admitted, n_trials=1, catch=(Surplus, *failures), callbacks=[stored])
    except (ValueError, UpdateFinishedTrialError):
        if not over:
            raise


def _fail_unclaimed(study: optuna.Study, running: Sequence[FrozenTrial], silent: dict[int, float]) -> None:
    """Fail trials whose worker died before its first heartbeat, which Optuna leaves running for ever."""
    now = time.monotonic()
    for trial in running:
        if WORKER not in trial.user_attrs and now - silent.setdefault(trial.number, now) > GRACE:
            study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)


class SamplerByNumber(BaseSampler):
    """Optuna's tree of Parzen estimators, seeded for each trial by its number.

    So no two workers draw the same, and one that works alone draws the same each time.

    Args:
        seed: of the search.
        first: the parameters of the first trial.
    """

    def __init__(self, seed: int, first: Mapping[str, Any]) -> None:
        self.seed, self.first = seed, dict(first)
        self.sampler: BaseSampler = TPESampler(seed=seed)

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        seed = int(np.random.SeedSequence([self.seed, trial.number]).generate_state(1)[0])
        self.sampler = TPESampler(seed=seed, constant_liar=True)
        others = study.get_trials(deepcopy=False)
        if all(lost(other) for other in others if other.number < trial.number):
            self.sampler = PartialFixedSampler(self.first, self.sampler)
        self.sampler.before_trial(study, trial)

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> Any:
        return self.sampler.infer_relative_search_space(study, trial)

    def sample_relative(self, study: optuna.Study, trial: FrozenTrial, search_space: Any) -> Any:
        return self.sampler.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: Any
    ) -> Any:
        return self.sampler.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Any) -> None:
        self.sampler.after_trial(study, trial, state, values)
