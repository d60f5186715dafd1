"""The loss curve of an estimator as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from plaingrad.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Styles = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None


class LossCurveDisplay:
    """The loss of each epoch, in the convention of scikit-learn's displays.

    Args:
        loss_curve: the loss of each epoch.
        validation_loss_curve: the loss on validation data after each epoch; None if there are none.
        best_epoch: the epoch, counted from 1, whose weights were kept; None for the last.
        estimator_name: stands in the title.

    Attributes:
        ax_: the axes, once it is drawn.
        figure_: their figure.
    """

    def __init__(
        self,
        *,
        loss_curve: Sequence[float],
        validation_loss_curve: Sequence[float] | None = None,
        best_epoch: int | None = None,
        estimator_name: str | None = None,
    ) -> None:
        self.loss_curve = loss_curve
        self.validation_loss_curve = validation_loss_curve
        self.best_epoch = best_epoch
        self.estimator_name = estimator_name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        ax: Axes | None = None,
        name: str | None = None,
        curve_kwargs: Styles = None,
    ) -> LossCurveDisplay:
        """Draw the curves of an estimator that has been fitted.

        Args:
            estimator: an `MLPClassifier` or `MLPRegressor` of plaingrad or of scikit-learn, or a pipeline
                that ends in one.
            ax: where to draw; None makes a new figure.
            name: stands in the title; None for the name of its class.
            curve_kwargs: for matplotlib's ``plot``, such as ``{"linestyle": "--"}``; or a list of two such
                dicts, for the training and the validation.

        Raises:
            NotFittedError: it has not been fitted.
            ValueError: its solver leaves no curve.
        """
        check_is_fitted(estimator)
        last = estimator[-1] if hasattr(estimator, "steps") else estimator
        if not hasattr(last, "loss_curve_"):
            raise InputError(f"LossCurveDisplay: expected an estimator with a loss_curve_, got {last!r}")
        scores = getattr(last, "validation_scores_", None)
        display = cls(
            loss_curve=last.loss_curve_,
            validation_loss_curve=getattr(last, "validation_loss_curve_", None),
            best_epoch=None if scores is None else int(np.nanargmax(scores)) + 1,
            estimator_name=type(last).__name__ if name is None else name,
        )
        return display.plot(ax=ax, curve_kwargs=curve_kwargs)

    def plot(
        self, ax: Axes | None = None, *, name: str | None = None, curve_kwargs: Styles = None
    ) -> LossCurveDisplay:
        """Draw the curves.

        Args:
            ax: where to; None makes a new figure.
            name: stands in the title; None for ``estimator_name``.
            curve_kwargs: as for `from_estimator`.

        Raises:
            ValueError: ``curve_kwargs`` is none of these.
        """
        from plaingrad.drawing import dress
        from plaingrad.train.curve import draw_losses

        each_kwargs: Sequence[Any] = (
            curve_kwargs if isinstance(curve_kwargs, list | tuple) else [curve_kwargs] * 2
        )
        if len(each_kwargs) != 2 or not all(
            each is None or isinstance(each, Mapping) for each in each_kwargs
        ):
            expected = "a dict, or a list of two for the training and the validation"
            raise InputError(f"curve_kwargs: expected {expected}, got {curve_kwargs!r:.60}")
        styles = [dict(each or {}) for each in each_kwargs]
        if ax is None:
            import matplotlib.pyplot as plt

            ax = plt.figure(figsize=(7, 4.2), layout="constrained").subplots()
            name = self.estimator_name if name is None else name
            dress(ax, "Loss during training" if name is None else f"{name}: loss during training")
        draw_losses(ax, self.loss_curve, self.validation_loss_curve or (), self.best_epoch, styles=styles)
        self.ax_, self.figure_ = ax, ax.get_figure(root=True)
        return self
