from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, mean_absolute_error

from cli.shell import diabetes, iris, succeed, told
from plaingrad.tables import read_frame
from plaingrad.tables.model.model import TableModel


def test_classes_are_scored(tmp_path: Path) -> None:
    table, out = iris(tmp_path / "iris.csv"), tmp_path / "out"
    succeed("train", table, "--target", "species", "-o", out, "--epochs", 10, "--quiet")
    model, page = out / "model.safetensors", tmp_path / "page.html"
    frame = read_frame(table)
    labels = TableModel.load(model).predict(frame)["prediction"]
    found = told("evaluate", model, table, "--html", page)
    assert found["test"]["scores"]["accuracy"] == accuracy_score(frame["species"].astype(str), labels)
    assert found["test"]["rows"] == 150
    assert sum(map(sum, found["test"]["confusion"])) == 150
    assert "Confusion" in page.read_text()
    assert page.read_text().count("<svg") == 1
    said = succeed("evaluate", model, table, "--html", page)
    assert said.startswith(f"predictions of 'species' for 150 rows of {table}\n")
    assert said.endswith(f"the page is {page}\n")
    assert succeed("evaluate", model, table, "--quiet") == ""


def test_numbers_are_scored_in_their_own_units(tmp_path: Path) -> None:
    table, out = diabetes(tmp_path / "diabetes.csv"), tmp_path / "out"
    succeed("train", table, "--target", "progression", "-o", out, "--epochs", 5, "--quiet")
    model, page = out / "model.safetensors", tmp_path / "page.html"
    frame = read_frame(table)
    values = TableModel.load(model).predict(frame)["prediction"]
    found = told("evaluate", model, table, "--html", page)
    assert found["test"]["scores"]["mae"] == pytest.approx(mean_absolute_error(frame["progression"], values))
    assert page.read_text().count("<svg") == 2


def test_rows_without_a_target_and_rows_of_one_class_are_scored_as_far_as_can_be(tmp_path: Path) -> None:
    table, out = iris(tmp_path / "iris.csv"), tmp_path / "out"
    succeed("train", table, "--target", "species", "-o", out, "--epochs", 10, "--quiet")
    frame = pd.read_csv(table).head(20)
    frame.loc[3, "species"] = None
    frame.to_csv(tmp_path / "few.csv", index=False)
    found = told("evaluate", out / "model.safetensors", tmp_path / "few.csv")
    assert (found["test"]["rows"], found["without_target"]) == (19, 1)
    assert found["test"]["scores"]["roc_auc"] is None
    said = succeed("evaluate", out / "model.safetensors", tmp_path / "few.csv")
    assert "\n1 row without 'species' left out\n" in said
