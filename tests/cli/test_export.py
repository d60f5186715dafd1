from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from cli.shell import diabetes, failed, iris, refused, succeed, titanic, told
from plaingrad.tables import TableEncoder, read_frame
from plaingrad.tables.model.model import TableModel

QUICK = ("--quiet", "--no-report", "--no-importance")
TABLES = {"iris": (iris, "species"), "titanic": (titanic, "survived"), "diabetes": (diabetes, "progression")}


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("options", [[], ["--models", 3], ["--normalization", "batch", "--dropout", 0.1]])
def test_the_graph_and_what_is_told_beside_it_give_the_predictions(
    tmp_path: Path, name: str, options: list[object]
) -> None:
    import onnxruntime

    make, target = TABLES[name]
    table, out, graph = make(tmp_path / "t.csv"), tmp_path / "out", tmp_path / "m.onnx"
    weights = ["--class-weight", "balanced"] if name == "titanic" else []
    succeed("train", table, "--target", target, "-o", out, "--epochs", 3, *QUICK, *options, *weights)
    found = told("export", out / "model.safetensors", graph)
    facts = json.loads((tmp_path / "m.json").read_text())
    assert {key: found[key] for key in facts} == facts

    frame = read_frame(table)
    encoder = TableEncoder.from_bytes(json.dumps(facts["preprocessing"]).encode())
    session = onnxruntime.InferenceSession(graph)
    (given,), (made,) = session.get_inputs(), session.get_outputs()
    assert (given.name, made.name) == (facts["input"]["name"], facts["output"]["name"])
    assert len(facts["input"]["features"]) == given.shape[1]
    (values,) = session.run(None, {given.name: encoder.transform(frame)})
    predicted = TableModel.load(out / "model.safetensors").predict(frame)
    labels, probabilities = predicted.pop("prediction"), predicted.to_numpy()
    if probabilities.size == 0:
        values = values[:, 0] * facts["output"]["deviation"] + facts["output"]["mean"]
        np.testing.assert_allclose(values, labels, rtol=1e-5)
        return
    if values.shape[1] == 1:
        values = np.hstack([1 - values, values])
    values = values / facts["output"].get("class_weights", 1)
    np.testing.assert_allclose(values / values.sum(1, keepdims=True), probabilities, atol=1e-5)


def test_it_says_what_the_graph_leaves_out(tmp_path: Path) -> None:
    table, out = diabetes(tmp_path / "t.csv"), tmp_path / "out"
    succeed("train", table, "--target", "progression", "-o", out, "--epochs", 1, "--quiet")
    said = succeed("export", out / "model.safetensors", tmp_path / "m.onnx")
    assert "input 'features': float32 (batch, 10), the encoded columns" in said
    assert "left out of the graph: the encoding of the columns, and the target's own units" in said
    assert succeed("export", out / "model.safetensors", tmp_path / "m.onnx", "--quiet") == ""  # over its own


def test_an_average_of_rates_has_no_graph(tmp_path: Path) -> None:
    table, out = diabetes(tmp_path / "t.csv"), tmp_path / "out"
    options = ("--loss", "poisson", "--models", 2, "--epochs", 1, "--quiet")
    succeed("train", table, "--target", "progression", "-o", out, *options)
    line = refused("export", out / "model.safetensors", tmp_path / "m.onnx")
    assert "one network for a Poisson loss" in line
    assert not (tmp_path / "m.onnx").exists()


def test_without_onnx_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table, out = iris(tmp_path / "t.csv"), tmp_path / "out"
    succeed("train", table, "--target", "species", "-o", out, "--epochs", 1, "--quiet")
    monkeypatch.setitem(sys.modules, "onnx", None)
    line = failed("export", out / "model.safetensors", tmp_path / "m.onnx")
    assert line == "plaingrad export needs onnx: pip install 'plaingrad[onnx]'"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "t.csv"]
