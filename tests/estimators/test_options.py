"""What the estimators have and scikit-learn's have not."""

from __future__ import annotations

import pickle
import time
from functools import partial
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import brier_score_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier as TheirClassifier
from sklearn.preprocessing import StandardScaler

from estimators.data import classes, numbers
from plaingrad import nn, optim
from plaingrad.estimators import MLPClassifier, MLPRegressor
from plaingrad.estimators.perceptron import ACTIVATIONS
from plaingrad.native import cost
from plaingrad.train.callbacks import Callback, EarlyStopping

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def kinds_of(module: Any) -> list[str]:
    return [type(each).__name__ for each in module]


def test_normalisation_activation_and_dropout_stand_between_the_linear_layers() -> None:
    x, y = classes("multiclass")
    model = MLPClassifier((8, 6), "gelu", normalization="batch", dropout=0.1, max_iter=2, random_state=0).fit(
        x, y
    )
    between = ["BatchNorm1d", "GELU", "Dropout"]
    assert kinds_of(model.module_) == ["Linear", *between, "Linear", *between, "Linear"]
    assert model.n_layers_ == 4
    assert [w.shape for w in model.coefs_] == [(4, 8), (8, 6), (6, 3)]
    layer = MLPRegressor(hidden_layer_sizes=(5,), normalization="layer", max_iter=2).fit(*numbers("one"))
    assert kinds_of(layer.module_) == ["Linear", "LayerNorm", "ReLU", "Linear"]


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_every_activation_learns(activation: str) -> None:
    x, y = classes("multiclass")
    options: dict[str, Any] = {"activation": activation, "max_iter": 60, "random_state": 0, "engine": "eager"}
    assert MLPClassifier((16,), learning_rate_init=0.02, **options).fit(x, y).score(x, y) > 0.9


@pytest.mark.parametrize("solver", ["adamw", "rmsprop", "adagrad", partial(optim.SGD, lr=0.1, momentum=0.9)])
@pytest.mark.parametrize(
    "learning_rate", ["constant", "cosine", "linear", "one_cycle", partial(optim.StepLR, step_size=20)]
)
def test_every_rule_goes_with_every_schedule(solver: Any, learning_rate: Any) -> None:
    x, y = classes("binary")
    model = MLPClassifier(
        (16,),
        solver=solver,
        learning_rate=learning_rate,
        learning_rate_init=0.03,
        max_iter=60,
        random_state=0,
    ).fit(x, y)
    assert model.score(x, y) > 0.95
    rates = model.histories_[0]["lr"]
    assert (rates[-1] == rates[0]) == (learning_rate == "constant")


@pytest.mark.parametrize("learning_rate", ["cosine", "linear", "one_cycle"])
def test_a_schedule_ends_where_it_has_got_to(learning_rate: str) -> None:
    x, y = classes("binary")
    model = MLPClassifier(learning_rate=learning_rate, max_iter=3, batch_size=40, random_state=0)
    rates = [model.partial_fit(x, y, classes=np.unique(y)).histories_[0]["lr"][-1] for _ in range(8)]
    assert len(set(rates[:3])) == 3
    assert set(rates[3:]) == {min(rates)}
    assert min(rates) < 1e-6


@pytest.mark.parametrize(
    ("loss", "of_errors"),
    [
        ("absolute_error", np.median),
        ("huber", np.median),
        (nn.L1Loss(), np.median),
        ("squared_error", np.mean),
    ],
)
def test_losses_for_numbers_find_what_they_are_least_at(loss: Any, of_errors: Any) -> None:
    rng = np.random.RandomState(0)
    x, y = np.zeros((400, 1)), rng.exponential(size=400) ** 2
    model = MLPRegressor(loss, (), alpha=0, max_iter=400, learning_rate_init=0.02, tol=0, random_state=0)
    found = model.fit(x, y).predict(x[:1])[0]
    if loss == "huber":
        assert np.median(y) < found < y.mean()
    else:
        assert found == pytest.approx(of_errors(y), abs=0.12)


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.9])
def test_quantiles_hold_their_share_of_the_data(quantile: float) -> None:
    x, y = numbers("one")
    model = MLPRegressor(
        "quantile", (20,), quantile=quantile, max_iter=500, tol=0, random_state=0, alpha=0.01
    )
    below = (y < model.fit(x, y).predict(x)).mean()
    assert below == pytest.approx(quantile, abs=0.08)


def test_label_smoothing_keeps_probabilities_from_the_ends() -> None:
    for kind in ("binary", "multiclass"):
        x, y = classes(kind)
        sure = MLPClassifier(max_iter=300, learning_rate_init=0.02, random_state=0, tol=0).fit(x, y)
        mild = clone(sure).set_params(label_smoothing=0.2).fit(x, y)
        assert sure.predict_proba(x).max() > 0.999 > 0.96 > mild.predict_proba(x).max() > 0.85
        assert mild.score(x, y) > 0.95


def test_probabilities_stay_calibrated_with_class_weights() -> None:
    x, y = load_breast_cancer(return_X_y=True)
    x = StandardScaler().fit_transform(x)[:, :4] + np.random.RandomState(0).normal(size=(len(x), 4))
    train_x, test_x, train_y, test_y = train_test_split(x, y, random_state=0, stratify=y)
    plain = MLPClassifier((8,), alpha=1.0, max_iter=300, random_state=0).fit(train_x, train_y)
    weighted = clone(plain).set_params(class_weight={0: 10.0, 1: 1.0}).fit(train_x, train_y)
    of_first = [(model.predict(test_x) == 0).mean() for model in (plain, weighted)]
    assert of_first[1] > of_first[0] + 0.1  # predictions follow the weights
    means = [model.predict_proba(test_x)[:, 0].mean() for model in (plain, weighted)]
    assert means[1] == pytest.approx((test_y == 0).mean(), abs=0.05)  # probabilities do not
    scores = [brier_score_loss(test_y, model.predict_proba(test_x)[:, 1]) for model in (plain, weighted)]
    assert scores[1] < scores[0] + 0.02
    np.testing.assert_allclose(weighted.predict_proba(test_x).sum(1), 1, rtol=1e-12)


def test_class_weights_are_sample_weights() -> None:
    x, y = classes("multiclass")
    own = {name: i + 1.0 for i, name in enumerate(np.unique(y))}
    options: dict[str, Any] = {"max_iter": 10, "random_state": 0, "alpha": 0}
    one = MLPClassifier(class_weight=own, **options).fit(x, y)
    other = MLPClassifier(**options).fit(x, y, np.array([own[name] for name in y]))
    np.testing.assert_allclose(one.coefs_[0], other.coefs_[0], rtol=1e-12)


def test_given_validation_data_are_measured_and_can_end_training() -> None:
    x, y = load_digits(return_X_y=True)
    train_x, test_x, train_y, test_y = train_test_split(x[:600], y[:600], random_state=0)
    held_out = {"X_val": test_x, "y_val": test_y}
    watched = MLPClassifier(max_iter=20, random_state=0).fit(train_x, train_y, **held_out)
    plain = MLPClassifier(max_iter=20, random_state=0).fit(train_x, train_y)
    np.testing.assert_array_equal(watched.coefs_[0], plain.coefs_[0])  # only measured
    assert plain.validation_loss_curve_ is None
    assert len(watched.validation_loss_curve_) == 20
    p = watched.predict_proba(test_x)[np.arange(len(test_y)), test_y]
    assert watched.validation_loss_curve_[-1] == pytest.approx(-np.log(p).mean(), rel=1e-5)

    stopped = MLPClassifier(max_iter=300, early_stopping=True, n_iter_no_change=5, random_state=0)
    stopped.fit(train_x, train_y, **held_out)
    assert stopped.n_iter_ < 300
    best = int(np.argmax(stopped.validation_scores_))
    assert stopped.score(test_x, test_y) == pytest.approx(stopped.validation_scores_[best])


def test_validation_data_need_both_parts_and_known_classes() -> None:
    x, y = classes("multiclass")
    with pytest.raises(ValueError, match="X_val needs y_val, got None"):
        MLPClassifier().fit(x, y, X_val=x)
    with pytest.raises(ValueError, match="classes not in"):
        MLPClassifier().fit(x[y != "setosa"], y[y != "setosa"], X_val=x, y_val=y)
    with pytest.raises(ValueError, match="3 features, but MLPClassifier is expecting 4"):
        MLPClassifier().fit(x, y, X_val=x[:, :3], y_val=y)


def test_callbacks_are_called_and_may_end_training() -> None:
    class Counter(Callback):
        epochs = 0

        def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
            self.epochs += 1
            if epoch == 4:
                self.run.stop("enough")

    x, y = classes("binary")
    counter = Counter()
    model = MLPClassifier(callbacks=[counter]).fit(x, y)
    assert counter.epochs == model.n_iter_ == 5
    assert model.histories_[0].stopped == "enough"
    patient = EarlyStopping(monitor="loss", patience=3, min_delta=10.0)
    assert MLPClassifier(callbacks=[patient]).fit(x, y).n_iter_ == 4


def test_time_can_run_out() -> None:
    x, y = load_digits(return_X_y=True)
    model = MLPClassifier((83,), max_time=0.2, max_iter=10_000, tol=0, n_iter_no_change=10_000)
    begun = time.perf_counter()
    with pytest.warns(ConvergenceWarning, match=r"Maximum time \(0.2 s\) reached"):
        model.fit(x, y)
    assert 0 < model.n_iter_ < 10_000
    assert time.perf_counter() - begun < 60


def test_several_networks_are_averaged() -> None:
    x, y = classes("multiclass")
    several = MLPClassifier((6,), n_models=4, max_iter=30, random_state=0, engine="eager").fit(x, y)
    assert len(several.modules_) == len(several.histories_) == 4
    alone = [np.exp(module.forward(several_input(x)).numpy()) for module in several.modules_]
    mean = np.mean([p / p.sum(1, keepdims=True) for p in alone], axis=0)
    np.testing.assert_allclose(several.predict_proba(x), mean, rtol=1e-10)
    assert not np.allclose(alone[0], alone[1])
    again = clone(several).fit(x, y)
    np.testing.assert_array_equal(several.predict_proba(x), again.predict_proba(x))
    stopped = MLPRegressor(n_models=2, early_stopping=True, random_state=0, max_iter=30).fit(*numbers("one"))
    assert stopped.predict(numbers("one")[0]).shape == (120,)


def several_input(x: np.ndarray) -> Any:
    import torch

    return torch.from_numpy(x)


@pytest.mark.parametrize("as_function", [False, True])
def test_any_network_that_fits_can_be_trained(as_function: bool) -> None:
    x, y = classes("multiclass")

    def made(inputs: int, outputs: int) -> nn.Sequential:
        body = nn.Residual(nn.Linear(inputs, inputs), nn.Tanh())
        return nn.Sequential(body, nn.LayerNorm(inputs), nn.Linear(inputs, outputs))

    own = made if as_function else made(4, 3)
    before = None if as_function else own[0][0].weight.value.clone()
    options: dict[str, Any] = {"learning_rate_init": 0.01, "random_state": 0, "engine": "eager"}
    model = MLPClassifier(module=own, max_iter=200, **options).fit(x, y)
    assert model.score(x, y) > 0.95
    assert kinds_of(model.module_) == ["Residual", "LayerNorm", "Linear"]
    if not as_function:
        assert (own[0][0].weight.value == before).all()  # a copy was trained
    again = clone(model).fit(x, y)
    np.testing.assert_array_equal(model.predict_proba(x), again.predict_proba(x))


def test_a_network_that_does_not_fit_is_refused() -> None:
    x, y = classes("multiclass")
    with pytest.raises(
        ValueError, match=r"expected a network with outputs \(2, 3\) for inputs \(2, 4\), got \(2, 2\)"
    ):
        MLPClassifier(module=nn.Linear(4, 2)).fit(x, y)
    with pytest.raises(ValueError, match="expected a function that returns a plaingrad Module, got None"):
        MLPClassifier(module=lambda inputs, outputs: None).fit(x, y)


@pytest.mark.parametrize("engine", ["eager", "native"])
def test_pickles_go_on_where_the_original_would(engine: str) -> None:
    x, y = classes("multiclass")
    model = MLPClassifier(max_iter=10, batch_size=30, random_state=0, engine=engine).fit(x, y)
    model.predict(x)
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.predict_proba(x), model.predict_proba(x))
    for each in (model, copy):
        each.partial_fit(x, y)
    np.testing.assert_array_equal(copy.coefs_[0], model.coefs_[0])
    np.testing.assert_array_equal(copy.predict_proba(x), model.predict_proba(x))


@pytest.mark.parametrize("engine", ["eager", "native"])
def test_predictions_follow_weights_that_are_written_to(engine: str) -> None:
    x, y = classes("multiclass")
    options: dict[str, Any] = {"max_iter": 5, "batch_size": 30, "random_state": 0}
    model, theirs = MLPClassifier(**options, engine=engine).fit(x, y), TheirClassifier(**options).fit(x, y)
    model.coefs_, model.intercepts_ = theirs.coefs_, theirs.intercepts_
    kept = model.coefs_
    np.testing.assert_allclose(model.predict_proba(x), theirs.predict_proba(x), rtol=1e-10)
    for each in (model, theirs):
        each.coefs_[0][1] *= -2
        each.intercepts_[1] = np.arange(3.0)
        each.coefs_[1] = 3 * each.coefs_[1]
    np.testing.assert_allclose(model.predict_proba(x), theirs.predict_proba(x), rtol=1e-10)
    kept[1][...] = 0
    np.testing.assert_allclose(model.predict_proba(x), model.predict_proba(x[:1]).repeat(len(x), 0))
    with pytest.raises(ValueError, match=r"coefs_: expected arrays of the shapes \[\(4, 100\)\], got"):
        model.coefs_[0] = np.zeros((4, 3))


@pytest.mark.parametrize(("engine", "compiles"), [("auto", True), ("eager", False)])
def test_so_many_rows_that_it_pays_are_predicted_compiled(
    monkeypatch: pytest.MonkeyPatch, engine: str, compiles: bool
) -> None:
    x, y = classes("multiclass")
    model = MLPClassifier(max_iter=2, random_state=0, engine=engine).fit(x, y)
    few = model.predict_proba(x)
    assert model.state_.predictor._functions is None
    with monkeypatch.context() as patch:
        patch.setattr(cost, "COMPILES", 0.0)
        many = model.predict_proba(x)
    assert (model.state_.predictor._functions is not None) is compiles
    np.testing.assert_allclose(many, few, rtol=1e-12)
    np.testing.assert_array_equal(model.predict_proba(x), few)  # whatever was asked before


def test_weights_have_the_dtype_of_the_data_whatever_they_were_trained_in() -> None:
    x, y = classes("binary")
    for given in (np.float32, np.float64):
        for dtype in ("auto", "float32", "float64"):
            model = MLPClassifier(max_iter=3, batch_size=30, random_state=0, dtype=dtype).fit(
                x.astype(given), y
            )
            assert model.coefs_[0].dtype == model.predict_proba(x.astype(given)).dtype == given
    single, double = (
        MLPClassifier(max_iter=3, batch_size=30, random_state=0, dtype=dtype).fit(x, y).coefs_[0]
        for dtype in ("auto", "float64")
    )
    assert 0 < abs(single - double).max() < 1e-5


def test_a_last_batch_of_one_sample_is_no_problem_for_batch_normalisation() -> None:
    rows = np.random.RandomState(0).normal(size=(61, 3))
    for size in (10, 20, 60):
        MLPClassifier(normalization="batch", batch_size=size, max_iter=2).fit(rows, rows[:, 0] > 0)


def test_classes_of_no_weight_have_no_probability() -> None:
    x, y = classes("multiclass")
    own = {"setosa": 0.0, "versicolor": 1.0, "virginica": 2.0}
    model = MLPClassifier(class_weight=own, max_iter=20, random_state=0).fit(x, y)
    found = model.predict_proba(x)
    np.testing.assert_array_equal(found[:, 0], 0)
    np.testing.assert_allclose(found.sum(1), 1)
    few = y != "virginica"
    model.partial_fit(x[few], y[few])  # the weights are those of all classes


def test_numbers_in_other_formats_are_numbers() -> None:
    x, y = numbers("one")
    plain = MLPRegressor(max_iter=3, random_state=0).fit(x, y)
    for kind in (">f8", np.longdouble):
        model = MLPRegressor(max_iter=3, random_state=0).fit(x.astype(kind), y.astype(kind))
        np.testing.assert_array_equal(model.predict(x.astype(kind)), plain.predict(x))


def test_a_single_class_is_what_is_predicted() -> None:
    x, _ = classes("binary")
    for seed in range(4):
        model = MLPClassifier(max_iter=1, random_state=seed).fit(x, np.full(len(x), "a"))
        assert set(model.predict(x)) == {"a"}
