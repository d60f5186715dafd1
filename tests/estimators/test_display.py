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


def test_what_has_no_curve_is_refused() -> None:
    with pytest.raises(NotFittedError):
        LossCurveDisplay.from_estimator(MLPClassifier())
    with pytest.raises(ValueError, match="expected an estimator with a loss_curve_"):
        LossCurveDisplay.from_estimator(MLPClassifier(solver="lbfgs", max_iter=5).fit(*classes("binary")))
