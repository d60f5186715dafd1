"""Estimators that go on after they were killed: each fit of other data or settings by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from estimators.data import classes, numbers
from plaingrad.errors import InputError
from plaingrad.estimators import MLPClassifier, MLPRegressor
from plaingrad.train.callbacks import Callback

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, Y = classes("multiclass")


class Killed(BaseException):
    pass


class Kill(Callback):
    """Ends a fit after its third epoch as a kill does, once the checkpoints of two epochs are there."""

    at: Any = None

    def on_epoch_end(self, epoch: int, logs: Any) -> None:
        if epoch == 2 and Kill.at is not None and Kill.at():
            raise Killed


@pytest.fixture(autouse=True)
def at_each_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plaingrad.train.resume.checkpoint.Checkpoint.is_due", lambda self: True)
    monkeypatch.setattr(Kill, "at", None)


def model(folder: Path, **options: Any) -> MLPClassifier:
    options = {"max_iter": 5, "random_state": 0, "callbacks": [Kill()], **options}
    return MLPClassifier((4,), checkpoint=folder, **options)


def killed(estimator: Any, x: Any = X, y: Any = Y) -> None:
    Kill.at = staticmethod(lambda: True)
    with pytest.raises(Killed):
        estimator.fit(x, y)
    Kill.at = None


@pytest.mark.parametrize("n_models", [1, 2])
def test_the_same_fit_goes_on_and_leaves_nothing(n_models: int, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    killed(model(folder, n_models=n_models))
    assert len(list(folder.iterdir())) == 1
    again, whole = model(folder, n_models=n_models).fit(X, Y), model(tmp_path / "w", n_models=n_models)
    whole.fit(X, Y)
    assert not folder.exists()
    assert again.loss_curve_ == whole.loss_curve_
    assert np.array_equal(again.predict_proba(X), whole.predict_proba(X))


@pytest.mark.parametrize("n_models", [1, 2])
@pytest.mark.parametrize(
    "change",
    [
        {"alpha": 0.1}, {"tol": 0.1}, {"max_iter": 6}, {"random_state": 1}, {"class_weight": "balanced"},
        {"label_smoothing": 0.1}, {"callbacks": []}, {"early_stopping": True}, {"activation": "tanh"},
        {"learning_rate_init": 0.1}, {"n_models": 3},
    ],
    ids=str,
)  # fmt: skip
def test_a_fit_of_other_settings_begins_anew(change: Any, n_models: int, tmp_path: Path) -> None:
    folder, estimator = tmp_path / "kept", model(tmp_path / "kept", n_models=n_models)
    killed(estimator)
    left = [(path, path.read_bytes()) for path in folder.rglob("*.safetensors")]
    changed, whole = clone(estimator).set_params(**change), clone(estimator).set_params(**change)
    changed.fit(X, Y)
    whole.set_params(checkpoint=tmp_path / "w").fit(X, Y)
    assert np.array_equal(changed.predict_proba(X), whole.predict_proba(X))
    assert left == [(path, path.read_bytes()) for path in folder.rglob("*.safetensors")]


def test_a_fit_of_other_data_begins_anew(tmp_path: Path) -> None:
    x, y = numbers("multioutput")
    options = {"max_iter": 5, "random_state": 0, "callbacks": [Kill()]}
    first = MLPRegressor(hidden_layer_sizes=(4,), checkpoint=tmp_path / "kept", **options)
    killed(first, x, y)
    for fit in (
        lambda each: each.fit(x[1:], y[1:]),
        lambda each: each.fit(x, 2 * y),
        lambda each: each.fit(x, y, np.arange(1.0, len(x) + 1)),
        lambda each: each.fit(x, y, X_val=x, y_val=y),
    ):
        assert len(fit(clone(first)).loss_curve_) == 5
    assert len(list((tmp_path / "kept").iterdir())) == 1


def test_a_fit_that_goes_on_with_its_networks_is_another_one(tmp_path: Path) -> None:
    first = model(tmp_path / "kept", warm_start=True).fit(X, Y)
    killed(first)
    whole = model(tmp_path / "w", warm_start=True).fit(X, Y)
    anew = model(tmp_path / "kept", warm_start=True).fit(X, Y)
    assert np.array_equal(anew.predict_proba(X), whole.predict_proba(X))
    assert np.array_equal(anew.fit(X, Y).predict_proba(X), whole.fit(X, Y).predict_proba(X))
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize("n_models", [1, 2])
@pytest.mark.filterwarnings("error::sklearn.exceptions.FitFailedWarning")
def test_a_search_in_two_processes_has_all_scores(n_models: int, tmp_path: Path) -> None:
    grid, folder = {"alpha": [1e-4, 1e-2, 1.0]}, tmp_path / "kept"
    estimator = model(folder, callbacks=None, n_models=n_models)
    search = GridSearchCV(estimator, grid, cv=3, n_jobs=2).fit(X, Y)
    alone = GridSearchCV(estimator.set_params(checkpoint=None), grid, cv=3).fit(X, Y)
    assert np.array_equal(search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"])
    assert not folder.exists()


@pytest.mark.parametrize("n_models", [1, 2])
@pytest.mark.filterwarnings("error::sklearn.exceptions.FitFailedWarning")
def test_a_search_that_was_killed_runs_again(n_models: int, tmp_path: Path) -> None:
    grid, folder, fits = {"alpha": [1e-4, 1e-2, 1.0]}, tmp_path / "kept", iter(range(100))
    estimator = model(folder, n_models=n_models)
    Kill.at = staticmethod(lambda: next(fits) >= 4 * n_models)
    with pytest.raises(Killed):
        GridSearchCV(estimator, grid, cv=3).fit(X, Y)
    Kill.at = None
    assert len(list(folder.iterdir())) == 1
    search = GridSearchCV(estimator, grid, cv=3).fit(X, Y)
    alone = GridSearchCV(estimator.set_params(checkpoint=None), grid, cv=3).fit(X, Y)
    assert np.array_equal(search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"])
    assert not folder.exists()


def test_a_file_is_no_folder_for_checkpoints(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file: checkpoint: expected a folder, got a file"):
        model(tmp_path / "file").fit(X, Y)
