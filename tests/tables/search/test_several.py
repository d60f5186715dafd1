"""Searches of a table by several processes: so many settings in all, one model, whoever is killed."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from cli.shell import iris, refused, succeed
from plaingrad.tables.settings import STUDY
from tables.search.processes import output, trials_of, wait_until, worker

COMMON = ("--target", "species", "--epochs", 8, "--seed", 3, "--models", 1, "--no-report", "--no-importance")


def report(out: Path) -> Any:
    return json.loads((out / "report.json").read_text())


def test_two_workers_try_so_many_settings_and_one_writes_the_model(tmp_path: Path) -> None:
    arguments = (iris(tmp_path / "iris.csv"), "-o", tmp_path / "out", *COMMON, "--tune", 8)
    said = [output(process) for process in [worker(*arguments), worker(*arguments)]]
    trials = report(tmp_path / "out")["search"]["trials"]
    assert len(trials) == 8
    assert len({json.dumps(trial["settings"]) for trial in trials}) == 8
    lines = [line for each in said for line in each.splitlines()]
    numbers = sorted(line.partition(":")[0] for line in lines if line.startswith("setting "))
    assert numbers == [f"setting {number}/8" for number in range(1, 9)]
    assert sum("report.json and history.json are in" in line for line in lines) == 1
    others = [line for line in lines if "has written model and report to" in line or "of this search" in line]
    assert len(others) == 1
    assert not any(path.name.startswith(".") for path in (tmp_path / "out").iterdir())


def test_a_killed_search_goes_on_and_nothing_is_left_running(tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = (iris(tmp_path / "iris.csv"), "-o", out, *COMMON, "--tune", 5, "--epochs", 150)
    first = worker(*arguments)
    wait_until(out / STUDY)
    end = time.monotonic() + 60
    while time.monotonic() < end and len(_trials(out)) < 2:
        time.sleep(0.05)
    first.kill()
    first.communicate()
    output(worker(*arguments))
    trials = trials_of(out / STUDY)
    assert not [trial for trial in trials if not trial.state.is_finished()]
    assert len(report(out)["search"]["trials"]) == 5


def _trials(out: Path) -> list[Any]:
    try:
        return trials_of(out / STUDY)
    except Exception:  # the worker is creating the tables
        return []


def test_a_database_takes_searches_of_several_folders(tmp_path: Path) -> None:
    table, url = iris(tmp_path / "iris.csv"), f"sqlite:///{tmp_path / 'all.db'}"
    for name, seed in (("a", 1), ("b", 2)):
        options = (*COMMON, "--seed", seed, "--tune", 2, "--storage", url)
        assert "setting 2/2" in succeed("train", table, "-o", tmp_path / name, *options)
        assert not (tmp_path / name / STUDY).exists()
        assert "storage" not in report(tmp_path / name)["settings"]
    line = refused("train", table, "-o", tmp_path / "a", *COMMON, "--tune", 2, "--storage", url, "--lr", 1)
    assert f"{url}, 'plaingrad a': a search of other data or settings" in line


def test_a_database_that_cannot_be_reached_is_one_line_without_the_password(tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    url = "postgresql+psycopg://me:secret@127.0.0.1:1/name"
    table = iris(tmp_path / "iris.csv")
    line = refused("train", table, "-o", tmp_path / "out", *COMMON, "--tune", 2, "--storage", url)
    assert line.startswith("plaingrad train: postgresql+psycopg://me:***@127.0.0.1:1/name: ")
    assert "secret" not in line
    assert [path.name for path in tmp_path.iterdir()] == ["iris.csv"]
