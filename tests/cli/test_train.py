from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import Ridge
from sklearn.metrics import log_loss
from typer.testing import CliRunner

from cli.shell import breast_cancer, diabetes, failed, iris, refused, run, succeed, titanic, told
from disk import limited
from plaingrad.cli import app
from plaingrad.console.output import duration
from plaingrad.native.interrupt import Interrupt
from plaingrad.tables import read_frame
from plaingrad.tables.model.model import TableModel

MADE = ["history.json", "model.safetensors", "report.html", "report.json"]


def test_classes_are_learned_and_reported(tmp_path: Path) -> None:
    table, out = iris(tmp_path / "iris.csv"), tmp_path / "out"
    said = succeed("train", table, "--target", "species", "-o", out, "--epochs", 40, "--lr", 0.01)
    assert said.startswith("classification: 'species' has 3 distinct texts\n")
    assert "96 rows to train, 24 to validate, 30 to test" in said
    assert said.endswith(f"model.safetensors, report.html, report.json and history.json are in {out}\n")
    assert sorted(path.name for path in out.iterdir()) == MADE
    report = json.loads((out / "report.json").read_text())
    test = report["test"]
    assert test["scores"]["accuracy"] >= 0.9
    assert test["baselines"]["dummy"]["accuracy"] == pytest.approx(1 / 3)
    assert test["baselines"]["linear"]["accuracy"] > 0.9
    assert {name: each["rows"] for name, each in test["classes"].items()} == {
        "setosa": 10,
        "versicolor": 10,
        "virginica": 10,
    }
    assert np.array(test["confusion"]).sum(1).tolist() == [10, 10, 10]
    assert report["importance"]["columns"][0]["name"].startswith("petal")
    for shown in ("Columns", "Scores", "Classes", "Confusion", "Most important columns", "How it was made"):
        assert f"\n{shown}" in said


def test_the_scores_are_those_of_the_saved_model_on_the_rows_that_were_held_out(tmp_path: Path) -> None:
    table, out = titanic(tmp_path / "titanic.csv"), tmp_path / "out"
    report = told("train", table, "--target", "survived", "-o", out, "--epochs", 3)
    frame, rows = read_frame(table), report["rows"]
    assert rows == {"train": 840, "validation": 210, "test": 263, "without_target": 0}
    # which rows are tested is found from what the saved model says of all
    probabilities = TableModel.load(out / "model.safetensors").predict(frame).filter(like="probability_")
    from plaingrad.tables.model.rows import read_rows
    from plaingrad.tables.settings import Settings
    from plaingrad.tables.splits.parts import divided

    settings = Settings(target="survived")
    tested = divided(*read_rows(table, settings), settings).test
    assert tested is not None
    expected = log_loss(frame["survived"][tested.frame.index], probabilities.loc[tested.frame.index])
    assert report["test"]["scores"]["log_loss"] == pytest.approx(expected, rel=1e-5)


def test_values_are_learned_and_reported_in_their_own_units(tmp_path: Path) -> None:
    table, out = diabetes(tmp_path / "diabetes.csv"), tmp_path / "out"
    said = succeed(
        "train", table, "--target", "progression", "-o", out, "--epochs", 30, "--hidden", "", "--lr", 0.02
    )
    assert said.startswith("regression: 'progression' has ")
    assert "Errors (predicted minus true)" in said
    report = json.loads((out / "report.json").read_text())
    scores, baselines = report["test"]["scores"], report["test"]["baselines"]
    assert 30 < scores["rmse"] < baselines["dummy"]["rmse"] < 120
    assert 0 < scores["r2"] < 1
    assert report["importance"]["measure"] == "drop of R²"
    assert sum(report["test"]["errors"]["counts"]) == report["rows"]["test"] == 40
    page = (out / "report.html").read_text()
    assert page.count("<svg") == 3


def test_truth_values_are_classes_and_the_best_epoch_is_kept(tmp_path: Path) -> None:
    table, out = breast_cancer(tmp_path / "cancer.csv"), tmp_path / "out"
    said = succeed(
        "train", table, "--target", "benign", "-o", out, "--epochs", 60, "--patience", 2, "--lr", 0.02
    )
    assert said.startswith("classification: 'benign' is true or false\n")
    report = json.loads((out / "report.json").read_text())
    epochs = json.loads((out / "history.json").read_text())["epochs"]
    losses = epochs["val_loss"]
    assert report["test"]["scores"]["accuracy"] > 0.92
    assert report["test"]["scores"]["roc_auc"] > 0.95
    assert report["training"]["best_epoch"] == 1 + losses.index(min(losses))
    assert report["training"]["epochs"] == len(losses) == len(epochs["val_accuracy"]) < 60


def test_without_patience_all_epochs_run_on_all_training_rows(tmp_path: Path) -> None:
    table, out = iris(tmp_path / "iris.csv"), tmp_path / "out"
    said = succeed("train", table, "--target", "species", "-o", out, "--epochs", 3, "--patience", 0)
    assert "120 rows to train, 30 to test" in said
    report = json.loads((out / "report.json").read_text())
    assert (report["training"]["epochs"], report["training"]["best_epoch"]) == (3, None)
    assert "val_loss" not in json.loads((out / "history.json").read_text())["epochs"]


def test_other_tables_validate_and_test(tmp_path: Path) -> None:
    table = iris(tmp_path / "iris.csv")
    frame = pd.read_csv(table).sample(frac=1, random_state=0)
    for name, part in (("train", frame[:90]), ("validation", frame[90:110]), ("test", frame[110:])):
        part.to_csv(tmp_path / f"{name}.csv", index=False)
    options = ("--target", "species", "-o", tmp_path / "out", "--epochs", 2)
    more = ("--validation", tmp_path / "validation.csv", "--test", tmp_path / "test.csv")
    report = told("train", tmp_path / "train.csv", *options, *more)
    assert report["rows"] == {"train": 90, "validation": 20, "test": 40, "without_target": 0}
    report = told("train", tmp_path / "train.csv", *options, *more[:2])
    assert report["rows"] == {"train": 72, "validation": 20, "test": 18, "without_target": 0}


def test_cross_validation_judges_by_all_rows_and_trains_on_those_that_do_not_validate(tmp_path: Path) -> None:
    table, out = diabetes(tmp_path / "diabetes.csv"), tmp_path / "out"
    said = succeed(
        "train", table, "--target", "progression", "-o", out, "--cv", 4, "--epochs", 20, "--lr", 0.01
    )
    report = json.loads((out / "report.json").read_text())
    assert report["rows"] == {"train": 160, "validation": 40, "without_target": 0}
    assert report["test"]["rows"] == 200
    assert len(report["test"]["folds"]) == 4
    assert [f"fold {i}/4: r2 {fold['r2']:.4g}" in said for i, fold in enumerate(report["test"]["folds"], 1)]
    means = [fold["rmse"] ** 2 for fold in report["test"]["folds"]]
    assert report["test"]["scores"]["rmse"] == pytest.approx(np.mean(means) ** 0.5)
    assert "±" in said
    folds = "Judged by cross-validation with 4 folds over all 200 rows; the model is trained on"
    assert report["judged_by"] == f"{folds} 160 of them, 40 others tell when to stop."
    options = ("--target", "progression", "-o", out, "--cv", 4, "--epochs", 2, "--patience", 0)
    report = told("train", table, *options)
    assert (report["rows"]["train"], report["judged_by"]) == (200, f"{folds} 200 of them.")


def test_the_baselines_are_scikit_learns_on_the_same_split(tmp_path: Path) -> None:
    from plaingrad.tables.model.encoded import Encoded
    from plaingrad.tables.model.rows import read_rows
    from plaingrad.tables.settings import Settings
    from plaingrad.tables.splits.parts import divided

    table = diabetes(tmp_path / "diabetes.csv")
    report = told("train", table, "--target", "progression", "-o", tmp_path / "out", "--epochs", 1)
    settings = Settings(target="progression")
    rows, target = read_rows(table, settings)
    encoded = Encoded.of(divided(rows, target, settings), settings)
    assert encoded.test is not None
    assert encoded.raw is not None
    for name, model in (("dummy", DummyRegressor()), ("linear", Ridge())):
        model.fit(encoded.raw.train, encoded.train.y)
        values = target.undo(model.predict(encoded.raw.test))
        rmse = np.sqrt(np.mean((values - target.undo(encoded.test.y)) ** 2))
        assert report["test"]["baselines"][name]["rmse"] == pytest.approx(rmse, rel=1e-5)


def test_rows_without_a_target_are_left_out_and_it_is_said(tmp_path: Path) -> None:
    frame = pd.read_csv(iris(tmp_path / "iris.csv"))
    frame.loc[[3, 70, 140], "species"] = None
    frame.to_csv(tmp_path / "t.csv", index=False)
    said = succeed("train", tmp_path / "t.csv", "--target", "species", "-o", tmp_path / "out", "--epochs", 1)
    assert "\n3 rows without 'species' left out\n" in said
    assert json.loads((tmp_path / "out" / "report.json").read_text())["rows"]["without_target"] == 3


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    table = iris(tmp_path / "iris.csv")
    models = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        succeed("train", table, "--target", "species", "-o", tmp_path / name, "--epochs", 2, "--seed", seed)
        model = TableModel.load(tmp_path / name / "model.safetensors").members[0].state_dict()
        models.append(model["0.weight"].numpy().tobytes())
    assert models[0] == models[1] != models[2]


LEARNING = ("--target", "species", "--epochs", 40, "--lr", 0.02)


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> float:
    """The loss of a model that is trained without further options."""
    folder = tmp_path_factory.mktemp("usual")
    report = told("train", iris(folder / "iris.csv"), "-o", folder / "out", *LEARNING)
    return float(report["test"]["scores"]["log_loss"])


@pytest.mark.parametrize(
    "options",
    [
        ["--optimizer", "AdamW", "--schedule", "cosine"],
        ["--optimizer", "sgd", "--schedule", "adaptive", "--lr", 0.1],
        ["--optimizer", "rmsprop", "--normalization", "layer"],
        ["--optimizer", "adagrad", "--activation", "Hard-Swish", "--lr", 0.1],
        ["--models", 3, "--dropout", 0.1],
        ["--class-weight", "setosa=3", "--class-weight", "virginica=0.5"],
        ["--class-weight", "balanced", "--label-smoothing", 0.1],
        ["--clip-norm", 1, "--batch-size", 8, "--hidden", "20", "--schedule", "one_cycle"],
        ["--engine", "eager", "--weight-decay", 0],
    ],
    ids=lambda options: " ".join(map(str, options)),
)
def test_every_option_of_the_training_is_used_and_it_learns(
    tmp_path: Path, usual: float, options: list[object]
) -> None:
    report = told("train", iris(tmp_path / "iris.csv"), "-o", tmp_path / "out", *LEARNING, *options)
    assert report["test"]["scores"]["accuracy"] > 0.7
    assert report["test"]["scores"]["log_loss"] != usual


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber", "quantile", "poisson"])
def test_every_loss_for_numbers_learns(tmp_path: Path, loss: str) -> None:
    table = diabetes(tmp_path / "diabetes.csv")
    options = ("--target", "progression", "--epochs", 80, "--lr", 0.01, "--loss", loss, "--models", 2)
    report = told("train", table, "-o", tmp_path / "out", *options)
    measure = "pinball" if loss == "quantile" else "mae"
    assert report["test"]["scores"][measure] < report["test"]["baselines"]["dummy"][measure]
    assert report["settings"]["loss"] == loss


def test_a_rate_stays_finite_whatever_it_is_asked_of(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=300)
    frame = pd.DataFrame({"x": x, "y": random.poisson(np.exp(x / 2))})
    frame.to_csv(tmp_path / "t.csv", index=False)
    far = frame.head(40).assign(x=np.where(np.arange(40) == 7, 1e6, x[:40]))
    far.to_csv(tmp_path / "far.csv", index=False)
    others = ("--validation", tmp_path / "far.csv", "--test", tmp_path / "far.csv")
    options = ("--target", "y", "--task", "regression", "--loss", "poisson", "--epochs", 3)
    report = told("train", tmp_path / "t.csv", *others, *options, "-o", tmp_path / "out")
    assert report["test"]["scores"]["mae"] > 1e30
    values = TableModel.load(tmp_path / "out" / "model.safetensors").predict(far)["prediction"]
    assert np.isfinite(values).all()


def test_a_quantile_lies_above_so_many_of_the_values(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    x = random.uniform(size=2000)
    pd.DataFrame({"x": x, "y": x + random.normal(size=2000)}).to_csv(tmp_path / "t.csv", index=False)
    out = tmp_path / "out"
    options = ("--loss", "quantile", "--quantile", 0.9, "--epochs", 30, "--lr", 0.01)
    test = told("train", tmp_path / "t.csv", "--target", "y", "-o", out, *options)["test"]
    frame = read_frame(tmp_path / "t.csv")
    values = TableModel.load(out / "model.safetensors").predict(frame)["prediction"]
    assert (frame["y"] < values).mean() == pytest.approx(0.9, abs=0.05)
    assert test["scores"]["below"] == pytest.approx(0.9, abs=0.05)
    assert test["baselines"]["dummy"]["below"] == pytest.approx(0.9, abs=0.05)
    assert test["scores"]["pinball"] < test["baselines"]["dummy"]["pinball"]
    assert test["scores"]["pinball"] == pytest.approx(test["baselines"]["linear"]["pinball"], rel=0.2)
    again = told("evaluate", out / "model.safetensors", tmp_path / "t.csv")["test"]["scores"]
    assert again["below"] == (frame["y"] <= values).mean()


def test_training_ends_in_time(tmp_path: Path) -> None:
    table = iris(tmp_path / "iris.csv")
    options = ("--epochs", 10**6, "--patience", 10**6, "--max-time", 0.2)
    report = told("train", table, "--target", "species", "-o", tmp_path / "out", *options)
    assert report["training"]["stopped"] == "the 0.2 seconds of max_time have passed"


def test_a_task_that_is_asked_for_is_taken(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": [i / 2 for i in range(100)], "y": [i // 25 for i in range(100)]})
    frame.to_csv(tmp_path / "t.csv", index=False)
    options = ("--target", "y", "-o", tmp_path / "out", "--epochs", 1)
    assert succeed("train", tmp_path / "t.csv", *options).startswith("classification: 'y' has only 4")
    options = (*options, "--task", "regression")
    assert succeed("train", tmp_path / "t.csv", *options).startswith("regression: as asked for")


def test_columns_can_be_ignored_and_separated_otherwise(tmp_path: Path) -> None:
    lines = ["name;x;y", *(f"n{i};{i % 7};{i % 2}" for i in range(40))]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    options = ("--target", "y", "--separator", ";", "--ignore", "name", "--epochs", 1)
    report = told("train", tmp_path / "t.csv", *options, "-o", tmp_path / "out")
    assert [column["name"] for column in report["columns"]] == ["x"]


def test_files_of_an_earlier_run_are_replaced(tmp_path: Path) -> None:
    table, out = iris(tmp_path / "iris.csv"), tmp_path / "out"
    out.mkdir()
    (out / "report.html").write_text("old")
    (out / "notes.txt").write_text("mine")
    succeed("train", table, "--target", "species", "-o", out, "--epochs", 1)
    assert (out / "report.html").read_text() != "old"
    assert (out / "notes.txt").read_text() == "mine"


def test_the_folder_is_named_after_the_table_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pd.read_csv(iris(Path("iris.csv"))).to_json("iris.jsonl.gz", orient="records", lines=True)
    said = succeed("train", "iris.jsonl.gz", "--target", "species", "--epochs", 1)
    assert said.endswith("are in out/iris\n")
    assert Path("out/iris/report.html").exists()


def test_one_is_not_told_as_many_and_no_time_as_none(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("a,y\n" + "".join(f"{i},{'no' if i % 2 else 'yes'}\n" for i in range(20)) + "3,\n")
    said = succeed("train", table, "--target", "y", "-o", tmp_path / "out", "--epochs", 1)
    assert "\n1 row without 'y' left out\n" in said
    assert re.search(r"\n1 epoch for the first of 4 networks in [1-9]\d* ms \(", said)
    assert duration(0.0421) == "42 ms"
    assert (duration(0.9996), duration(61.26)) == ("1.0 s", "61.3 s")


def test_a_table_may_come_by_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = iris(tmp_path / "iris.csv")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(
        app, ["train", "-", "--target", "species", "--epochs", "1"], input=table.read_bytes()
    )
    assert result.exit_code == 0, result.output
    assert result.stdout.endswith("are in out/table\n")


def test_a_model_that_finds_no_room_has_been_reported(tmp_path: Path) -> None:
    table, out = iris(tmp_path / "iris.csv"), tmp_path / "out"
    with limited(8000):
        result = run("train", table, "--target", "species", "-o", out, "--epochs", 1, "--engine", "eager")
    line = f"plaingrad train: {out / 'model.safetensors'}: File too large\n"
    assert (result.exit_code, result.stderr) == (1, line)
    assert "accuracy" in result.stdout
    assert "Confusion" in result.stdout
    assert [path.name for path in out.iterdir()] == [".checkpoint"]  # with which the same command goes on
    said = succeed("train", table, "--target", "species", "-o", out, "--epochs", 1, "--engine", "eager")
    assert "going on with the run that was stopped" in said
    assert sorted(path.name for path in out.iterdir()) == MADE


def test_a_page_that_fails_costs_no_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("plaingrad.tables.report.page.page", fail)
    table, out = iris(tmp_path / "iris.csv"), tmp_path / "out"
    line = failed("train", table, "--target", "species", "-o", out, "--epochs", 1)
    assert line == f"plaingrad train: {out}: No space left on device"
    assert sorted(path.name for path in out.iterdir()) == ["history.json", "model.safetensors", "report.json"]


def test_a_training_that_diverges_fails_and_leaves_nothing(tmp_path: Path) -> None:
    table = iris(tmp_path / "iris.csv")
    options = ("--lr", "1e30", "--optimizer", "sgd", "-o", tmp_path / "new" / "out")
    line = failed("train", table, "--target", "species", *options)
    assert line.startswith("plaingrad train: training diverged in epoch 1")
    assert list(tmp_path.iterdir()) == [table]


def test_an_output_folder_that_cannot_be_written(tmp_path: Path) -> None:
    line = refused("train", iris(tmp_path / "iris.csv"), "--target", "species", "-o", "/proc/plaingrad/out")
    assert line.startswith("plaingrad train: /proc/plaingrad")


def test_programs_get_one_object_and_quiet_says_nothing(tmp_path: Path) -> None:
    table, out = iris(tmp_path / "iris.csv"), tmp_path / "out"
    options = ("train", table, "--target", "species", "-o", out, "--epochs", 2)
    found = told(*options)
    assert found.pop("output") == str(out)
    assert found == json.loads((out / "report.json").read_text())
    assert succeed(*options, "--quiet") == ""


def test_no_colour_goes_into_a_pipe(tmp_path: Path) -> None:
    said = succeed(
        "train", iris(tmp_path / "iris.csv"), "--target", "species", "-o", tmp_path / "out", "--epochs", 1
    )
    assert "\x1b" not in said


def test_the_page_fetches_nothing_and_runs_nothing(tmp_path: Path) -> None:
    table = diabetes(tmp_path / "diabetes.csv")
    succeed("train", table, "--target", "progression", "-o", tmp_path / "out", "--epochs", 2)
    page = (tmp_path / "out" / "report.html").read_text()
    assert not re.search(r"<script|<link|<img|@import|\bon\w+=|(?:src|href)=\"(?!#)", page)
    assert 'name="viewport"' in page
    assert "prefers-color-scheme: dark" in page
    names = re.findall(r' id="([^"]+)"', page)
    assert len(names) == len(set(names))


def test_names_in_the_table_are_no_html(tmp_path: Path) -> None:
    frame = pd.DataFrame({"<b>x": [i / 2 for i in range(40)], "y": ["<i>", "&amp;"] * 20})
    frame.to_csv(tmp_path / "t.csv", index=False)
    succeed("train", tmp_path / "t.csv", "--target", "y", "-o", tmp_path / "out", "--epochs", 1)
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<b>x" not in page
    assert "<i>" not in page.replace('<i style="width', "")
    assert "&lt;b&gt;x" in page
    assert "&amp;amp;" in page


def test_options_come_from_a_file_and_the_command_line_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    iris(Path("iris.csv"))
    Path("run.toml").write_text(
        'data = "iris.csv"\ntarget = "species"\nepochs = 3\nhidden = [5, 4]\nbatch_size = 9\n'
    )
    report = told("train", "--config", "run.toml", "--epochs", 2, "--save-config", "all.toml")
    assert report["network"]["architecture"] == [4, 5, 4, 3]
    assert (report["training"]["epochs"], report["training"]["batch_size"]) == (2, 9)
    again = told("train", "--config", "all.toml")
    for found in (report, again):
        found["training"].pop("seconds")
    assert again == report


class Pressed(Interrupt):
    """Ctrl-C that was pressed already."""

    def __enter__(self) -> Self:
        self.requested = True
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing was changed."""


def test_interruption_keeps_the_best_so_far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plaingrad.train.loop.Interrupt", Pressed)
    options = ("--target", "species", "-o", tmp_path / "out", "--models", 1)
    said = run("train", iris(tmp_path / "iris.csv"), *options)
    assert said.exit_code == 0, said.output
    assert "interrupted in epoch 1" in said.stdout
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == MADE


def test_a_second_target_is_refused(tmp_path: Path) -> None:
    line = refused("train", iris(tmp_path / "t.csv"), "--target", "species", "--target", "sepal width (cm)")
    assert line == "plaingrad train: Invalid value for '--target': expected one column, got 2"


def test_a_grade_that_was_given_once_names_the_option_that_helps(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": range(200), "grade": [19, *[i % 12 for i in range(199)]]})
    frame.to_csv(tmp_path / "t.csv", index=False)
    line = refused("train", tmp_path / "t.csv", "--target", "grade", "-o", tmp_path / "out")
    assert line.endswith("got one of '19' in row 1; --task regression predicts a number")
