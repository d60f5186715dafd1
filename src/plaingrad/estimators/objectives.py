"""The loss that an estimator minimises, and the link from outputs to predictions, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit
from torch import Tensor

from plaingrad import nn


def softmax(x: np.ndarray) -> np.ndarray:
    """The probabilities of classes with these logits ``(n_samples, n_classes)``."""
    columns = np.array(x.T, order="C")  # for numpy is slow to reduce short rows
    columns -= columns.max(0)
    np.exp(columns, out=columns)
    columns /= columns.sum(0)
    return np.ascontiguousarray(columns.T)


LARGEST = 80.0  # so that the mean of many powers is finite in float32


def exp(x: np.ndarray) -> np.ndarray:
    """Powers of e, at most the 80th."""
    return np.exp(np.minimum(x, LARGEST))


# From the network's outputs to predictions, by scikit-learn's names of output activations.
LINKS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "identity": lambda x: x,
    "exp": exp,
    "logistic": expit,
    "softmax": softmax,
}


@dataclass(frozen=True)
class Objective:
    """A loss, and its relation to scikit-learn's.

    scikit-learn follows the gradient of a sum over the outputs, averaged over the samples, where the losses
    of `plaingrad.nn` are means over both.

    Attributes:
        loss: of the network's outputs.
        link: a name in `LINKS`.
        scale: by what the gradient that scikit-learn follows is larger than this loss's.
        reported: by what the loss that scikit-learn reports is larger.
        constant: what it adds to that.
    """

    loss: nn.Loss
    link: str
    scale: float = 1.0
    reported: float = 1.0
    constant: float = 0.0

    def report(self, loss: float) -> float:
        """The value that scikit-learn would report."""
        return self.reported * loss + self.constant


def classification(outputs: int, multiclass: bool, label_smoothing: float) -> Objective:
    """The cross entropy: of a softmax over classes, or of one probability for each output.

    Args:
        outputs: columns of the network.
        multiclass: true if each sample belongs to one class out of more than two.
        label_smoothing: the share of a label that is spread evenly over the classes; for single
            probabilities the targets have to be smoothed by `smoothed`.
    """
    if multiclass:
        return Objective(nn.CrossEntropyLoss(label_smoothing=label_smoothing), "softmax")
    return Objective(nn.BCEWithLogitsLoss(), "logistic", scale=outputs, reported=outputs)


def smoothed(targets: Tensor, label_smoothing: float) -> Tensor:
    """Targets 0 and 1, moved towards each other."""
    return targets * (1 - label_smoothing) + label_smoothing / 2


def regression(loss: str | nn.Loss, outputs: int, quantile: float) -> Objective:
    """A loss for numbers.

    Args:
        loss: "squared_error", "absolute_error", "huber", "quantile", "poisson", or a loss of
            `plaingrad.nn`, which is then minimised as it is.
        outputs: columns of the network.
        quantile: the one that "quantile" aims at.
    """
    if isinstance(loss, nn.Loss):
        return Objective(
            loss, "exp" if isinstance(loss, nn.PoissonNLLLoss) and loss.log_input else "identity"
        )
    if loss == "squared_error":
        return Objective(nn.MSELoss(), "identity", scale=outputs / 2, reported=0.5)
    if loss == "poisson":
        return Objective(nn.PoissonNLLLoss(), "exp", scale=outputs, reported=outputs)
    kinds: dict[str, Callable[[], nn.Loss]] = {
        "absolute_error": nn.L1Loss,
        "huber": nn.HuberLoss,
        "quantile": lambda: nn.QuantileLoss(quantile),
    }
    return Objective(kinds[loss](), "identity", scale=outputs)
