"""The scale on which a number is learned."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_diabetes

from cli.shell import refused, succeed
from plaingrad.tables import TableModel, Target

OPTIONS = ("--target", "y", "--epochs", 40, "--lr", 0.01, "--engine", "eager", "--no-importance")


def table(path: Path, spread: float) -> Path:
    """The diabetes table with its target, or with growing powers of e of it, as y."""
    data = load_diabetes(as_frame=True)
    scaled = (data.target - data.target.mean()) / data.target.std()
    data.data.assign(y=np.exp(spread * scaled) if spread else data.target).to_csv(path, index=False)
    return path


@given(st.lists(st.floats(0, 1e9), min_size=3, max_size=30, unique=True), st.floats(-1e9, 1e9))
def test_any_value_comes_back_from_a_logarithmic_scale(values: list[float], other: float) -> None:
    if max(values) < 1e-3:
        return
    target = Target.of(pd.Series(values, name="y"), task="regression")
    logarithmic = target.on_log_scale(np.array(values))
    assert Target.from_dict(json.loads(json.dumps(logarithmic.to_dict()))) == logarithmic
    cells = np.array([*values, other])  # one that training has not seen, and may be negative
    found = logarithmic.undo(logarithmic.standardised(cells))
    np.testing.assert_allclose(found, cells, rtol=1e-6, atol=1e-6 * max(values))


def test_the_validation_rows_decide_for_a_skewed_target(tmp_path: Path) -> None:
    data, out = table(tmp_path / "t.csv", 1.5), tmp_path / "out"
    said = succeed("train", data, *OPTIONS, "-o", out)
    decision = json.loads((out / "report.json").read_text())["target_transform"]
    errors = decision["validation"]
    helps = errors["log"] < 0.98 * errors["none"]
    assert (decision["transform"] == "log") == helps
    assert ("learned on a logarithmic scale" if helps else "a logarithmic scale does not help") in said
    assert "target's scale" in said


def test_a_logarithmic_scale_is_kept_in_the_model(tmp_path: Path) -> None:
    data, out = table(tmp_path / "t.csv", 1.5), tmp_path / "out"
    succeed("train", data, *OPTIONS, "--target-transform", "log", "-o", out)
    decision = json.loads((out / "report.json").read_text())["target_transform"]
    assert "logarithmic above" in (out / "report.html").read_text()
    model, frame = TableModel.load(out / "model.safetensors"), pd.read_csv(data)
    predicted = model.predict(frame)["prediction"]
    assert model.target.log_scale == pytest.approx(decision["scale"])
    assert np.corrcoef(np.log(predicted.clip(1e-3)), np.log(frame["y"]))[0, 1] > 0.5


def test_a_target_that_is_not_skewed_is_left_alone(tmp_path: Path) -> None:
    data, out = table(tmp_path / "t.csv", 0), tmp_path / "out"
    said = succeed("train", data, *OPTIONS, "-o", out)
    assert "logarithmic" not in said
    decision = json.loads((out / "report.json").read_text())["target_transform"]
    assert (decision["transform"], decision["validation"]) == ("none", None)


def test_a_logarithm_of_negative_values_is_refused(tmp_path: Path) -> None:
    frame = pd.read_csv(table(tmp_path / "t.csv", 0))
    frame["y"] -= 100
    frame.to_csv(tmp_path / "t.csv", index=False)
    line = refused("train", tmp_path / "t.csv", *OPTIONS, "--target-transform", "log", "-o", tmp_path / "out")
    assert "expected a target of at least 0 with log, got -" in line
