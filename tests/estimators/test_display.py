"""The picture of an estimator's loss."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.neural_network import MLPClassifier as TheirClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from estimators.data import classes
from plaingrad.estimators import LossCurveDisplay, MLPClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_both_curves_and_the_epoch_that_was_kept_are_drawn() -> None:
    x, y = classes("multiclass")
    model = MLPClassifier(max_iter=30, early_stopping=True, random_state=0).fit(x, y)
    display = LossCurveDisplay.from_estimator(model)
    training, validation, *_ = display.ax_.lines
    np.testing.assert_array_equal(training.get_ydata(), model.loss_curve_)
    np.testing.assert_array_equal(validation.get_ydata(), model.validation_loss_curve_)
    kept = 1 + int(np.argmax(model.validation_scores_))
    assert any(f"epoch {kept}" in text.get_text() for text in display.ax_.texts)
    assert display.ax_.get_title(loc="left") == "MLPClassifier: loss during training"
    plt.close(display.figure_)


def test_it_draws_into_given_axes_and_for_other_estimators() -> None:
    x, y = classes("binary")
    figure, ax = plt.subplots()
    for network in (MLPClassifier(max_iter=5), TheirClassifier(max_iter=5)):
        display = LossCurveDisplay.from_estimator(make_pipeline(StandardScaler(), network).fit(x, y), ax=ax)
        assert display.ax_ is ax
        assert display.figure_ is figure
    plt.close(figure)


def test_a_curve_that_ends_early_is_named_where_it_ends() -> None:
    display = LossCurveDisplay(loss_curve=[3, 2, 1, 1], validation_loss_curve=[np.nan, 3, 2, np.nan]).plot()
    assert {text.get_text(): text.xy for text in display.ax_.texts} == {
        "training": (4, 1),
        "validation": (3, 2),
    }
    plt.close(display.figure_)


def test_axes_that_share_their_scale_show_every_curve_whole() -> None:
    figure, axes = plt.subplots(1, 2, sharey=True)
    for ax, curve in zip(axes, ([3.0, 1.0, 0.01], [2.0, 1.0, 0.9])):  # one falls far enough for logarithms
        LossCurveDisplay(loss_curve=curve).plot(ax)
    figure.canvas.draw()
    for ax in axes:
        low, high = ax.get_ylim()
        assert 0 < low < 0.01
        assert 3 < high < 30
    plt.close(figure)


def test_lines_are_drawn_as_wished() -> None:
    display = LossCurveDisplay(loss_curve=[3, 2], validation_loss_curve=[3, 1])
    first = display.plot(curve_kwargs={"linestyle": "--", "lw": 5}).ax_.lines
    assert [(line.get_linestyle(), line.get_linewidth()) for line in first[:2]] == [("--", 5)] * 2
    second = display.plot(curve_kwargs=[{"c": "red", "label": "mine"}, {"alpha": 0.5}]).ax_
    assert [(line.get_color(), line.get_alpha()) for line in second.lines[:2]] == [
        ("red", None),
        (first[1].get_color(), 0.5),
    ]
    assert (second.texts[0].get_text(), second.texts[0].get_color()) == ("mine", "red")
    x, y = classes("binary")
    network = MLPClassifier(max_iter=5).fit(x, y)
    assert (
        LossCurveDisplay.from_estimator(network, curve_kwargs={"ls": ":"}).ax_.lines[0].get_linestyle() == ":"
    )
    for wrong in ("red", [{}], [{}, "red"]):
        with pytest.raises(ValueError, match="curve_kwargs: expected a dict, or a list of two for"):
            display.plot(curve_kwargs=wrong)
    plt.close("all")


def test_what_has_no_curve_is_refused() -> None:
    with pytest.raises(NotFittedError):
        LossCurveDisplay.from_estimator(MLPClassifier())
    with pytest.raises(ValueError, match="expected an estimator with a loss_curve_"):
        LossCurveDisplay.from_estimator(MLPClassifier(solver="lbfgs", max_iter=5).fit(*classes("binary")))
