"""A model of a table: what is saved says the same, and a file that contradicts itself is refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, event, given
from hypothesis import settings as limits

from cli.shell import breast_cancer, diabetes, iris, run, titanic
from cli.table.random_tables import Drawn, tables
from plaingrad import interop
from plaingrad.cli.table.model import ENCODER, TableModel
from plaingrad.cli.table.network import Encoded, Fitted, fitted
from plaingrad.cli.table.parts import divided, whole
from plaingrad.cli.table.rows import read_rows
from plaingrad.cli.table.settings import Settings
from plaingrad.data.tables import Target, read_frame


def trained(path: Path, settings: Settings) -> tuple[Fitted, Target, pd.DataFrame]:
    rows, target = read_rows(path, settings)
    made = fitted(Encoded.of(whole(rows, target, settings), settings), target, settings)
    return made, target, rows.frame


@pytest.mark.parametrize(
    ("make", "target", "options"),
    [
        (iris, "species", {}),
        (iris, "species", {"models": 3, "class_weight": ["setosa=2"]}),
        (titanic, "survived", {"normalization": "batch", "dropout": 0.2}),
        (titanic, "survived", {"class_weight": ["balanced"], "label_smoothing": 0.1}),
        (breast_cancer, "benign", {"activation": "silu", "hidden": (7,)}),
        (diabetes, "progression", {"normalization": "layer", "models": 2}),
        (diabetes, "progression", {"loss": "poisson", "hidden": ()}),
    ],
)
def test_the_saved_model_predicts_what_the_estimator_predicts(
    tmp_path: Path, make: Any, target: str, options: dict[str, Any]
) -> None:
    table = make(tmp_path / "t.csv")
    made, wanted, frame = trained(table, Settings(target=target, epochs=4, **options))
    TableModel.of(made, wanted, {"note": "mine"}).save(tmp_path / "m.safetensors")
    loaded = TableModel.load(tmp_path / "m.safetensors")
    assert loaded.facts["note"] == "mine"
    labels, probabilities = loaded.predict(read_frame(table))
    X = made.encoder.transform(frame)
    if wanted.labels:
        assert probabilities is not None
        np.testing.assert_array_equal(labels, wanted.decode(made.estimator.predict(X)))
        np.testing.assert_allclose(probabilities, made.estimator.predict_proba(X), rtol=1e-4, atol=1e-6)
    else:
        np.testing.assert_allclose(labels, wanted.undo(made.estimator.predict(X)), rtol=1e-4)


def test_classes_that_a_part_lacks_have_the_probability_0(tmp_path: Path) -> None:
    table = iris(tmp_path / "t.csv")
    settings = Settings(target="species", epochs=2)
    rows, target = read_rows(table, settings)
    two = rows.take(np.flatnonzero(rows.codes != 1))
    made = fitted(Encoded.of(divided(two, target, settings), settings), target, settings)
    labels, probabilities = TableModel.of(made, target, {}).predict(rows.frame)
    assert probabilities is not None
    assert probabilities.shape == (150, 3)
    assert (probabilities[:, 1] == 0).all()
    assert set(labels) <= {"setosa", "virginica"}


@limits(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tables())
def test_any_table_can_be_learned_saved_and_predicted(
    tmp_path_factory: pytest.TempPathFactory, drawn: Drawn
) -> None:
    folder = tmp_path_factory.mktemp("random")
    drawn.frame.to_csv(folder / "t.csv", index=False)
    options = ("--target", "y", "-o", folder / "out", "--epochs", 2, "--hidden", "4", "--quiet")
    result = run("train", folder / "t.csv", *options, *drawn.options)
    if result.exit_code == 2:  # what cannot be learned from is said in one line, and leaves nothing
        event(re.sub(r"'.*'|[\d.]+", "...", result.stderr.partition("t.csv: ")[2][:60]))
        assert result.stderr.count("\n") == 1
        assert "fault of the program" not in result.stderr
        assert not (folder / "out").exists()
        return
    event("learned")
    assert (result.exit_code, result.output) == (0, "")
    model = folder / "out" / "model.safetensors"
    others = {"same": drawn.frame, "shuffled": drawn.frame.iloc[:, drawn.order], "first": drawn.frame[:1]}
    for name, frame in others.items():
        frame.to_csv(folder / f"{name}.csv", index=False)
        result = run("predict", model, folder / f"{name}.csv", "-o", folder / f"{name}.out.csv", "--quiet")
        assert (result.exit_code, result.output) == (0, "")
        assert len(pd.read_csv(folder / f"{name}.out.csv")) == len(frame)
    assert (folder / "same.out.csv").read_text() == (folder / "shuffled.out.csv").read_text()


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "another kind": ({"kind": "tree"}, "expected a model that plaingrad train has made"),
    "no target": ({"target": None}, "target: "),
    "a link of numbers": ({"link": "exp"}, "expected a link for classification, got 'exp'"),
    "a link that is none": ({"link": ["softmax"]}, "expected a link for classification"),
    "classes that are none": ({"classes": "012"}, "expected classes among 3 labels"),
    "a class too many": ({"classes": [0, 1, 3]}, "expected classes among 3 labels"),
    "a class twice": ({"classes": [0, 1, 1]}, "expected distinct classes"),
    "no class": ({"classes": []}, "expected distinct classes"),
    "classes for other outputs": (
        {"classes": [0, 1]},
        "expected a network with 2 outputs for a row, got shape (2, 3)",
    ),
    "a weight of words": ({"class_weights": ["a"] * 3}, "expected a weight above 0 for each class"),
    "a weight too few": ({"class_weights": [1.0, 2.0]}, "expected a weight above 0 for each class"),
    "a weight of nothing": ({"class_weights": [1.0, 2.0, 0.0]}, "expected a weight above 0 for each class"),
}


@pytest.mark.parametrize(("changed", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_a_file_that_contradicts_itself_is_refused(
    tmp_path: Path, changed: dict[str, Any], message: str
) -> None:
    made, target, _ = trained(iris(tmp_path / "t.csv"), Settings(target="species", epochs=1))
    path = tmp_path / "m.safetensors"
    TableModel.of(made, target, {}).save(path)
    file = interop.load(path)
    interop.save(file.module, path, {**file.facts, **changed}, file.attachments)
    with pytest.raises(ValueError, match=r"m\.safetensors: ") as caught:
        TableModel.load(path)
    assert message in str(caught.value)


def test_a_network_for_other_columns_is_refused(tmp_path: Path) -> None:
    made, target, _ = trained(iris(tmp_path / "t.csv"), Settings(target="species", epochs=1))
    other, _, _ = trained(breast_cancer(tmp_path / "b.csv"), Settings(target="benign", epochs=1))
    path = tmp_path / "m.safetensors"
    TableModel.of(made, target, {}).save(path)
    file = interop.load(path)
    interop.save(file.module, path, file.facts, {ENCODER: other.encoder.to_bytes()})
    with pytest.raises(ValueError, match="expected a network for the encoder's 30 features"):
        TableModel.load(path)
    interop.save(file.module, path, file.facts, {ENCODER: b"{}"})
    with pytest.raises(ValueError, match="table encoder"):
        TableModel.load(path)
