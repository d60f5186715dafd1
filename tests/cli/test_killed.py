"""`plaingrad train` that was killed goes on by the same command, and leaves nothing else behind."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from cli.shell import diabetes, refused, run, succeed
from plaingrad.tables import run as runs
from plaingrad.tables.model import trainings
from plaingrad.tables.settings import FILES

OPTIONS = ("--target", "progression", "--cv", 3, "--epochs", 25, "--models", 2)


class Killed(BaseException):
    """In the place of SIGKILL, so late that no file is tidied up by Python."""


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """The networks of a model."""
    return {name: value for name, value in load_file(folder / "model.safetensors").items() if name[0] != "."}


def expect_same(folder: Path, other: Path) -> None:
    """Compare the weights and scores of two runs, and look for debris."""
    assert {path.name for path in folder.iterdir()} == set(FILES)
    ours, theirs = weights(folder), weights(other)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())
    scores = [json.loads((each / "report.json").read_text())["test"] for each in (folder, other)]
    assert scores[0] == scores[1]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return diabetes(tmp_path_factory.mktemp("table") / "diabetes.csv")


@pytest.fixture(scope="module")
def whole(table: Path) -> Path:
    """The folder of a run that nothing has stopped."""
    succeed("train", table, *OPTIONS, "-o", table.parent / "whole")
    return table.parent / "whole"


def killed_before(training: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the program end before this training."""
    train = trainings.Trainings.fitted

    def dying(self: Any, name: str, *arguments: Any) -> Any:
        if name == training:
            raise Killed
        return train(self, name, *arguments)

    monkeypatch.setattr(runs.Trainings, "fitted", dying)


def test_no_fold_is_trained_twice(
    table: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("train", table, *OPTIONS, "-o", tmp_path / "out")
    killed_before("fold 3", monkeypatch)
    with pytest.raises(Killed):
        run(*command)
    monkeypatch.undo()
    kept = tmp_path / "out" / ".checkpoint"
    assert {path.name for path in kept.iterdir()} == {"run.json", "fold 1.safetensors", "fold 2.safetensors"}
    times = {path: path.stat().st_mtime_ns for path in kept.iterdir()}
    killed_before("network", monkeypatch)
    with pytest.raises(Killed):
        run(*command)
    monkeypatch.undo()
    assert times.items() <= {path: path.stat().st_mtime_ns for path in kept.iterdir()}.items()
    said = succeed(*command)
    assert f"going on with the run that was stopped in {tmp_path / 'out'}\n" in said
    expect_same(tmp_path / "out", whole)


@pytest.mark.parametrize("change", [("--epochs", 26), ("--seed", 1)])
def test_with_other_options_it_begins_anew(
    change: tuple[Any, ...], table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    killed_before("fold 2", monkeypatch)
    with pytest.raises(Killed):
        run("train", table, *OPTIONS, "-o", out)
    monkeypatch.undo()
    said = succeed("train", table, *OPTIONS, *change, "-o", out, "--no-report")
    assert f"the run that was stopped in {out} had other data or settings; beginning anew\n" in said
    assert not (out / ".checkpoint").exists()


def test_with_other_rows_it_begins_anew(table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other, out = tmp_path / "other.csv", tmp_path / "out"
    other.write_text("\n".join(table.read_text().splitlines()[:-1]) + "\n")
    killed_before("fold 2", monkeypatch)
    with pytest.raises(Killed):
        run("train", table, *OPTIONS, "-o", out)
    monkeypatch.undo()
    assert "beginning anew" in succeed("train", other, *OPTIONS, "-o", out, "--no-report")


def test_two_runs_do_not_write_to_one_folder(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, train = tmp_path / "out", trainings.Trainings.fitted
    options = (*OPTIONS, "-o", out, "--no-report")
    lines: list[str] = []

    def beside(self: Any, *arguments: Any) -> Any:
        monkeypatch.undo()
        lines.append(refused("train", table, *options, "--seed", 1))
        return train(self, *arguments)

    monkeypatch.setattr(runs.Trainings, "fitted", beside)
    succeed("train", table, *options)
    assert lines == [
        f"plaingrad train: {out}: expected a folder that no other run is writing to, got one that is"
    ]
    assert {path.name for path in out.iterdir()} == set(FILES) - {"report.html"}


@pytest.mark.parametrize("damage", ["", "{", '{"fingerprint": 3}'])
def test_a_damaged_note_begins_anew(damage: str, table: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / ".checkpoint").mkdir(parents=True)
    (out / ".checkpoint" / "run.json").write_text(damage)
    assert "beginning anew" in succeed("train", table, *OPTIONS, "-o", out, "--no-report")


def test_a_page_that_cannot_be_drawn_costs_no_model(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*arguments: Any) -> None:
        raise OSError("no picture")

    monkeypatch.setattr(runs, "write_page", failing)
    out = tmp_path / "out"
    assert run("train", table, *OPTIONS, "-o", out).exit_code != 0
    assert {path.name for path in out.iterdir()} == set(FILES) - {"report.html"}


def test_killed_at_random_moments(table: Path, whole: Path, tmp_path: Path) -> None:
    """A model is never seen without its report, and in the end nothing else is left."""
    out, moments = tmp_path / "out", random.Random(0)
    command = [sys.executable, "-m", "plaingrad", "train", str(table), *map(str, OPTIONS), "-o", str(out)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for _ in range(4):
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            while process.poll() is None and not (out / ".checkpoint").exists():
                time.sleep(0.01)
            time.sleep(moments.uniform(0, 2))
            process.send_signal(signal.SIGKILL)
        names = {path.name for path in out.iterdir()}
        assert "model.safetensors" not in names or ".checkpoint" in names or set(FILES) <= names
    subprocess.run(command, env=environment, check=True, capture_output=True)
    expect_same(out, whole)


def test_sigterm_lets_the_epoch_finish_and_the_same_command_goes_on(table: Path, tmp_path: Path) -> None:
    options = ("--target", "progression", "--epochs", 4000, "--patience", 4000, "--models", 1, "--no-report")
    out = tmp_path / "out"
    program = [sys.executable, "-m", "plaingrad", *map(str, ("train", table, *options, "-o", out))]
    process = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not list((out / ".checkpoint" / "network").glob("*")):
        assert process.poll() is None
        time.sleep(0.01)
    process.terminate()
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 143
    assert errors.strip().splitlines()[-1] == "stopped; run the same command to go on"
    assert list((out / ".checkpoint" / "network").iterdir())
    assert "going on with the run that was stopped" in succeed("train", table, *options, "-o", out)
