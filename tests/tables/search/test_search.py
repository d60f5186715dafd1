"""The search: it goes on where it was left, and its best setting is what is trained."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from cli.shell import diabetes, failed, iris, refused, run, succeed, told, warned
from plaingrad.tables.model.network import fitted
from plaingrad.tables.search.pruning import Pruning
from plaingrad.tables.search.space import SEARCHED
from plaingrad.tables.settings import STUDY, Settings
from plaingrad.train import TrainingDiverged

COMMON = ("--target", "species", "--epochs", 8, "--seed", 3, "--models", 1)
QUICK = (*COMMON, "--no-importance", "--no-report")


def test_the_best_setting_is_trained_and_reported(tmp_path: Path) -> None:
    table, out = iris(tmp_path / "iris.csv"), tmp_path / "out"
    said = succeed("train", table, "-o", out, *COMMON, "--tune", 5)
    report = json.loads((out / "report.json").read_text())
    search = report["search"]
    assert [trial["number"] for trial in search["trials"]] == list(range(5))
    assert search["trials"][0]["settings"]["hidden"] == [64, 64]  # what was given is tried first
    finished = [trial for trial in search["trials"] if trial["state"] == "complete"]
    best = min(finished, key=lambda trial: trial["value"])
    assert search["best"] == best["settings"]
    assert {name: report["settings"][name] for name in SEARCHED} == search["best"]
    assert report["training"]["batch_size"] == search["best"]["batch_size"]
    history = json.loads((out / "history.json").read_text())["epochs"]
    assert min(history["val_loss"]) == pytest.approx(best["value"])
    assert "setting 5/5: " in said
    assert "\nSearch" in said
    page = (out / "report.html").read_text()
    assert "<h2>Search</h2>" in page
    assert page.count("<svg") == 3


def test_a_search_goes_on_where_it_was_left(tmp_path: Path) -> None:
    table = iris(tmp_path / "iris.csv")
    first = told("train", table, "-o", tmp_path / "out", *QUICK, "--tune", 3)["search"]["trials"]
    again = succeed("train", table, "-o", tmp_path / "out", *QUICK, "--tune", 5)
    assert f"3 settings searched before in {tmp_path / 'out' / STUDY}" in again
    assert [line.partition(":")[0] for line in again.splitlines() if line.startswith("setting ")] == [
        "setting 4/5",
        "setting 5/5",
    ]
    trials = json.loads((tmp_path / "out" / "report.json").read_text())["search"]["trials"]
    assert trials[:3] == first
    assert len(trials) == 5
    assert len({json.dumps(trial["settings"]) for trial in trials}) == 5


def test_a_search_that_is_interrupted_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table, out = iris(tmp_path / "iris.csv"), tmp_path / "out"
    calls: list[int] = []

    def interrupted(pruning: Pruning, epoch: int, logs: Any) -> None:
        on_epoch_end(pruning, epoch, logs)
        calls.append(epoch)
        if len(calls) == 12:  # in the second setting
            pruning.run.stop(f"interrupted in epoch {epoch + 1}")

    on_epoch_end = Pruning.on_epoch_end
    monkeypatch.setattr(Pruning, "on_epoch_end", interrupted)
    result = run("train", table, "-o", out, *QUICK, "--tune", 3)
    assert (result.exit_code, result.stderr) == (130, "plaingrad train: interrupted\n")
    assert [path.name for path in out.iterdir()] == [STUDY]
    monkeypatch.setattr(Pruning, "on_epoch_end", on_epoch_end)
    assert "1 settings searched before" in succeed("train", table, "-o", out, *QUICK, "--tune", 3)
    assert len(json.loads((out / "report.json").read_text())["search"]["trials"]) == 3


def test_a_search_of_other_data_is_refused(tmp_path: Path) -> None:
    table, out = iris(tmp_path / "iris.csv"), tmp_path / "out"
    succeed("train", table, "-o", out, *QUICK, "--tune", 1, "--quiet")
    line = refused("train", table, "-o", out, *QUICK, "--tune", 2, "--optimizer", "sgd")
    assert "a search of other data or settings (optimizer sgd, was adam); remove it, or choose" in line
    other = diabetes(tmp_path / "diabetes.csv")
    line = refused("train", other, "-o", out, "--target", "progression", "--tune", 2)
    assert "a search of other data or settings (epochs 200, was 8)" in line
    lines = table.read_text().splitlines()
    table.write_text("\n".join([*lines[:-1], lines[-1].replace(lines[-1].split(",")[0], "900")]) + "\n")
    line = refused("train", table, "-o", out, *QUICK, "--tune", 2)
    assert "a search of other data or settings (other inputs of rows for " in line


def test_a_search_with_weights_is_not_one_without(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    rows = [f"{i % 7},{i % 5},{1 + i % 3},{'ab'[i % 7 > 3]}" for i in range(60)]
    table.write_text("\n".join(["p,q,w,y", *rows]) + "\n")
    common = ("train", table, "--target", "y", "--epochs", 2, "-o", tmp_path / "out")
    warned(*common, "--ignore", "w", "--tune", 1, "--no-report")
    line = refused(*common, "--weight", "w", "--tune", 1)
    assert re.search(
        r"settings \(rows for training \d+ of (\d+ features) with weights, were \d+ of \1\);", line
    )


def test_a_worker_of_fewer_settings_than_were_tried_changes_nothing(tmp_path: Path) -> None:
    table, out = iris(tmp_path / "iris.csv"), tmp_path / "out"
    first = told("train", table, "-o", out, *QUICK, "--tune", 3)
    written = (out / "model.safetensors").stat().st_mtime_ns
    said = succeed("train", table, "-o", out, *QUICK, "--tune", 1)
    assert f"model.safetensors and report.json of this search are in {out}" in said
    assert (out / "model.safetensors").stat().st_mtime_ns == written
    assert told("train", table, "-o", out, *QUICK, "--tune", 2) == first


def test_a_complete_search_is_reported_but_not_begun_anew(tmp_path: Path) -> None:
    table, out = iris(tmp_path / "iris.csv"), tmp_path / "out"
    first = told("train", table, "-o", out, *QUICK, "--tune", 2)
    written = (out / "model.safetensors").stat().st_mtime_ns
    said = succeed("train", table, "-o", out, *QUICK, "--tune", 2)
    assert f"model.safetensors and report.json of this search are in {out}" in said
    assert (out / "model.safetensors").stat().st_mtime_ns == written
    assert told("train", table, "-o", out, *QUICK, "--tune", 2) == first
    (out / "model.safetensors").write_bytes(b"another")
    assert "2 settings searched before" in succeed("train", table, "-o", out, *QUICK, "--tune", 2)
    assert (out / "model.safetensors").stat().st_size > 7
    other = told("train", table, "-o", out, *QUICK, "--models", 2, "--tune", 2)
    assert other["network"]["models"] == 2
    assert other["search"] == first["search"]


def test_one_worker_with_one_seed_tries_the_same(tmp_path: Path) -> None:
    table = iris(tmp_path / "iris.csv")
    searches = [
        told("train", table, "-o", tmp_path / str(seed), *QUICK, "--seed", seed % 2, "--tune", 4)["search"]
        for seed in (0, 1, 2)
    ]
    assert searches[0] == searches[2]
    assert searches[0]["trials"][0]["settings"] == searches[1]["trials"][0]["settings"]
    assert searches[0]["trials"][1]["settings"] != searches[1]["trials"][1]["settings"]


def test_settings_that_diverge_do_not_end_the_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []

    def diverging(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 2:
            raise TrainingDiverged.__new__(TrainingDiverged)
        return fitted(*arguments)

    monkeypatch.setattr("plaingrad.tables.search.search.fitted", diverging)
    table = iris(tmp_path / "iris.csv")
    search = told("train", table, "-o", tmp_path / "out", *QUICK, "--tune", 3)["search"]
    assert [trial["state"] for trial in search["trials"]] == ["complete", "fail", "complete"]
    assert search["trials"][1]["value"] is None


def test_without_optuna_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = iris(tmp_path / "iris.csv")
    monkeypatch.setitem(sys.modules, "optuna", None)
    line = failed("train", table, "-o", tmp_path / "out", *QUICK, "--tune", 2)
    assert line == "plaingrad train --tune needs Optuna: pip install 'plaingrad[tune]'"
    assert list(tmp_path.iterdir()) == [table]


def test_bad_settings_are_given_up() -> None:
    class Trial:
        reports: list[tuple[float, int]] = []  # noqa: RUF012

        def report(self, value: float, step: int) -> None:
            self.reports.append((value, step))

        def should_prune(self) -> bool:
            return len(self.reports) == 3

    class Run:
        reason = ""

        def stop(self, reason: str) -> None:
            self.reason = reason

    pruning = Pruning(Trial(), Settings(target="y"))
    pruning.run = Run()  # type: ignore[assignment]
    for epoch, loss in enumerate([5.0, 3.0, 4.0, 2.0]):
        pruning.on_epoch_end(epoch, {"val_loss": loss})
    assert Trial.reports == [(5.0, 1), (3.0, 2), (2.0, 4)]
    assert pruning.pruned
    assert pruning.run.reason.startswith("given up after epoch 4")  # type: ignore[attr-defined]
