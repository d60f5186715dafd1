"""A model of a table: it predicts in the frame's own kind, what is saved says the same, and a file that
contradicts itself is refused."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from bokeh_sampledata.titanic import data as TITANIC
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import ConvergenceWarning

from plaingrad import interop
from plaingrad.estimators import MLPClassifier, MLPRegressor
from plaingrad.tables import TableEncoder, TableModel, Target
from plaingrad.tables.model.model import ENCODER
from plaingrad.train import History


def iris() -> tuple[pd.DataFrame, pd.Series]:
    data = load_iris(as_frame=True)
    return data.data, pd.Series(data.target_names[data.target], name="species")


def titanic() -> tuple[pd.DataFrame, pd.Series]:
    return TITANIC.drop(columns="survived"), TITANIC["survived"]


def diabetes() -> tuple[pd.DataFrame, pd.Series]:
    return load_diabetes(as_frame=True, return_X_y=True)


def trained(data: tuple[pd.DataFrame, pd.Series], **options: Any) -> tuple[Any, TableModel]:
    """An estimator, and the model of the table that is made of it."""
    frame, values = data
    encoder, target = TableEncoder().fit(frame), Target.of(values)
    kind = MLPClassifier if target.labels else MLPRegressor
    estimator = kind(hidden_layer_sizes=(8,), max_iter=4, random_state=0, **options)
    codes = target.encode(values)
    with pytest.warns(ConvergenceWarning):
        estimator.fit(encoder.transform(frame), codes if target.labels else codes[:, 0])
    return estimator, TableModel.of(estimator, encoder, target)


@pytest.mark.parametrize(
    ("data", "options"),
    [
        (iris, {}),
        (iris, {"n_models": 3, "class_weight": {0: 2.0, 1: 1.0, 2: 1.0}}),
        (titanic, {"normalization": "batch", "dropout": 0.2}),
        (titanic, {"class_weight": "balanced", "label_smoothing": 0.1}),
        (titanic, {"activation": "silu"}),
        (diabetes, {"normalization": "layer", "n_models": 2}),
        (diabetes, {"loss": "huber"}),
    ],
)
def test_the_saved_model_predicts_what_the_estimator_predicts(
    tmp_path: Path, data: Any, options: dict[str, Any]
) -> None:
    estimator, model = trained(data(), **options)
    replace(model, facts={"note": "mine"}).save(tmp_path / "m.safetensors")
    loaded = TableModel.load(tmp_path / "m.safetensors")
    assert loaded.facts["note"] == "mine"
    frame, _ = data()
    found, X = loaded.predict(frame.sample(frac=1, axis=1, random_state=0)), model.encoder.transform(frame)
    predicted = found.pop("prediction")
    if model.target.labels:
        np.testing.assert_array_equal(predicted, model.target.decode(estimator.predict(X)))
        np.testing.assert_allclose(found, estimator.predict_proba(X), rtol=1e-4, atol=1e-6)
        probabilities = loaded.predict_proba(frame)
        pd.testing.assert_frame_equal(probabilities, found[list(probabilities.columns)])
        assert list(probabilities.columns) == [f"probability_{name}" for name in model.target.class_names]
    else:
        np.testing.assert_allclose(predicted, model.target.undo(estimator.predict(X)), rtol=1e-4)
        assert not hasattr(loaded, "predict_proba")


@pytest.mark.parametrize("data", [iris, titanic, diabetes])
def test_a_frame_of_any_kind_is_answered_in_its_own(data: Any) -> None:
    _, model = trained(data())
    frame = data()[0].sample(30, random_state=0)
    for predict in [model.predict, *([model.predict_proba] if model.target.labels else [])]:
        expected = predict(frame)
        assert expected.index.equals(frame.index)
        for made in (pl.from_pandas(frame), pa.Table.from_pandas(frame, preserve_index=False)):
            found = predict(made)
            assert type(found) is type(made)
            found = nw.from_native(found, eager_only=True).to_pandas().set_axis(frame.index)
            pd.testing.assert_frame_equal(found, expected, check_dtype=False)


def test_a_matrix_is_answered_in_a_pandas_frame() -> None:
    frame, values = diabetes()
    frame = frame.set_axis([f"x{i}" for i in range(10)], axis=1)
    _, model = trained((frame, values))
    pd.testing.assert_frame_equal(model.predict(frame.to_numpy()), model.predict(frame))


def test_classes_that_training_has_not_seen_have_the_probability_0() -> None:
    frame, values = iris()
    encoder, target = TableEncoder().fit(frame), Target.of(values)
    seen = values != "versicolor"
    estimator = MLPClassifier((8,), random_state=0)
    with pytest.warns(ConvergenceWarning):
        estimator.set_params(max_iter=2).fit(encoder.transform(frame[seen]), target.encode(values[seen]))
    found = TableModel.of(estimator, encoder, target).predict(frame)
    assert list(found.columns) == ["prediction", *(f"probability_{name}" for name in target.labels)]
    assert (found["probability_versicolor"] == 0).all()
    assert set(found["prediction"]) <= {"setosa", "virginica"}


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "another kind": ({"kind": "tree"}, "expected a model that plaingrad train has made"),
    "no target": ({"target": None}, "Expected `object`, got `null` - at `$.target`"),
    "a link of numbers": ({"link": "exp"}, "expected a link for classification, got 'exp'"),
    "a link that is none": ({"link": ["softmax"]}, "facts: Expected `str`, got `array` - at `$.link`"),
    "classes that are none": ({"classes": "012"}, "facts: Expected `array`, got `str` - at `$.classes`"),
    "a class too many": ({"classes": [0, 1, 3]}, "expected classes among 3 labels"),
    "a class twice": ({"classes": [0, 1, 1]}, "expected distinct classes"),
    "no class": ({"classes": []}, "expected distinct classes"),
    "classes for other outputs": (
        {"classes": [0, 1]},
        "facts: expected a link for 2 classes, got 'softmax'",
    ),
    "a weight of words": (
        {"class_weights": ["a"] * 3},
        "facts: Expected `int | float`, got `str` - at `$.class_weights[0]`",
    ),
    "a weight too few": ({"class_weights": [1.0, 2.0]}, "expected a weight above 0 for each class"),
    "a weight of nothing": (
        {"class_weights": [1.0, 2.0, 0.0]},
        "facts: Expected `float` > 0.0 - at `$.class_weights[2]`",
    ),
}


TRAINING = {
    "epochs": 2,
    "best_epoch": 1,
    "stopped": "",
    "engine": "eager",
    "engine_reason": "",
    "batch_size": 5,
    "seconds": 0.5,
}
EPOCHS = {"loss": [0.5, 0.25], "val_loss": [0.5, float("nan")]}
COLUMN = {"name": "a", "kind": "number", "done": "standardised", "features": 1, "missing": 0}


def history(**changed: Any) -> dict[str, Any]:
    return {**History(EPOCHS, 10, 0.5, "eager", "", "").to_dict(), **changed}


BAD_FACTS: dict[str, tuple[dict[str, Any], str]] = {
    "a task that is a number": ({"task": 7}, "facts: Expected `str`, got `int` - at `$.task`"),
    "another task": ({"task": "regression"}, "facts: task: expected 'classification', got 'regression'"),
    "a judge that is a list": ({"judged_by": []}, "facts: Expected `str`, got `array` - at `$.judged_by`"),
    "rows that are a number": ({"rows": 150}, "facts: Expected `object`, got `int` - at `$.rows`"),
    "rows below 0": ({"rows": {"train": -1}}, "facts: Expected `int` >= 0 - at `$.rows[...]`"),
    "a network without sizes": (
        {"network": {}},
        "Object missing required field `architecture` - at `$.network`",
    ),
    "a network of words": (
        {"network": {"architecture": ["a"]}},
        "facts: Expected `int`, got `str` - at `$.network.architecture[0]`",
    ),
    "no training": ({"training": {}}, "facts: Object missing required field `epochs` - at `$.training`"),
    "training that is null": ({"training": None}, "facts: Expected `object`, got `null` - at `$.training`"),
    "a best epoch too late": (
        {"training": {**TRAINING, "best_epoch": 3}},
        "facts: best_epoch: expected 1 to 2, got 3 - at `$.training`",
    ),
    "a best epoch of words": (
        {"training": {**TRAINING, "best_epoch": "1"}},
        "facts: Expected `int | null`, got `str` - at `$.training.best_epoch`",
    ),
    "more epochs than in the history": (
        {"training": {**TRAINING, "epochs": 3}, "history": history()},
        "facts: training: epochs: expected 2, got 3",
    ),
    "a history of epochs alone": (
        {"history": {"epochs": {"loss": [1.0]}}},
        "facts: Object missing required field `steps` - at `$.history`",
    ),
    "a history that is a list": (
        {"history": [1.0]},
        "Expected `object`, got `array` - at `$.history`",
    ),
    "a history of words": (
        {"history": history(epochs={"loss": ["a"]})},
        "facts: Expected `int | float | null`, got `str` - at `$.history.epochs[...][0]`",
    ),
    "a loss that no float can be": (
        {"history": history(epochs={"loss": [10**400]})},
        "facts: Expected `int` <= 9223372036854775807 - at `$.history.epochs[...][0]`",
    ),
    "a history of a number": (
        {"history": history(epochs={"loss": 1.0})},
        "facts: Expected `array`, got `float` - at `$.history.epochs[...]`",
    ),
    "a history with a gap": (
        {"history": history(epochs={"loss": [1.0, 0.5], "lr": [1.0]})},
        "facts: epochs: expected as many values in each list, got [1, 2] - at `$.history`",
    ),
    "no settings": ({"settings": {}}, "facts: Object missing required field `loss` - at `$.settings`"),
    "a quantile of all": (
        {"settings": {"loss": "quantile", "quantile": 1}},
        "facts: quantile: expected a number between 0 and 1, got 1 - at `$.settings`",
    ),
    "no score": ({"scores": {}}, "facts: Expected `object` of length >= 1 - at `$.scores`"),
    "a score of words": (
        {"scores": {"accuracy": "good"}},
        "facts: Expected `int | float | null`, got `str` - at `$.scores[...]`",
    ),
    "columns that are a number": ({"columns": 7}, "facts: Expected `array`, got `int` - at `$.columns`"),
    "columns that are an object": ({"columns": {}}, "facts: Expected `array`, got `object` - at `$.columns`"),
    "columns by name": ({"columns": ["a"]}, "facts: Expected `object`, got `str` - at `$.columns[0]`"),
    "a column of words": (
        {"columns": [{**COLUMN, "features": "1"}]},
        "facts: Expected `int`, got `str` - at `$.columns[0].features`",
    ),
    "other columns than the encoder's": (
        {"columns": [COLUMN]},
        "facts: columns: expected [('sepal length (cm)', 1), ",
    ),
}


def test_what_training_tells_comes_back(tmp_path: Path) -> None:
    _, model = trained(iris())
    facts = {
        "training": TRAINING,
        "history": history(),
        "scores": {"a score of tomorrow": 1},
        "rows": {"all": 150},
    }
    replace(model, facts=facts).save(tmp_path / "m.safetensors")
    loaded = TableModel.load(tmp_path / "m.safetensors")
    assert {name: loaded.facts[name] for name in facts} == facts


@pytest.mark.parametrize(
    ("changed", "message"),
    [case for name, case in BAD_FACTS.items() if "columns" not in case[0]],
    ids=[name for name, case in BAD_FACTS.items() if "columns" not in case[0]],
)
def test_facts_that_could_not_be_read_back_are_not_written(
    tmp_path: Path, changed: dict[str, Any], message: str
) -> None:
    _, model = trained(iris())
    with pytest.raises(ValueError, match=re.escape(message)):
        replace(model, facts=changed).save(tmp_path / "m.safetensors")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("changed", "message"),
    [*BROKEN.values(), *BAD_FACTS.values()],
    ids=[*BROKEN, *BAD_FACTS],
)
def test_a_file_that_contradicts_itself_is_refused(
    tmp_path: Path, changed: dict[str, Any], message: str
) -> None:
    _, model = trained(iris())
    path = tmp_path / "m.safetensors"
    model.save(path)
    file = interop.read_file(path)
    interop.save(file.module, path, {**file.facts, **changed}, file.attachments)
    with pytest.raises(ValueError, match=r"m\.safetensors: ") as caught:
        TableModel.load(path)
    assert message in str(caught.value)


def test_a_network_for_other_columns_is_refused(tmp_path: Path) -> None:
    _, model = trained(iris())
    other = TableEncoder().fit(diabetes()[0])
    path = tmp_path / "m.safetensors"
    model.save(path)
    file = interop.read_file(path)
    interop.save(file.module, path, file.facts, {ENCODER: other.to_bytes()})
    with pytest.raises(ValueError, match="expected a network for the encoder's 10 features"):
        TableModel.load(path)
    interop.save(file.module, path, file.facts, {ENCODER: b"{}"})
    with pytest.raises(ValueError, match="table encoder"):
        TableModel.load(path)


def test_a_notebook_sees_what_is_predicted_from_what_and_how_well() -> None:
    _, model = trained(iris())
    html = replace(model, facts={"scores": {"accuracy": 0.98765, "auc": None}})._repr_html_()
    assert "classification of" in html
    assert "1 network with" in html
    assert "<td>accuracy</td><td>0.9876</td>" in html or "<td>accuracy</td><td>0.9877</td>" in html
    assert "auc" not in html
