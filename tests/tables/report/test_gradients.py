"""What columns add to predictions."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
import torch

from cli.shell import diabetes, iris, titanic, told
from plaingrad.module import Module
from plaingrad.tables.report.gradient_grid import gradient_importance_grid
from plaingrad.tables.report.gradients import explained, gradients_of_columns
from plaingrad.tables.report.importance import blocks
from tables.models import learned


@pytest.mark.parametrize(
    ("table", "target", "options", "measure"),
    [
        (titanic, "survived", {}, "probability of '1'"),
        (titanic, "survived", {"models": 2}, "probability of '1'"),
        (
            titanic,
            "survived",
            {"class_weight": ["balanced"]},
            "probability of '1', class weights included",
        ),
        (iris, "species", {}, "probability of the predicted class"),
        (iris, "species", {"models": 2, "normalization": "batch"}, "probability of the predicted class"),
        (diabetes, "progression", {}, "prediction"),
        (diabetes, "progression", {"loss": "poisson", "models": 1}, "logarithm of the prediction"),
        (
            diabetes,
            "progression",
            {"loss": "poisson", "models": 2},
            "mean logarithm of the predictions",
        ),
    ],
)
def test_what_is_explained_is_what_is_predicted(
    tmp_path: Path, table: Any, target: str, options: dict[str, object], measure: str
) -> None:
    model, _, encoded = learned(table(tmp_path / "t.csv"), target, **options)
    test = encoded.test
    assert test is not None
    network, words = explained(model)
    assert words == measure

    def forward(network: Module) -> np.ndarray:
        with torch.no_grad():
            return (
                deepcopy(network).to(torch.float64).eval().forward(torch.from_numpy(test.X).double()).numpy()
            )

    values, outputs = forward(network), model.outputs(test.X)
    expected = {
        "prediction": lambda: model.target.undo(outputs),
        "logarithm of the prediction": lambda: np.log(outputs) if model.link == "exp" else outputs,
        "mean logarithm of the predictions": lambda: np.mean([forward(each) for each in model.members], 0),
        "probability of the predicted class": lambda: outputs,
    }.get(measure, lambda: outputs[:, 1:])()
    np.testing.assert_allclose(values, expected, rtol=1e-6)
    found = gradients_of_columns(model, test, 0)
    spread = np.abs(values - values.mean()).max()
    assert found.gap < 0.02 * spread
    assert set(found.columns) == set(model.columns)
    assert list(found.columns) == sorted(found.columns, key=lambda name: -found.columns[name][0])


def test_of_a_target_learned_on_a_logarithmic_scale_the_logarithm_is_explained(tmp_path: Path) -> None:
    model, _, encoded = learned(diabetes(tmp_path / "d.csv"), "progression")
    assert encoded.test is not None
    logarithmic = replace(model, target=msgspec.structs.replace(model.target, log_scale=2.0))
    network, words = explained(logarithmic)
    with torch.no_grad():
        values = network.eval().forward(torch.from_numpy(encoded.test.X).double()).numpy()
    np.testing.assert_allclose(values, model.outputs(encoded.test.X), rtol=1e-6)
    assert words == "logarithm of the prediction"


def test_ordered_classes_are_explained_by_their_expected_rank(tmp_path: Path) -> None:
    table = pd.read_csv(diabetes(tmp_path / "d.csv"))
    table["progression"] = pd.cut(table["progression"], 4, labels=list("abcd"))
    table.to_csv(tmp_path / "d.csv", index=False)
    model, _, encoded = learned(tmp_path / "d.csv", "progression", order=("a", "b", "c", "d"))
    assert encoded.test is not None
    network, words = explained(model)
    with torch.no_grad():
        ranks = network.eval().forward(torch.from_numpy(encoded.test.X).double()).numpy()[:, 0]
    np.testing.assert_allclose(ranks, model.outputs(encoded.test.X) @ np.arange(4), rtol=1e-6)
    assert words == "expected rank"


def test_the_parts_of_a_linear_network_are_its_weights_times_the_features(tmp_path: Path) -> None:
    model, _, encoded = learned(diabetes(tmp_path / "d.csv"), "progression", hidden=(), models=1)
    test = encoded.test
    assert test is not None
    found = gradients_of_columns(model, test, 0)
    weight = model.members[0].parameters()[0].value[0].double().numpy() * model.target.deviation
    parts = weight * (test.X - test.X.astype(float).mean(0))
    for name, block in zip(model.columns, blocks(model), strict=True):
        expected = np.abs(parts[:, block].sum(1)).mean(), np.abs(weight[block]).sum()
        assert found.columns[name] == pytest.approx(expected, rel=1e-6)


def test_the_report_has_them_if_they_are_asked_for(tmp_path: Path) -> None:
    train = ("train", iris(tmp_path / "i.csv"), "--target", "species", "--epochs", 3, "-o", tmp_path / "out")
    assert told(*train)["gradient_importance"] is None
    report = told(*train, "--gradient-importance", "--no-importance")
    found = report["gradient_importance"]
    assert report["importance"]["columns"] == []
    assert {each["name"] for each in found["columns"]} == {each["name"] for each in report["columns"]}
    assert found["rows"] == found["of_rows"] == report["rows"]["test"]
    grid = gradient_importance_grid(found)
    assert grid.rows[0][0] == found["columns"][0]["name"]
    assert grid.title in (tmp_path / "out" / "report.html").read_text()
