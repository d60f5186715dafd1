"""Trials that workers share: exactly so many, whoever comes, dies or is slow, and each is drawn once."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from plaingrad.console.output import Reporter
from plaingrad.tables.search import search, workers
from plaingrad.tables.search.workers import SamplerByNumber, ended, lost, share
from tables.search.processes import output, python, trials_of, wait_until

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")

# Arguments: the database, the number of trials, the seconds of one, and the file that lets it begin.
PROGRAM = """
import os, sys, time
from pathlib import Path
import optuna
from plaingrad.tables.search.workers import SamplerByNumber, share

optuna.logging.set_verbosity(optuna.logging.ERROR)  # as the command line does
url, total, seconds, start = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4])
storage = optuna.storages.RDBStorage(
    url, {"connect_args": {"timeout": 60}}, heartbeat_interval=1, grace_period=3
)
study = optuna.load_study(study_name="shared", storage=storage)
study.sampler = SamplerByNumber(3, {"x": 0.5})

def objective(trial, index):
    x = trial.suggest_float("x", 0, 1)
    start.with_suffix(".begun").touch()
    time.sleep(seconds)
    print(trial.number, index)
    return x

Path(f"{start}.{os.getpid()}.ready").touch()
while not start.exists():
    time.sleep(0.001)
share(study, total, objective, waiting=lambda trials: print("waiting", flush=True))
"""


def created(path: Path, heartbeat: bool = True) -> optuna.Study:
    beating = {"heartbeat_interval": 1, "grace_period": 3} if heartbeat else {}
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}", **beating)
    return optuna.create_study(study_name="shared", storage=storage)


def test_three_workers_make_exactly_so_many_trials_and_none_twice(tmp_path: Path) -> None:
    """They begin in the same millisecond, and all trials end at once."""
    created(tmp_path / "s.db")
    url, start = f"sqlite:///{tmp_path / 's.db'}", tmp_path / "start"
    processes = [python(PROGRAM, url, 20, 0, start) for _ in range(3)]
    for process in processes:
        wait_until(tmp_path / f"start.{process.pid}.ready")
    start.touch()
    lines = [output(process).splitlines() for process in processes]
    trials = trials_of(tmp_path / "s.db", "shared")
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    assert len(complete) == 20
    assert all(trial.state.is_finished() for trial in trials)
    drawn = [trial.params["x"] for trial in complete]
    assert len(set(drawn)) == 20
    assert drawn.count(0.5) == 1
    assert sum(line.count(" ") for each in lines for line in each) == 20
    assert all(lines)  # nobody was idle


def test_a_worker_that_is_killed_is_replaced(tmp_path: Path) -> None:
    created(tmp_path / "s.db")
    url, start = f"sqlite:///{tmp_path / 's.db'}", tmp_path / "start"
    start.touch()
    dying = python(PROGRAM, url, 2, 60, start)
    wait_until(tmp_path / "start.begun")
    time.sleep(0.3)  # for the first beat of its heart
    dying.kill()
    dying.communicate()
    living = python(PROGRAM, url, 2, 0, start)
    began = time.monotonic()
    assert "waiting" in output(living)
    assert time.monotonic() - began < 30
    states = [trial.state for trial in trials_of(tmp_path / "s.db", "shared")]
    assert states == [TrialState.FAIL, TrialState.COMPLETE, TrialState.COMPLETE]


@pytest.mark.filterwarnings("ignore:Heartbeat of storage")
def test_a_trial_that_nobody_has_claimed_is_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its worker died between the trial's creation and the first heartbeat."""
    monkeypatch.setattr(workers, "GRACE", 0.3)
    monkeypatch.setattr(workers, "POLL", 0.1)
    study = created(tmp_path / "s.db")
    study.ask()
    share(study, 1, lambda trial, index: 1.0)
    assert [trial.state for trial in study.trials] == [TrialState.FAIL, TrialState.COMPLETE]


def test_a_trial_too_many_is_taken_back(tmp_path: Path) -> None:
    """Another worker's trials appear between the look at the study and the own trial."""
    study = created(tmp_path / "s.db")
    ask, calls = study.ask, []

    def late(*arguments: object) -> object:
        if not calls:
            study.add_trial(create_trial(value=2.0))
        calls.append(1)
        return ask(*arguments)

    study.ask = late  # type: ignore[method-assign, assignment]
    share(study, 1, lambda trial, index: pytest.fail("the objective is called"))
    first, second = study.trials
    assert (ended(first), lost(first)) == (True, False)
    assert (ended(second), lost(second)) == (False, True)


def test_a_worker_that_was_taken_for_dead_goes_on(tmp_path: Path) -> None:
    """A machine that slept, for example: the trial is another's, whatever comes of it."""
    study = created(tmp_path / "s.db")
    steps = []

    def objective(trial: optuna.Trial, index: int) -> float:
        steps.append(trial.number)
        if len(steps) == 1:
            study.tell(trial.number, state=TrialState.FAIL)
            trial.report(1.0, 1)
        if len(steps) == 2:
            study.tell(trial.number, state=TrialState.FAIL)
        return 1.0

    share(study, 1, objective)
    assert steps == [0, 1, 2]
    assert [ended(trial) for trial in study.trials] == [False, False, True]


@pytest.mark.parametrize("failing", [OSError, ValueError, KeyboardInterrupt, SystemExit])
def test_a_trial_that_fails_is_lost_and_the_error_is_raised(
    tmp_path: Path, failing: type[BaseException]
) -> None:
    study = created(tmp_path / "s.db")

    def objective(trial: optuna.Trial, index: int) -> float:
        raise failing

    with pytest.raises(failing):
        share(study, 1, objective)
    assert [lost(trial) for trial in study.trials] == [True]
    share(study, 1, lambda trial, index: 1.0)
    assert [ended(trial) for trial in study.trials] == [False, True]


def test_failures_of_the_objective_count(tmp_path: Path) -> None:
    study, seen = created(tmp_path / "s.db"), []
    outcomes = [ArithmeticError(), optuna.TrialPruned(), float("nan"), 1.0]

    def objective(trial: optuna.Trial, index: int) -> float:
        outcome = outcomes[index]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    share(study, 4, objective, failures=(ArithmeticError,), after=lambda trial: seen.append(trial.number))
    assert [trial.state.name for trial in study.trials] == ["FAIL", "PRUNED", "FAIL", "COMPLETE"]
    assert all(ended(trial) for trial in study.trials)
    assert seen == [0, 1, 2, 3]


def test_draws_depend_on_the_seed_and_the_number_alone() -> None:
    def drawn(seed: int, lost_before: int = 0) -> list[float]:
        study = optuna.create_study(sampler=SamplerByNumber(seed, {"x": 0.25}))
        for _ in range(lost_before):
            study.add_trial(create_trial(state=TrialState.FAIL))
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=4)
        return [trial.params["x"] for trial in study.trials if trial.params]

    assert drawn(1) == drawn(1)
    assert drawn(1)[0] == drawn(2)[0] == drawn(1, 2)[0] == 0.25
    assert not set(drawn(1)[1:]) & set(drawn(2)[1:])
    assert drawn(1, 2)[1] == drawn(1)[3]


def models_of(path: Path) -> optuna.Study:
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}", heartbeat_interval=1, grace_period=3)
    return optuna.create_study(study_name="models", storage=storage, load_if_exists=True)


def test_workers_of_different_totals_write_one_after_the_other_and_the_best_of_most_stays(
    tmp_path: Path,
) -> None:
    """A worker that comes late with the best of fewer settings leaves what there is."""
    writing, start, order = threading.Lock(), threading.Barrier(2), []

    def work(tried: int) -> Any:
        def write() -> dict[str, Any]:
            assert writing.acquire(blocking=False), "two workers write at once"
            time.sleep(0.3)
            order.append(tried)
            (tmp_path / "model.safetensors").write_text(f"of {tried}")
            (tmp_path / "report.json").write_text(json.dumps({"tried": tried}))
            writing.release()
            return {"tried": tried}

        start.wait()
        return search.written(
            models_of(tmp_path / "s.db"), "key", tried, tmp_path, Reporter(quiet=True), write
        )

    models_of(tmp_path / "s.db")
    with ThreadPoolExecutor(2) as pool:
        found = dict(zip((8, 16), pool.map(work, (8, 16))))
    assert order in ([16], [8, 16])
    assert found[16] == {"tried": 16}
    assert found[8] == {"tried": order[0]}
    start = threading.Barrier(1)
    assert work(12) == {"tried": 16}
    assert (tmp_path / "model.safetensors").read_text() == "of 16"
