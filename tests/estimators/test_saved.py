"""Estimators in one file: they come back as they were, and a file that contradicts itself is refused."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
import polars as pl
import pytest
import torch
from bokeh_sampledata import titanic
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

import plaingrad
from cli.shell import refused, succeed, told
from estimators.data import classes, numbers
from plaingrad import interop, nn, optim
from plaingrad.estimators import MLPClassifier, MLPRegressor
from plaingrad.estimators.saved import METADATA_KEYS
from plaingrad.train.callbacks import Callback

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def passengers(library: str = "pandas") -> tuple[Any, Any]:
    """Words, some of them missing, beside numbers."""
    frame = titanic.data[["class", "age", "sex"]].dropna().reset_index(drop=True)
    frame.loc[:5, "class"] = None
    survived = titanic.data["survived"][titanic.data["age"].notna()].to_numpy()
    return (frame if library == "pandas" else pl.from_pandas(frame)), survived


def network(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, 7), nn.Residual(nn.Linear(7, 7), nn.Tanh()), nn.Linear(7, outputs))


def typed(kind: Any) -> tuple[Any, Any]:
    x, y = classes("multiclass")
    return x, np.unique(y, return_inverse=True)[1].astype(kind)


NETWORKS = {"state_", "module_", "modules_"}
SMALL: dict[str, Any] = {"hidden_layer_sizes": (6,), "max_iter": 4, "random_state": 0}
Case = tuple[Callable[..., Any], dict[str, Any], Callable[[], tuple[Any, Any]]]
CASES: dict[str, Case] = {
    "binary": (MLPClassifier, {}, partial(classes, "binary")),
    "multiclass of strings": (MLPClassifier, {}, partial(classes, "multiclass")),
    "multilabel": (MLPClassifier, {}, partial(classes, "multilabel")),
    "labels as objects": (
        MLPClassifier,
        {},
        lambda: (classes("binary")[0], classes("binary")[1].astype(object)),
    ),
    **{
        f"labels of {kind}": (MLPClassifier, {}, partial(typed, kind))
        for kind in ("int8", "uint64", "float32")
    },
    "truth values": (MLPClassifier, {}, lambda: (typed(int)[0], typed(int)[1] > 0)),
    "class weights": (
        MLPClassifier,
        {"class_weight": {"setosa": 3.0, "versicolor": 1, "virginica": np.float64(0.1)}},
        partial(classes, "multiclass"),
    ),
    "a number": (MLPRegressor, {}, partial(numbers, "one")),
    "counts": (MLPRegressor, {"loss": "poisson"}, partial(numbers, "counts")),
    "several numbers": (MLPRegressor, {}, partial(numbers, "multioutput")),
    "a loss of its own": (MLPRegressor, {"loss": nn.HuberLoss(delta=0.3)}, partial(numbers, "one")),
    "three networks": (MLPClassifier, {"n_models": 3}, partial(classes, "multiclass")),
    "single precision": (MLPRegressor, {}, lambda: tuple(map(np.float32, numbers("one")))),
    "lbfgs": (MLPClassifier, {"solver": "lbfgs"}, partial(classes, "binary")),
    "early stopping": (MLPClassifier, {"early_stopping": True}, partial(classes, "multiclass")),
    "compiled": (MLPClassifier, {"engine": "native"}, partial(classes, "multiclass")),
    "no hidden layer": (MLPClassifier, {"hidden_layer_sizes": []}, partial(classes, "binary")),
    "an array of sizes": (
        MLPClassifier,
        {"hidden_layer_sizes": np.array([5, 4])},
        partial(classes, "binary"),
    ),
    "every layer": (
        MLPClassifier,
        {"dropout": 0.2, "normalization": "batch", "activation": "silu", "n_iter_no_change": np.inf},
        partial(classes, "multiclass"),
    ),
    "words": (MLPClassifier, {"embedding": ["sex", "class"]}, passengers),
    "words in polars": (MLPClassifier, {"embedding": {"sex": 2, 0: 3}}, partial(passengers, "polars")),
    "words for three": (MLPClassifier, {"embedding": ["sex", "class"], "n_models": 3}, passengers),
    "codes": (
        MLPClassifier,
        {"embedding": [4]},
        lambda: (np.c_[classes("binary")[0][:, :4], np.arange(120) % 4], classes("binary")[1]),
    ),
    "a function for networks": (MLPClassifier, {"module": network}, partial(classes, "multiclass")),
    "a network": (MLPRegressor, {"module": network(10, 1), "n_models": 2}, partial(numbers, "one")),
    "branches": (
        MLPRegressor,
        {"module": nn.Parallel(nn.Linear(10, 1), nn.Linear(10, 1))},
        partial(numbers, "one"),
    ),
}


def fitted(name: str) -> tuple[Any, Any, Any]:
    kind, options, data = CASES[name]
    x, y = data()
    rows = min(len(x), len(y))
    small = {key: value for key, value in SMALL.items() if "module" not in options or key[0] != "h"}
    return kind(**{**small, **options}).fit(x[:rows], y[:rows]), x, y


@pytest.mark.parametrize("name", CASES)
def test_an_estimator_comes_back_to_the_bit(name: str, tmp_path: Path) -> None:
    model, x, y = fitted(name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plaingrad.save(model, tmp_path / "m.safetensors")
    again = type(model).load(tmp_path / "m.safetensors")
    for method in ("predict", *(["predict_proba"] if hasattr(model, "classes_") else [])):
        found, wanted = getattr(again, method)(x), getattr(model, method)(x)
        np.testing.assert_array_equal(found, wanted, strict=True)
    assert again.score(x, y) == model.score(x, y)
    for attribute in {name for name in dir(model) if name.endswith("_") and name[0] != "_"} - NETWORKS:
        if hasattr(model, attribute):
            np.testing.assert_equal(getattr(again, attribute), getattr(model, attribute))
    assert len(again.coefs_) == len(model.coefs_)
    own = {key: value for key, value in model.get_params().items() if key not in ("module", "loss")}
    np.testing.assert_equal({key: again.get_params()[key] for key in own}, own)
    again.save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "m.safetensors").read_bytes()


@pytest.mark.parametrize("name", CASES)
def test_a_loaded_estimator_trains_anew_and_goes_on(name: str, tmp_path: Path) -> None:
    model, x, y = fitted(name)
    model.save(tmp_path / "m.safetensors")
    again = type(model).load(tmp_path / "m.safetensors")
    anew = clone(again).fit(x, y)
    if model.module is None:
        np.testing.assert_array_equal(anew.predict(x), model.predict(x))
    more = (again.set_params(warm_start=True), copy.deepcopy(model).set_params(warm_start=True))
    np.testing.assert_array_equal(more[0].fit(x, y).predict(x), more[1].fit(x, y).predict(x))
    if model.solver != "lbfgs" and not model.early_stopping:
        loaded = type(model).load(tmp_path / "m.safetensors")
        assert loaded.partial_fit(x, y).t_ > model.t_


def test_what_is_no_plain_data_is_left_out_by_name(tmp_path: Path) -> None:
    x, y = classes("binary")
    options = {"solver": partial(optim.SGD, lr=0.1), "callbacks": [Callback()]}
    model = MLPClassifier(max_iter=2, random_state=np.random.RandomState(0), **options).fit(x, y)
    with pytest.warns(
        UserWarning, match="^callbacks, random_state, solver: expected numbers, strings"
    ) as caught:
        model.save(tmp_path / "m.safetensors")
    assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match="what is loaded has the default instead") as caught:
        plaingrad.save(model, tmp_path / "m.safetensors", {"note": "mine"})
    assert caught[0].filename == __file__
    again = MLPClassifier.load(tmp_path / "m.safetensors")
    assert (again.solver, again.callbacks, again.random_state) == ("adam", None, None)
    np.testing.assert_array_equal(again.predict_proba(x), model.predict_proba(x))
    facts = plaingrad.read_file(tmp_path / "m.safetensors").facts
    assert facts.pop("note") == "mine"
    assert tuple(facts) == METADATA_KEYS


def test_what_cannot_be_saved_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    with pytest.raises(NotFittedError):
        MLPClassifier().save(path)
    model, x, y = fitted("binary")
    with pytest.raises(ValueError, match="n_models: expected 1 as in the first call"):
        clone(model).fit(x, y).set_params(n_models=2).save(path)
    with pytest.raises(ValueError, match="facts under names that the estimator leaves free, got 'kind'"):
        plaingrad.save(model, path, {"kind": "mine"})

    class Own(nn.Linear):
        """Not of plaingrad.nn."""

    with pytest.raises(ValueError, match=r"expected a class of plaingrad\.nn, got one of your own"):
        MLPClassifier(module=Own, max_iter=1).fit(x, y).save(path)
    dates = passengers()[0].assign(day=pd.to_datetime("2020-02-02"))
    with pytest.raises(ValueError, match="embedding: column 'day': expected numbers, strings"):
        MLPClassifier(embedding=["day", "sex", "class"], max_iter=1).fit(dates, passengers()[1]).save(path)
    with pytest.raises(ValueError, match=r"module: expected a network or a trained estimator, got Pipeline"):
        plaingrad.save(make_pipeline(model), path)
    assert not list(tmp_path.iterdir())


def test_networks_go_to_torch(tmp_path: Path) -> None:
    model, x, _ = fitted("multiclass of strings")
    scores = interop.to_torch(model)(torch.from_numpy(x))
    np.testing.assert_allclose(scores.softmax(1).detach(), model.predict_proba(x))
    with pytest.raises(ValueError, match="expected an estimator of one network, got 3; take them from"):
        interop.to_torch(fitted("three networks")[0])
    with pytest.raises(NotFittedError):
        interop.to_torch(MLPClassifier())


@pytest.mark.parametrize(
    "name",
    ["binary", "multilabel", "three networks", "words for three", "counts", "several numbers", "a network"],
)
def test_graphs_predict_what_estimators_do(name: str, tmp_path: Path) -> None:
    model, x, _ = fitted(name)
    interop.export_onnx(model, tmp_path / "m.onnx", metadata={"note": "mine"})
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    inputs = model.state_.codes.apply(np.asarray(model.state_.levels.apply(x), dtype=np.float64))
    (found,) = session.run(None, {"input": inputs})
    wanted = model.predict_proba(x) if hasattr(model, "classes_") else model.predict(x)
    wanted = wanted[:, 1:] if found.shape[1] == 1 < wanted.ndim else wanted.reshape(found.shape)
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
    notes = session.get_modelmeta().custom_metadata_map
    assert notes["note"] == "mine"
    assert notes["features"].startswith('["class", ' if "words" in name else '["x0", ')
    assert ("levels" in notes) == ("words" in name)


def test_a_graph_of_an_estimator_has_its_own_output(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no output and no sample_shape for an estimator"):
        interop.export_onnx(fitted("binary")[0], tmp_path / "m.onnx", output="softmax")
    with pytest.raises(NotFittedError):
        interop.export_onnx(MLPClassifier(), tmp_path / "m.onnx")


def test_the_command_line_shows_it_and_predicts_with_other_files(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    fitted("words")[0].save(path)
    said = succeed("info", path)
    for words in (
        "MLPClassifier of 3 columns into 0, 1",
        '"class", "age", "sex"',
        "embedding",
        "Training history",
    ):
        assert words in said
    assert told("info", path)["facts"]["estimator"] == "MLPClassifier"
    for command in (("predict", path, "-"), ("evaluate", path, "-"), ("export", path, tmp_path / "m.onnx")):
        assert "got an MLPClassifier, which is for Python (its class method load)" in refused(*command)


def test_frozen_parameters_of_an_estimator_stay_frozen(tmp_path: Path) -> None:
    x, y = np.random.default_rng(0).normal(size=(20, 3)), np.tile([0, 1], 10)
    estimator = MLPClassifier((5,), max_iter=1, random_state=0).fit(x, y)
    estimator.modules_[0][0].freeze()
    estimator.save(tmp_path / "model.safetensors")
    again = MLPClassifier.load(tmp_path / "model.safetensors").modules_[0]
    assert [name for name, p in again.named_parameters() if p.frozen] == ["0.weight", "0.bias"]
