"""`MLPClassifier`: a network that predicts classes."""

from __future__ import annotations

import dataclasses
from dataclasses import KW_ONLY, dataclass
from numbers import Real
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.callback import with_callbacks
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import unique_labels

from plaingrad.errors import InputError
from plaingrad.estimators.base import BaseMultilayerPerceptron
from plaingrad.estimators.private import (
    Interval,
    StrOptions,
    check_partial_fit_first_call,
    fit_context,
)
from plaingrad.estimators.state import all_or_nothing, fitted
from plaingrad.estimators.targets import ClassTargets


@dataclass(eq=False, repr=False)
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
        shuffle: true if each epoch has a new order.
        random_state: of initial weights, orders, dropout and the validation split.
        tol: by how much the loss, or the score with early stopping, has to improve.
        verbose: true to print a line for each epoch.
        warm_start: true if ``fit`` goes on from the networks of the last call. The parameters that shape them
            must be as they were.
        momentum: of "sgd".
        nesterovs_momentum: true if it is Nesterov's.
        early_stopping: true to end when the score on validation data no longer improves, and to keep the
            weights of the best epoch.
        validation_fraction: the part of the data that is held out for that, if ``fit`` is given no ``X_val``.
        beta_1: of "adam" and "adamw".
        beta_2: of "adam" and "adamw".
        epsilon: keeps denominators of the solvers from 0.
        n_iter_no_change: how many epochs in a row may bring no improvement.
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
        checkpoint: a folder in which ``fit`` keeps its state, so that the same call goes on after the program
            was killed, as for `plaingrad.fit`; it needs a ``random_state``. Each fit of other data or
            settings has a folder of its own inside, so that those of a search do not meet; it is removed
            when the fit is complete, and so is ``checkpoint`` if nothing else is in it.
        dtype: of training: "float32", "float64", or "auto" for single precision where batches are smaller
            than the data. Weights and predictions have the dtype of ``X`` in any case.
        engine: as for `plaingrad.fit`: "auto", "eager" or "native"; "auto" also compiles the predictions
            of so many rows that it pays.
        n_models: the number of networks that are trained, side by side, and averaged.
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

    _: KW_ONLY
    class_weight: dict[Any, float] | list[dict[Any, float]] | str | None = None
    label_smoothing: float = 0.0

    _class = "MLPClassifier"
    _numeric_targets = False
    classes_ = fitted("targets.classes")
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseMultilayerPerceptron._parameter_constraints,
        "class_weight": [StrOptions({"balanced"}), dict, list, None],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
    }

    @available_if(lambda estimator: estimator._check_solver())
    @all_or_nothing
    @with_callbacks
    @fit_context(prefer_skip_nested_validation=True)
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
        known = SimpleNamespace(classes_=getattr(self, "classes_", None))
        if known.classes_ is None or not np.array_equal(known.classes_, classes):
            check_partial_fit_first_call(known, classes)
        labels = None if "state_" in vars(self) else unique_labels(known.classes_)
        return self._fit(X, y, sample_weight, None, incremental=True, classes=labels)

    def _new_targets(self, y: np.ndarray, classes: np.ndarray | None) -> ClassTargets:
        return ClassTargets.of(y, classes, self.label_smoothing)

    def _renewed(self, targets: ClassTargets) -> ClassTargets:
        return dataclasses.replace(targets, label_smoothing=self.label_smoothing)

    def _class_weighted(
        self, targets: ClassTargets, weights: np.ndarray | None, y: np.ndarray, incremental: bool
    ) -> tuple[ClassTargets, np.ndarray | None]:
        if incremental and self.class_weight == "balanced":
            raise InputError(
                "class_weight 'balanced' is not supported for partial_fit, which has not seen all samples; "
                "pass the weights as a dict"
            )
        return targets.weighted(self.class_weight, y, weights)

    def _class_targets(self) -> ClassTargets:
        targets: Any = self.state_.targets
        return targets

    def predict(self, X: Any) -> np.ndarray:
        """The labels, shape ``(n_samples,)`` or ``(n_samples, n_outputs)``."""
        outputs = self._outputs(X)
        return self._class_targets().decode(outputs)

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each class, in the order of ``classes_``, shape ``(n_samples, n_classes)``."""
        outputs = self._outputs(X)
        return self._class_targets().probabilities(outputs)

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """The logarithms of `predict_proba`."""
        probabilities = self.predict_proba(X)
        return np.log(probabilities, out=probabilities)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
