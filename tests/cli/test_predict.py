from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest

from cli.shell import diabetes, failed, iris, refused, run, succeed, titanic, told
from disk import limited
from plaingrad.console.output import Reporter
from plaingrad.tables import read_frame
from plaingrad.tables.model.model import TableModel
from plaingrad.tables.writing import six_digits


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with iris.csv and diabetes.csv, and with models in iris/ and diabetes/."""
    folder = tmp_path_factory.mktemp("trained")
    for make, target in ((iris, "species"), (diabetes, "progression")):
        table = make(folder / f"{make.__name__}.csv")
        options = ("--epochs", 20, "--lr", 0.01, "--quiet", "-o", folder / make.__name__)
        succeed("train", table, "--target", target, *options)
    return folder


def test_classes_come_with_a_probability_each(trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    said = succeed("predict", trained / "iris/model.safetensors", trained / "iris.csv", "-o", out)
    assert said == f"150 predictions of 'species' are in {out}\n"
    found = pd.read_csv(out)
    probabilities = [f"probability_{name}" for name in ("setosa", "versicolor", "virginica")]
    assert list(found.columns) == ["prediction", *probabilities]
    np.testing.assert_allclose(found[probabilities].sum(1), 1, atol=1e-5)
    best = found[probabilities].idxmax(axis=1).str.removeprefix("probability_")
    assert (best == found["prediction"]).all()
    assert (found["prediction"] == pd.read_csv(trained / "iris.csv")["species"]).mean() > 0.9


def test_numbers_come_in_the_units_of_the_target(trained: Path) -> None:
    said = succeed("predict", trained / "diabetes/model.safetensors", trained / "diabetes.csv")
    found = pd.read_csv(io.StringIO(said))
    truth = pd.read_csv(trained / "diabetes.csv")["progression"]
    assert list(found.columns) == ["prediction"]
    assert found["prediction"].corr(truth) > 0.5
    assert abs(found["prediction"].mean() - truth.mean()) < 25


@pytest.mark.parametrize(
    "suffix", [".csv", ".tsv", ".jsonl", ".parquet", ".arrow", ".npz", ".csv.gz", ".jsonl.bz2", ".tsv.zst"]
)
def test_every_format_holds_the_same(trained: Path, tmp_path: Path, suffix: str) -> None:
    model, data = trained / "iris/model.safetensors", trained / "iris.csv"
    out = tmp_path / f"out{suffix}"
    succeed("predict", model, data, "-o", out, "--quiet")
    expected = TableModel.load(model).predict(read_frame(data)).apply(six_digits)
    found = read_frame(out).astype({"prediction": str})
    pd.testing.assert_frame_equal(found, expected, check_dtype=False, rtol=1e-6, atol=1e-12)


def test_columns_are_found_by_name_and_others_ignored(trained: Path, tmp_path: Path) -> None:
    frame = pd.read_csv(trained / "iris.csv")
    other = frame.drop(columns="species").assign(id=range(150))[::-1].sample(frac=1, axis=1, random_state=0)
    other.to_parquet(tmp_path / "other.parquet")
    model = trained / "iris/model.safetensors"
    plain = pd.read_csv(io.StringIO(succeed("predict", model, trained / "iris.csv")))
    kept = pd.read_csv(io.StringIO(succeed("predict", model, tmp_path / "other.parquet", "--keep", "id")))
    assert list(kept.columns[:2]) == ["id", "prediction"]
    assert kept["id"].tolist() == list(range(149, -1, -1))
    pd.testing.assert_frame_equal(kept.drop(columns="id")[::-1].reset_index(drop=True), plain)
    every = succeed("predict", model, tmp_path / "other.parquet", "--keep-all")
    assert list(pd.read_csv(io.StringIO(every)).columns[:5]) == list(other.columns)


def test_programs_get_the_predictions_as_one_object(trained: Path, tmp_path: Path) -> None:
    model, data = trained / "iris/model.safetensors", trained / "iris.csv"
    found = told("predict", model, data)
    assert (found["target"], found["rows"]) == ("species", 150)
    table = pd.read_csv(io.StringIO(succeed("predict", model, data)))
    assert found["prediction"] == table["prediction"].tolist()
    assert found["probability_setosa"] == pytest.approx(table["probability_setosa"].tolist())
    out = tmp_path / "out.csv"
    facts = {"target": "species", "rows": 150, "unseen": [], "misfits": [], "output": str(out)}
    assert told("predict", model, data, "-o", out) == facts


def test_it_works_in_a_pipe(trained: Path) -> None:
    command = [sys.executable, "-c", "from plaingrad.cli import main; main()", "predict"]
    arguments = [trained / "iris/model.safetensors", "-", "--output-format", "jsonl"]
    data = (trained / "iris.csv").read_bytes()
    done = subprocess.run([*command, *arguments], input=data, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == 150
    assert lines[0]["prediction"] == "setosa"
    done = subprocess.run([*command, *arguments], input=b"a,b\n1,2\n", capture_output=True)
    assert done.returncode == 2
    assert done.stderr.startswith(
        b"plaingrad predict: standard input: there are no columns 'sepal length (cm)', 'sepal width (cm)', "
    )
    assert done.stderr.count(b"\n") == 1


def test_a_reader_that_has_had_enough_is_no_fault(trained: Path) -> None:
    table = pd.concat([pd.read_csv(trained / "iris.csv")] * 2000)
    table.to_csv(trained / "many.csv", index=False)
    program = "from plaingrad.cli import main; main()"
    command = [
        sys.executable,
        "-c",
        program,
        "predict",
        trained / "iris/model.safetensors",
        trained / "many.csv",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=60) == 1
    assert process.stderr.read() == b""
    process.stderr.close()


def test_missing_values_and_unknown_levels_are_no_error(tmp_path: Path) -> None:
    table = titanic(tmp_path / "titanic.csv")
    succeed("train", table, "--target", "survived", "-o", tmp_path / "out", "--epochs", 2, "--quiet")
    (tmp_path / "new.csv").write_text("sex,class,age,name\nfemale,4th,,\n,,,\nmale,1st,40,Someone Else\n")
    result = run("predict", tmp_path / "out/model.safetensors", tmp_path / "new.csv")
    assert (result.exit_code, result.stderr) == (
        0,
        f"warning: {UNSEEN.format('class: 1 of 3 values was', '4th')}\n",
    )
    found = pd.read_csv(io.StringIO(result.stdout))
    assert np.isfinite(found.to_numpy(float)).all()
    assert len(found) == 3


UNSEEN = "{} not seen in training ('{}')"


def test_values_that_training_has_not_seen_are_told(tmp_path: Path) -> None:
    table, model, new = titanic(tmp_path / "t.csv"), tmp_path / "out/model.safetensors", tmp_path / "new.csv"
    succeed("train", table, "--target", "survived", "-o", tmp_path / "out", "--epochs", 1, "--quiet")
    new.write_text(table.read_text().replace(",female,", ",femme,").replace("1st", "first"))
    count = new.read_text().count(",femme,")
    for command in (["predict", model, new, "-o", tmp_path / "p.csv"], ["evaluate", model, new]):
        told_lines = run(*command).stderr.splitlines()
        assert f"warning: {UNSEEN.format(f'sex: {count} of 1,313 values were', 'femme')}" in told_lines
        assert len(told_lines) == 2  # not the names, which are text
        assert succeed(*command, "--quiet") == ""
        unseen = told(*command)["unseen"]
        assert {"column": "sex", "count": count, "rows": 1313, "values": ["femme"]} in unseen


def test_rare_levels_of_training_and_new_ones_share_a_feature(tmp_path: Path) -> None:
    table, model, new = titanic(tmp_path / "t.csv"), tmp_path / "out/model.safetensors", tmp_path / "new.csv"
    options = ("--target", "survived", "--max-levels", 2, "--ignore", "name", "--epochs", 1, "--quiet")
    succeed("train", table, "-o", tmp_path / "out", *options)
    new.write_text("sex,class,age\nfemale,9th,30\n")
    succeed("predict", model, new)


def test_an_existing_output_is_kept_if_prediction_fails(trained: Path, tmp_path: Path) -> None:
    out, bad = tmp_path / "out.csv", tmp_path / "bad.csv"
    out.write_text("mine")
    bad.write_text("a\n1\n")
    refused("predict", trained / "iris/model.safetensors", bad, "-o", out)
    assert out.read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.csv", "out.csv"]


def test_a_header_alone_gives_a_header_alone(trained: Path, tmp_path: Path) -> None:
    model, table = trained / "iris/model.safetensors", tmp_path / "empty.csv"
    header = (trained / "iris.csv").read_text().partition("\n")[0]
    names = "prediction,probability_setosa,probability_versicolor,probability_virginica"
    for text in (header, f"{header}\n"):
        table.write_text(text)
        assert succeed("predict", model, table) == names + "\n"
        assert succeed("predict", model, table, "--keep", "species") == f"species,{names}\n"
    found = told("predict", model, table, "-o", tmp_path / "out.parquet")
    assert found["rows"] == 0
    assert list(pd.read_parquet(tmp_path / "out.parquet").columns) == names.split(",")
    number = trained / "diabetes/model.safetensors"
    table.write_text((trained / "diabetes.csv").read_text().partition("\n")[0])
    assert succeed("predict", number, table) == "prediction\n"
    read_frame(trained / "iris.csv").head(0).to_parquet(tmp_path / "empty.parquet")
    assert succeed("predict", model, tmp_path / "empty.parquet") == names + "\n"


def test_the_folder_of_an_output_is_made(trained: Path, tmp_path: Path) -> None:
    model, table = trained / "iris/model.safetensors", trained / "iris.csv"
    succeed("predict", model, table, "-o", tmp_path / "a/b/out.csv")
    succeed("evaluate", model, table, "--html", tmp_path / "c/page.html")
    succeed("export", model, tmp_path / "d/m.onnx")
    options = ("--epochs", 1, "-o", tmp_path / "out", "--save-config", tmp_path / "e/run.toml")
    succeed("train", table, "--target", "species", *options)
    made = ["a/b/out.csv", "c/page.html", "d/m.onnx", "d/m.json", "e/run.toml"]
    assert all((tmp_path / name).is_file() for name in made)


def test_a_shell_may_give_pipes_for_files(trained: Path) -> None:
    program = f"{sys.executable} -m plaingrad predict {trained}/iris/model.safetensors"
    typed = f"{program} <(cat {trained}/iris.csv) -o /dev/stdout --output-format tsv | cat"
    done = subprocess.run(["bash", "-c", typed], capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout.startswith("prediction\tprobability_setosa\t")
    assert len(done.stdout.splitlines()) == 151  # and no word about it
    typed = f"{program} {trained}/iris.csv -o >(cat) | cat"
    done = subprocess.run(["bash", "-c", typed], capture_output=True, text=True)
    assert done.stdout.count("setosa") > 40
    assert "prediction,probability_setosa," in done.stdout


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="there is no such folder")
def test_a_file_of_a_device_folder_is_a_file(trained: Path) -> None:
    with TemporaryDirectory(dir="/dev/shm") as name:
        table = Path(name) / "iris.csv"
        shutil.copy(trained / "iris.csv", table)
        before = table.read_bytes()
        model = trained / "iris/model.safetensors"
        line = refused("predict", model, table, "-o", table)
        assert "expected another file than DATA" in line
        assert table.read_bytes() == before
        succeed("predict", model, table, "-o", Path(name) / "new/out.csv.gz")
        assert len(pd.read_csv(Path(name) / "new/out.csv.gz")) == 150


def test_a_full_disk_names_the_output(trained: Path, tmp_path: Path) -> None:
    model = trained / "iris/model.safetensors"
    with limited(1000):
        line = failed("predict", model, trained / "iris.csv", "-o", tmp_path / "out.csv")
    assert line == f"plaingrad predict: {tmp_path / 'out.csv'}: File too large"
    with limited(1000):
        line = failed("export", model, tmp_path / "out.onnx")
    assert line == f"plaingrad export: {tmp_path / 'out.onnx'}: File too large"
    assert list(tmp_path.iterdir()) == []


def test_a_terminal_is_told_what_takes_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table, out = iris(tmp_path / "iris.csv"), tmp_path / "out"
    told_of: list[str] = []

    @contextmanager
    def status(self: Reporter, on: str) -> Iterator[None]:
        told_of.append(on)
        yield

    monkeypatch.setattr(Reporter, "status", status)
    succeed("train", table, "--target", "species", "-o", out, "--epochs", 1)
    assert told_of[:3] == ["starting", f"reading {table}", "encoding columns"]
    told_of.clear()
    succeed("predict", out / "model.safetensors", table, "-o", tmp_path / "p.csv")
    loading = f"loading {out / 'model.safetensors'}"
    assert told_of == [loading, f"reading {table}", "predicting", "writing"]
    told_of.clear()
    succeed("evaluate", out / "model.safetensors", table)
    assert told_of == [loading, f"reading {table}", "predicting"]


def test_the_file_that_standard_input_is_read_from_is_not_replaced(trained: Path, tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_bytes((trained / "iris.csv").read_bytes())
    command = [sys.executable, "-c", "from plaingrad.cli import main; main()", "predict"]
    with table.open("rb") as stream:
        arguments = [trained / "iris/model.safetensors", "-", "-o", table]
        done = subprocess.run([*command, *arguments], stdin=stream, capture_output=True, text=True)
    assert done.returncode == 2
    assert "'--output': expected another file than DATA, got" in done.stderr
    assert table.read_bytes() == (trained / "iris.csv").read_bytes()
