"""What becomes of an estimator in a second call."""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import InconsistentVersionWarning

import plaingrad
from estimators.data import classes, numbers
from plaingrad import nn
from plaingrad.estimators import MLPClassifier, MLPRegressor, version

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def changed(method: str, **options: Any) -> Any:
    return lambda model, x, y: getattr(model.set_params(**options), method)(x, y)


@pytest.mark.parametrize(
    ("kind", "failing", "message"),
    [
        (
            "multiclass",
            lambda model, x, y: model.fit(x, np.where(x > 1, 2, 0)[:, 0] + x[:, 0]),
            "Unknown label",
        ),
        ("multiclass", lambda model, x, y: model.fit(x[:, :2], y == "setosa", np.ones(3)), "sample_weight"),
        (
            "multiclass",
            lambda model, x, y: model.fit(x[:, :2], y == "setosa", X_val=x[:, :2], y_val=y),
            "^X_val, y_val: .* classes not in",
        ),
        (
            "multilabel",
            lambda model, x, y: model.fit(x, y, X_val=x, y_val=y[:, 0]),
            "^X_val, y_val: .* 3 columns .* one",
        ),
        (
            "multilabel",
            lambda model, x, y: model.fit(x, y, X_val=x, y_val=y[:, :2]),
            "^X_val, y_val: .* 3 .* 2 columns",
        ),
        (
            "multiclass",
            lambda model, x, y: model.fit(x, y, X_val=x, y_val=x > 0),
            "^X_val, y_val: .* one .* 4 columns",
        ),
        ("multioutput", lambda model, x, y: model.partial_fit(x, y[:, 0]), "y: .* 3 columns .* got one"),
        ("one", lambda model, x, y: model.partial_fit(x, np.stack([y, y], 1)), "y: .* one .* got 2 columns"),
        ("one", changed("partial_fit", loss="poisson"), "needs targets of at least 0"),
        ("counts", changed("partial_fit", loss="poisson"), "loss: .* 'identity' as before, got 'poisson'"),
        *[
            (kind, changed(**call, **{name: value}), f"^{name}: expected .* as in the first call")
            for kind in ("multiclass", "one")
            for name, value in {
                "hidden_layer_sizes": (7,),
                "activation": "gelu",
                "dropout": 0.5,
                "normalization": "batch",
                "n_models": 2,
                "module": nn.Linear(4, 3),
                "embedding": [0],
            }.items()
            for call in ({"method": "fit", "warm_start": True}, {"method": "partial_fit"})
        ],
        ("one", changed("fit", solver="sgd", learning_rate_init=1e30), "non-finite"),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_call_that_fails_leaves_the_model_as_it_was(kind: str, failing: Any, message: str) -> None:
    classifies = kind in ("multiclass", "multilabel")
    x, y = (classes if classifies else numbers)(kind)
    model = (MLPClassifier if classifies else MLPRegressor)(max_iter=3, random_state=0).fit(x, y)
    predicted = model.predict(x)
    before = {name: value for name, value in vars(model).items() if name not in model.get_params()}
    with pytest.raises(ValueError, match=message):
        failing(model, x, y)
    after = {name: value for name, value in vars(model).items() if name not in model.get_params()}
    assert after.keys() == before.keys()
    assert all(after[name] is before[name] for name in before)
    np.testing.assert_array_equal(model.predict(x), predicted)


@pytest.mark.parametrize("engine", ["eager", "native"])
def test_epochs_may_be_watched_in_another_way_than_those_before(engine: str) -> None:
    x, y = classes("multiclass")
    model = MLPClassifier(max_iter=3, warm_start=True, random_state=0, engine=engine, batch_size=40)
    held_out = {"X_val": x[:40], "y_val": y[:40]}
    model.fit(x, y)
    model.fit(x, y, **held_out)
    assert np.isnan(model.validation_loss_curve_).tolist() == [True] * 3 + [False] * 3
    model.set_params(early_stopping=True).fit(x, y)
    assert np.isnan(model.validation_scores_).tolist() == [True] * 6 + [False] * 3
    assert model.best_validation_score_ == np.nanmax(model.validation_scores_)
    assert model.best_loss_ is None
    model.set_params(early_stopping=False).partial_fit(x, y)
    assert np.isnan(model.validation_loss_curve_).tolist() == [True] * 3 + [False] * 6 + [True]
    assert model.validation_scores_ is model.best_validation_score_ is None
    assert model.best_loss_ == min(model.loss_curve_)


@pytest.mark.parametrize("kind", ["multiclass", "one"])
def test_pickles_written_before_there_was_one_state_go_on(kind: str) -> None:
    x, y = classes(kind) if kind == "multiclass" else numbers(kind)
    model = (MLPClassifier if kind == "multiclass" else MLPRegressor)(max_iter=3, random_state=0).fit(x, y)
    state = model.state_
    attributes = {name: value for name, value in model.__getstate__().items() if name != "state_"}
    for name in ("levels", "codes", "records", "optimizers", "schedules", "predictor"):
        attributes[f"_{name}"] = getattr(state, name)
    for name in ("modules", "histories", "loss", "n_iter", "t"):
        attributes[f"{name}_"] = getattr(state, name)
    attributes |= {f"{name}_": value for name, value in vars(state.records[0]).items() if "curve" in name}
    attributes |= {"_columns": (), "_shaped": state.shape, "out_activation_": model.out_activation_}
    attributes |= {"n_outputs_": model.n_outputs_, "n_layers_": 3, "_random_state": np.random.RandomState(0)}
    if kind == "multiclass":
        attributes |= {"classes_": model.classes_, "_binarizer": state.targets.binarizer}
        attributes["_class_weights"] = None
    again = type(model).__new__(type(model))
    again.__setstate__(attributes)
    assert vars(again).keys() == vars(model).keys()
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    assert again.loss_curve_ == model.loss_curve_
    assert again.partial_fit(x, y).t_ == 4 * len(x)


def test_pickles_of_another_version_warn(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = classes("binary")
    model = MLPClassifier(3, max_iter=2, random_state=0).fit(x, y)
    data = pickle.dumps(model)
    assert pickle.loads(data).loss_curve_ == model.loss_curve_  # without a warning
    monkeypatch.setattr(version, "__version__", "9.0.0")
    with pytest.warns(InconsistentVersionWarning, match=r"of plaingrad 9\.0\.0, got one of \d"):
        other = pickle.loads(data)
    assert (other.predict(x) == model.predict(x)).all()


def test_private_names_of_scikit_learn_stand_in_one_file() -> None:
    folder = Path(plaingrad.__file__).parent
    private = re.compile(r"^\s*(?:from sklearn\S*\._\w+|from sklearn\S* import .*\b_\w)", re.MULTILINE)
    files = [
        str(path.relative_to(folder)) for path in folder.rglob("*.py") if private.search(path.read_text())
    ]
    assert files == ["estimators/private.py"]
