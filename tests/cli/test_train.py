import json
from pathlib import Path

import pandas as pd
import pytest
import torch
from matplotlib.image import imread
from sklearn.datasets import load_breast_cancer

from cli.shell import diabetes, iris, refused, succeed
from plaingrad import nn
from plaingrad.data import split
from plaingrad.data.table import read_table
from plaingrad.train import predict
from plaingrad.train.checkpoint import load_state

COMMON = ["history.json", "loss.png", "model.safetensors", "report.json", "report.md"]


def test_classes_are_learned_and_reported(tmp_path: Path) -> None:
    table, out = iris(tmp_path / "iris.csv"), tmp_path / "out"
    said = succeed("train", table, "--target", "species", "-o", out, "--epochs", 40, "--lr", 0.01)
    assert said.startswith("classification: 'species' has 3 distinct strings\n")
    assert "108 rows to train, 12 to validate, 30 to test" in said
    assert sorted(path.name for path in out.iterdir()) == sorted([*COMMON, "confusion.png"])
    report = json.loads((out / "report.json").read_text())
    assert report["test"]["error"] <= 0.1
    assert report["test"]["baseline_error"] == pytest.approx(2 / 3)
    assert {name: each["rows"] for name, each in report["test"]["classes"].items()} == {
        "setosa": 10,
        "versicolor": 10,
        "virginica": 10,
    }
    assert "| setosa | 1.000 | 1.000 | 1.000 | 10 |" in (out / "report.md").read_text()
    assert all(imread(out / name).std() > 0.01 for name in ("loss.png", "confusion.png"))


def test_values_are_learned_and_reported_in_their_own_units(tmp_path: Path) -> None:
    table, out = diabetes(tmp_path / "diabetes.csv"), tmp_path / "out"
    said = succeed(
        "train", table, "--target", "progression", "-o", out, "--epochs", 30, "--hidden", "", "--lr", 0.02
    )
    assert said.startswith("regression: 'progression' has ")
    report = json.loads((out / "report.json").read_text())
    assert 30 < report["test"]["rmse"] < report["test"]["baseline_rmse"] < 120
    assert 0 < report["test"]["r2"] < 1
    assert sorted(path.name for path in out.iterdir()) == sorted([*COMMON, "predicted.png"])
    assert imread(out / "predicted.png").std() > 0.01


def test_the_saved_model_can_be_used_on_the_table_again(tmp_path: Path) -> None:
    table, out = diabetes(tmp_path / "diabetes.csv"), tmp_path / "out"
    options = ("--epochs", 60, "--hidden", "8", "--activation", "tanh", "--lr", 0.01)
    succeed("train", table, "--target", "progression", "-o", out, *options)
    state, facts = load_state(out / "model.safetensors")
    assert facts["architecture"] == [10, 8, 1]
    model = nn.Sequential(nn.Linear(10, 8), nn.Tanh(), nn.Linear(8, 1))
    model.load_state_dict(state)
    _, test = split(read_table(table, "progression").data, 0.2, seed=0)
    inputs = (test.inputs - torch.tensor(facts["input_mean"])) / torch.tensor(facts["input_deviation"])
    values = facts["target_mean"] + facts["target_deviation"] * predict(model, inputs).double()
    rmse = (values - test.targets).square().mean().sqrt()
    report = json.loads((out / "report.json").read_text())
    assert report["test"]["rmse"] == pytest.approx(float(rmse), rel=1e-5)


def test_truth_values_are_classes_and_the_best_epoch_is_kept(tmp_path: Path) -> None:
    frame = load_breast_cancer(as_frame=True).frame
    frame.assign(target=frame["target"] == 1).to_csv(tmp_path / "cancer.csv", index=False)
    out = tmp_path / "out"
    options = ("--epochs", 30, "--patience", 2, "--lr", 0.02)
    said = succeed("train", tmp_path / "cancer.csv", "--target", "target", "-o", out, *options)
    assert said.startswith("classification: 'target' is true or false\n")
    report = json.loads((out / "report.json").read_text())
    losses = json.loads((out / "history.json").read_text())["epochs"]["val_loss"]
    assert report["test"]["error"] < 0.08
    assert report["training"]["best_epoch"] == 1 + losses.index(min(losses))
    assert report["training"]["epochs"] == len(losses) < 30


def test_without_patience_all_epochs_run_on_all_training_rows(tmp_path: Path) -> None:
    table, out = iris(tmp_path / "iris.csv"), tmp_path / "out"
    said = succeed("train", table, "--target", "species", "-o", out, "--epochs", 3, "--patience", 0)
    assert "120 rows to train, 30 to test" in said
    report = json.loads((out / "report.json").read_text())
    assert (report["training"]["epochs"], report["training"]["best_epoch"]) == (3, None)
    assert "val_loss" not in json.loads((out / "history.json").read_text())["epochs"]


def test_the_same_seed_gives_the_same_report(tmp_path: Path) -> None:
    table = iris(tmp_path / "iris.csv")
    models = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        out = tmp_path / name
        succeed("train", table, "--target", "species", "-o", out, "--epochs", 2, "--seed", seed)
        models.append(load_state(out / "model.safetensors")[0]["0.weight"])
    assert torch.equal(models[0], models[1])
    assert not torch.equal(models[0], models[2])


@pytest.mark.parametrize("optimizer", ["AdamW", "sgd", "rmsprop", "adagrad"])
def test_every_optimizer_learns(tmp_path: Path, optimizer: str) -> None:
    table, out = iris(tmp_path / "iris.csv"), tmp_path / "out"
    options = ("--epochs", 30, "--lr", 0.02, "--optimizer", optimizer)
    succeed("train", table, "--target", "species", "-o", out, *options)
    assert json.loads((out / "report.json").read_text())["test"]["error"] < 0.3


def test_a_task_that_is_asked_for_is_taken(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": range(100), "y": [i // 25 for i in range(100)]})
    frame.to_csv(tmp_path / "t.csv", index=False)
    options = ("--target", "y", "-o", tmp_path / "out", "--epochs", 1)
    assert succeed("train", tmp_path / "t.csv", *options).startswith("classification: 'y' has only 4")
    options = (*options, "--task", "regression")
    assert succeed("train", tmp_path / "t.csv", *options).startswith("regression: as asked for")


def test_columns_can_be_ignored_and_separated_otherwise(tmp_path: Path) -> None:
    lines = ["name;x;y", *(f"n{i};{i % 7};{i % 2}" for i in range(40))]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    options = ("--target", "y", "--separator", ";", "--ignore", "name", "--epochs", 1)
    succeed("train", tmp_path / "t.csv", *options, "-o", tmp_path / "out")
    assert json.loads((tmp_path / "out" / "report.json").read_text())["features"] == ["x"]


def test_files_of_an_earlier_run_are_replaced(tmp_path: Path) -> None:
    table, out = iris(tmp_path / "iris.csv"), tmp_path / "out"
    out.mkdir()
    (out / "report.md").write_text("old")
    (out / "notes.txt").write_text("mine")
    succeed("train", table, "--target", "species", "-o", out, "--epochs", 1)
    assert (out / "report.md").read_text() != "old"
    assert (out / "notes.txt").read_text() == "mine"


def test_the_folder_is_named_after_the_table_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = succeed("train", iris(Path("iris.csv")), "--target", "species", "--epochs", 1)
    assert said.endswith("are in out/iris\n")
    assert Path("out/iris/report.md").exists()


def test_a_plot_that_fails_costs_no_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("plaingrad.inspect.plots.confusion_matrix", fail)
    table, out = iris(tmp_path / "iris.csv"), tmp_path / "out"
    line = refused("train", table, "--target", "species", "-o", out, "--epochs", 1)
    assert line == "plaingrad train: no space left"
    kept = {"history.json", "model.safetensors", "report.json", "report.md"}
    assert {path.name for path in out.iterdir()} == kept
