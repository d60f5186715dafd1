"""`MLPClassifier`: a network that tells classes apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.callback import with_callbacks
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d, compute_class_weight, compute_sample_weight
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call, type_of_target, unique_labels
from torch import Tensor

from plaingrad.estimators.base import BaseMultilayerPerceptron
from plaingrad.estimators.continuity import all_or_nothing
from plaingrad.estimators.objectives import Objective, classification, smoothed
from plaingrad.estimators.training import Part
from plaingrad.module import Module
from plaingrad.optim import Optimizer, Schedule
from plaingrad.train.callbacks import Callback


class MLPClassifier(ClassifierMixin, BaseMultilayerPerceptron):
    """A multilayer perceptron for classes: scikit-learn's `MLPClassifier`, compiled, and with more options.

    Everything up to ``max_fun`` means what it means in `sklearn.neural_network.MLPClassifier` (1.9), and the
    same ``random_state`` gives the same initial weights and the same batches. The other parameters follow
    theirs, by keyword.

    Args:
        hidden_layer_sizes: the number of values in each hidden layer.
        activation: "identity", "logistic", "tanh", "relu", or any activation of `plaingrad.nn` in lower case,
            such as "gelu" or "silu".
        solver: "lbfgs", "sgd", "adam", "adamw", "rmsprop", "adagrad"; or a function that makes an
            `plaingrad.optim.Optimizer` of parameters, such as ``partial(optim.AdamW, lr=1e-3)``, which then
            has its own rate and penalty.
        alpha: the strength of the L2 penalty, which is divided by the number of samples in a batch; for
            "adamw", its weight decay.
        batch_size: samples in a batch; "auto" for ``min(200, n_samples)``.
        learning_rate: "constant", "invscaling" or "adaptive" as in scikit-learn, for "sgd" alone; for every
            solver "cosine", "linear" or "one_cycle" over all ``max_iter`` epochs, or a function that makes a
            `plaingrad.optim.Schedule` of an optimizer.
        learning_rate_init: the learning rate to begin with.
        power_t: the exponent of "invscaling".
        max_iter: epochs at most; iterations for "lbfgs".
        shuffle: whether each epoch has a new order.
        random_state: of initial weights, orders, dropout and the validation split.
        tol: by how much the loss, or the score with early stopping, has to improve.
        verbose: whether to print a line for each epoch.
        warm_start: whether ``fit`` goes on from the networks of the last call. The parameters that shape them
            must be as they were.
        momentum: of "sgd".
        nesterovs_momentum: whether it is Nesterov's.
        early_stopping: whether to end when the score on validation data no longer improves, and to keep the
            weights of the best epoch.
        validation_fraction: what part of the data is held out for that, if ``fit`` is given no ``X_val``.
        beta_1: of "adam" and "adamw".
        beta_2: of "adam" and "adamw".
        epsilon: keeps denominators of the solvers from 0.
        n_iter_no_change: how many epochs without improvement are put up with.
        max_fun: evaluations of the loss by "lbfgs" at most.
        class_weight: weights by class, "balanced", or None; multiplied with ``sample_weight``. Classes are
            then predicted as the weights ask, and ``predict_proba`` takes them out again, so that it gives
            the probabilities of the classes as they occur.
        label_smoothing: the share of a label that is spread evenly over the classes.
        dropout: the probability with which each hidden value is 0 in a step of training.
        normalization: "batch" or "layer", before each activation; None for none.
        clip_norm: the norm that the gradient of a batch keeps to; None leaves it alone.
        callbacks: `plaingrad.train.callbacks.Callback` instances. scikit-learn's go to ``set_callbacks``.
        max_time: seconds after which training ends, after the epoch under way.
        dtype: of training: "float32", "float64", or "auto" for single precision where batches are smaller
            than the data. Weights and predictions have the dtype of ``X`` in any case.
        engine: as for `plaingrad.fit`: "auto", "eager" or "native"; "auto" also compiles the predictions
            of so many rows that it pays.
        n_models: how many networks are trained, side by side, and averaged.
        module: a `plaingrad.Module` to train a copy of, or a function that makes one of the numbers of
            inputs and outputs; then ``hidden_layer_sizes``, ``activation``, ``dropout``, ``normalization``
            and ``embedding`` are not used.
        embedding: columns of ``X``, by index or name, that hold categories: words, in a data frame, or codes
            0, 1, 2... as `sklearn.preprocessing.OrdinalEncoder` makes them; or a dict from them to the sizes
            of the vectors that are learned for each category (`plaingrad.nn.ColumnEmbedding`). Missing ones,
            negative numbers, and what ``fit`` has not seen share one vector of their own.

    Attributes:
        classes_: the labels.
        loss_: the last loss.
        best_loss_: the smallest loss; None with early stopping.
        loss_curve_: the loss of each epoch: the mean over the samples of the losses of their batches, penalty
            included.
        validation_loss_curve_: the loss on the validation data after each epoch, NaN for one of a call
            without such data; None if there never were.
        validation_scores_: the accuracy on them, NaN for an epoch before early stopping was switched on; None
            without early stopping.
        best_validation_score_: the largest of these.
        t_: samples visited.
        n_iter_: epochs of the last call.
        coefs_: the weights of each linear layer, ``(n_inputs, n_outputs)``.
        intercepts_: the biases of each linear layer.
        n_features_in_: columns of ``X``.
        feature_names_in_: their names, if they have.
        n_layers_: layers, inputs and outputs included.
        n_outputs_: outputs of the network: 1 for two classes.
        out_activation_: "softmax", or "logistic" for two classes or several labels at once.
        module_: the trained network; ``modules_`` has all of them.
        histories_: a `plaingrad.train.History` of the last call for each network.

    Raises:
        ValueError: a parameter is out of range.

    Source: D. Rumelhart, G. Hinton, R. Williams, "Learning representations by back-propagating errors", 1986.
    """

    _class = "MLPClassifier"
    _numeric_targets = False
    _stratifies = True
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseMultilayerPerceptron._parameter_constraints,
        "class_weight": [StrOptions({"balanced"}), dict, list, None],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
    }

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
        activation: str = "relu",
        *,
        solver: str | Callable[..., Optimizer] = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str | Callable[[Optimizer], Schedule] = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: int | np.random.RandomState | None = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        class_weight: dict[Any, float] | list[dict[Any, float]] | str | None = None,
        label_smoothing: float = 0.0,
        dropout: float = 0.0,
        normalization: str | None = None,
        clip_norm: float | None = None,
        callbacks: Sequence[Callback] | None = None,
        max_time: float | None = None,
        dtype: str = "auto",
        engine: str = "auto",
        n_models: int = 1,
        module: Module | Callable[[int, int], Module] | None = None,
        embedding: Sequence[Any] | dict[Any, int] | None = None,
    ) -> None:
        self._keep(locals())

    @available_if(lambda estimator: estimator._check_solver())
    @all_or_nothing
    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> MLPClassifier:
        """Train for one epoch, going on from the last call.

        Args:
            X: shape ``(n_samples, n_features)``.
            y: labels, shape ``(n_samples,)`` or ``(n_samples, n_outputs)``.
            sample_weight: shape ``(n_samples,)``.
            classes: all labels that will ever occur; needed in the first call.

        Returns:
            The estimator itself.
        """
        if _check_partial_fit_first_call(self, classes):
            self._binarizer = LabelBinarizer()
            self._binarizer.fit(y if type_of_target(y).startswith("multilabel") else classes)
        return self._fit(X, y, sample_weight, None, incremental=True)

    # What the targets are

    def _encoded(self, y: Any, incremental: bool) -> np.ndarray:
        """Rows of zeros and ones for the labels, after noting which labels there are."""
        known = hasattr(self, "classes_")
        if not known or not (self.warm_start or incremental):
            self._binarizer = LabelBinarizer()
            plain = y.ndim == 1 and y.dtype.kind in "biuU"
            self._binarizer.fit(np.unique(y) if plain else y)
            self.classes_ = self._binarizer.classes_
        else:
            self._expect_known(unique_labels(y), incremental)
        multiclass = self._binarizer.y_type_ == "multiclass"
        encoded = one_hot(self.classes_, y) if multiclass else self._binarizer.transform(y)
        self.n_outputs_ = encoded.shape[1]
        self.out_activation_ = "softmax" if multiclass else "logistic"
        return encoded

    def _expect_known(self, classes: np.ndarray, incremental: bool) -> None:
        if self.warm_start and not incremental and set(classes) != set(self.classes_):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
                f"Previously got {self.classes_}, `y` has {classes}"
            )
        if len(np.setdiff1d(classes, self.classes_, assume_unique=True)):
            raise ValueError(
                f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. "
                f"'y' has {classes}."
            )

    def _class_weighted(self, weights: np.ndarray | None, y: Any, incremental: bool) -> np.ndarray | None:
        """The weights of the samples, times those of their classes."""
        self._class_weights = None
        if self.class_weight is None:
            return weights
        if incremental and self.class_weight == "balanced":
            raise ValueError(
                "class_weight 'balanced' is not supported for partial_fit, which has not seen all samples; "
                "pass the weights as a dict"
            )
        if self.out_activation_ == "softmax" or self.n_outputs_ == 1:
            y = column_or_1d(y)
            self._class_weights = compute_class_weight(self.class_weight, classes=self.classes_, y=y)
        if self._class_weights is None:
            own = compute_sample_weight(self.class_weight, y)
        else:
            own = self._class_weights[np.searchsorted(self.classes_, y)]
        return own if weights is None else weights * own

    def _objective(self, part: Part) -> Objective:
        return classification(self.n_outputs_, self.out_activation_ == "softmax", self.label_smoothing)

    def _targets(self, encoded: np.ndarray, dtype: torch.dtype) -> Tensor:
        if self.out_activation_ == "softmax":
            return torch.from_numpy(encoded.argmax(1))
        return smoothed(torch.from_numpy(encoded).to(dtype), self.label_smoothing)

    def _score(self, predicted: np.ndarray, held_out: Part) -> float:
        """The accuracy; of several labels at once, all have to be right."""
        if self.out_activation_ == "softmax":
            hits = predicted.argmax(1) == held_out.encoded.argmax(1)
        else:
            hits = ((predicted > 0.5) == held_out.encoded).all(1)
        return float(np.average(hits, weights=held_out.weights))

    # What is predicted

    def predict(self, X: Any) -> np.ndarray:
        """The labels, shape ``(n_samples,)`` or ``(n_samples, n_outputs)``."""
        found = self._outputs(X)
        if self.out_activation_ == "softmax":
            return self.classes_[found.argmax(1)]
        if self.n_outputs_ == 1:
            return self.classes_[np.minimum(found.ravel() > 0.5, len(self.classes_) - 1)]
        return self._binarizer.inverse_transform(found)

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each class, in the order of ``classes_``, shape ``(n_samples, n_classes)``."""
        found = self._outputs(X)
        if self.n_outputs_ == 1:
            found = np.hstack([1 - found, found])
        if self._class_weights is None:
            return found
        # Training has seen the classes as often as their weights say.
        weights = self._class_weights.astype(found.dtype)
        found = np.where(weights > 0, found, 0.0) / np.where(weights > 0, weights, 1.0)
        return found / found.sum(1, keepdims=True)

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """The logarithms of `predict_proba`."""
        found = self.predict_proba(X)
        return np.log(found, out=found)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def one_hot(classes: np.ndarray, y: np.ndarray) -> np.ndarray:
    """What a `LabelBinarizer` makes of labels that are known to be among the classes, in less time."""
    found = np.zeros((len(y), len(classes)), dtype=np.int64)
    found[np.arange(len(y)), np.searchsorted(classes, y)] = 1
    return found
