"""Everything that `fit` leaves in an estimator, as one object."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import wraps
from operator import attrgetter
from typing import Any

from torch import Tensor

from plaingrad.estimators.codes import Codes
from plaingrad.estimators.levels import Levels
from plaingrad.estimators.perceptron import linear_layers
from plaingrad.estimators.prediction import Predictor, SharedArrays
from plaingrad.estimators.targets import ClassTargets, NumberTargets, Targets
from plaingrad.module import Module
from plaingrad.nn import Linear
from plaingrad.optim import Optimizer, Schedule
from plaingrad.saving.describe import fields
from plaingrad.train import History


@dataclass
class Record:
    """The training of one network so far, under scikit-learn's names without the ``_``.

    Attributes:
        loss_curve: the loss of each epoch, penalty included.
        validation_loss_curve: the loss on the validation data after each epoch, NaN for one of a call without
            such data; None if there never were.
        validation_scores: the score on them, NaN for an epoch before early stopping; None without.
        best_loss: the smallest of the losses; None with early stopping.
        best_validation_score: the largest of the scores; None without early stopping.
        best_weights: the parameters and buffers at that score; before there is one, the first ones.
        n_iter: epochs of the last call of ``fit``.
        t: samples visited.
        no_improvement: epochs in a row without one.
    """

    loss_curve: list[float] = field(default_factory=list)
    validation_loss_curve: list[float] | None = None
    validation_scores: list[float] | None = None
    best_loss: float | None = None
    best_validation_score: float | None = None
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    n_iter: int = 0
    t: int = 0
    no_improvement: int = 0

    def go_on(self, early_stopping: bool, validated: bool) -> None:
        """Be ready for more epochs, which may be watched in another way than those before."""
        missing = [math.nan] * len(self.loss_curve)
        if validated and self.validation_loss_curve is None:
            self.validation_loss_curve = list(missing)
        if early_stopping and self.validation_scores is None:
            self.validation_scores, self.best_validation_score = missing, -math.inf
            self.best_loss, self.no_improvement, self.best_weights = None, 0, {}
        if not early_stopping and self.best_loss is None:
            self.best_loss, self.no_improvement = min(self.loss_curve, default=math.inf), 0
            self.validation_scores = self.best_validation_score = None

    def keep_weights(self, module: Module) -> None:
        """Keep the parameters and buffers of a network as they are now."""
        self.best_weights = {name: field.value.clone() for name, field in fields(module).items()}


@dataclass(eq=False, repr=False)
class FittedState:
    """The networks, targets and records with which an estimator predicts, trains on and is saved.

    Attributes:
        n_features: columns of ``X``.
        feature_names: their names, an array; None if they have none.
        levels: of its columns of words.
        codes: of its columns of codes.
        targets: the kind of targets.
        shape: the parameters that shape the networks (`plaingrad.estimators.networks.shape`).
        modules: the networks, in evaluation mode between calls.
        records: of the training of each network.
        optimizers: of each network, for ``partial_fit``; none before the first epoch, for "lbfgs" and after
            loading.
        schedules: of each optimizer, or None.
        histories: of the last call for each network; None if only "lbfgs" has been at work.
        loss: the last loss of the first network.
        n_iter: its epochs of the last call.
        t: samples that it visited.
        predictor: predicts with the networks; None until training ends.
    """

    n_features: int
    feature_names: Any
    levels: Levels
    codes: Codes
    targets: Targets
    shape: dict[str, Any]
    modules: list[Module]
    records: list[Record]
    optimizers: list[Optimizer] = field(default_factory=list)
    schedules: list[Schedule | None] = field(default_factory=list)
    histories: list[History] | None = None
    loss: float = math.nan
    n_iter: int = 0
    t: int = 0
    predictor: Predictor | None = None

    def keep(self, begun: Sequence[bool]) -> None:
        """Leave out the networks that an interrupted training has not begun with.

        Raises:
            KeyboardInterrupt: it has begun with none.
        """
        if not any(begun):
            raise KeyboardInterrupt
        for name in ("modules", "records", "optimizers", "schedules", "histories"):
            setattr(self, name, [each for each, kept in zip(getattr(self, name), begun) if kept])

    @property
    def module(self) -> Module:
        """The first network."""
        return self.modules[0]

    @property
    def n_layers(self) -> int:
        """Layers of a network, inputs and outputs included."""
        return len(self._layers()) + 1

    @property
    def coefs(self) -> SharedArrays:
        """The weights of the first network's linear layers, each ``(n_inputs, n_outputs)``."""
        return self._shared("coefs_", [layer.weight.value.T for layer in self._layers()])

    @property
    def intercepts(self) -> SharedArrays:
        """The biases of the first network's linear layers, each ``(n_outputs,)``."""
        biases = [layer.bias.value for layer in self._layers() if layer.bias is not None]
        return self._shared("intercepts_", biases)

    def _shared(self, name: str, values: Sequence[Tensor]) -> SharedArrays:
        if self.predictor is not None:
            self.predictor.exposed = True
        return SharedArrays(name, [value.numpy() for value in values])

    def _layers(self) -> list[Linear]:
        return linear_layers(self.module.modules())

    @property
    def curves(self) -> Record:
        """The record of the first network, if it was trained in epochs."""
        if self.histories is None:
            raise AttributeError("the solver 'lbfgs' leaves no record of epochs")
        return self.records[0]


class fitted:
    """A public attribute of an estimator that stands at this path of its state.

    Before there is a state, what is assigned to it is kept, and can be read and changed; see `assigned`.
    """

    def __init__(self, path: str) -> None:
        self.read = attrgetter(path)

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, estimator: Any, owner: type | None = None) -> Any:
        if estimator is None:
            return self
        if "state_" in vars(estimator):
            return self.read(estimator.state_)
        try:
            return assigned(estimator)[self.name]
        except KeyError:
            raise AttributeError(f"this {type(estimator).__name__} has not been fitted") from None

    def __set__(self, estimator: Any, value: Any) -> None:
        if "state_" in vars(estimator):
            raise AttributeError(f"{self.name} cannot be assigned to a fitted {type(estimator).__name__}")
        vars(estimator)["_assigned"] = {**assigned(estimator), self.name: value}


class fitted_arrays(fitted):
    """Arrays in the memory of a network, which an assignment writes into."""

    def __set__(self, estimator: Any, values: Any) -> None:
        if "state_" in vars(estimator):
            self.read(estimator.state_)[:] = values
        else:
            super().__set__(estimator, list(values))


def assigned(estimator: Any) -> dict[str, Any]:
    """The attributes that were assigned to an estimator without a state, by name."""
    values: dict[str, Any] = vars(estimator).get("_assigned", {})
    return values


def all_or_nothing(method: Callable[..., Any]) -> Callable[..., Any]:
    """Keep an estimator's attributes as they were if a method fails.

    Networks that were there before, and that the method went on training, keep what they learned until then.
    """

    @wraps(method)
    def kept(self: Any, *args: Any, **kwargs: Any) -> Any:
        before = dict(vars(self))
        try:
            return method(self, *args, **kwargs)
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise

    return kept


def state_from_attributes(attributes: dict[str, Any]) -> FittedState:
    """Take the state out of an estimator's attributes, over which pickles written before have it spread.

    Args:
        attributes: of the estimator; those that the state replaces are removed.
    """
    names = {**{name: f"{name}_" for name in ("modules", "loss", "n_iter", "t")}, "shape": "_shaped"}
    names |= {name: f"_{name}" for name in ("levels", "codes", "records", "optimizers", "predictor")}
    values = {name: attributes.pop(old) for name, old in names.items()}
    columns, link = attributes.pop("_columns"), attributes.pop("out_activation_")
    targets: Targets
    if "classes_" in attributes:
        classes, binarizer = attributes.pop("classes_"), attributes.pop("_binarizer")
        weights, smoothing = attributes.pop("_class_weights"), attributes["label_smoothing"]
        targets = ClassTargets(columns, classes, binarizer, smoothing, weights)
    else:
        targets = NumberTargets(columns, link, attributes["loss"], attributes["quantile"])
    schedules, histories = attributes.pop("_schedules", []), attributes.pop("histories_", None)
    for name in ("_random_state", "n_outputs_", "n_layers_", *(f"{name}_" for name in vars(Record()))):
        attributes.pop(name, None)
    count, feature_names = attributes["n_features_in_"], attributes.get("feature_names_in_")
    return FittedState(
        count, feature_names, targets=targets, schedules=schedules, histories=histories, **values
    )
