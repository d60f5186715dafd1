"""Trained estimators in one file: what is written of them, and how they are made of what is read."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from sklearn.utils.validation import check_is_fitted

from plaingrad import interop, nn
from plaingrad.estimators import fitted
from plaingrad.estimators.continuity import expect_same_networks
from plaingrad.estimators.graph import averaged
from plaingrad.estimators.labels import labels_to, levels_to
from plaingrad.estimators.plain import plain, restored
from plaingrad.module import Module
from plaingrad.saving.state import Fields

KIND = "estimator"
FACTS = (  # under these names
    "kind",
    "estimator",
    "parameters",
    "not_kept",
    "own_network",
    "features",
    "feature_names",
    "columns",
    "link",
    "classes",
    "class_weights",
    "levels",
    "loss",
    "epochs",
    "samples",
    "records",
    "histories",
)


@dataclass(frozen=True)
class Architecture:
    """What a loaded estimator has as ``module``: makes the saved network's architecture with new parameters.

    Attributes:
        description: what `plaingrad.interop.describe` gives of the network.
    """

    description: Mapping[str, Any]

    def __call__(self, inputs: int, outputs: int) -> Module:
        """A network, whatever the numbers of inputs and outputs, which `fit` compares."""
        return interop.build(self.description)

    def __repr__(self) -> str:
        return f"Architecture({self.description['class']})"


def contents(estimator: Any, stacklevel: int) -> tuple[Module, dict[str, Any]]:
    """An estimator's networks as one, and the facts of which it can be made again.

    Args:
        estimator: what is to be saved.
        stacklevel: of the warning about what is left out.

    Raises:
        NotFittedError: it has not been fitted.
        ValueError: parameters have been changed since that shape the networks, or its labels or levels are
            neither numbers nor strings.
    """
    check_is_fitted(estimator)
    expect_same_networks(estimator)
    parameters, lost = _parameters(estimator)
    if lost:
        told = f"{', '.join(lost)}: expected numbers, strings and collections of them, which a file can hold"
        warnings.warn(f"{told}; what is loaded has the default instead", stacklevel=stacklevel)
    classes, weights = getattr(estimator, "classes_", None), getattr(estimator, "_class_weights", None)
    names, histories = getattr(estimator, "feature_names_in_", None), getattr(estimator, "histories_", None)
    members = estimator.modules_
    facts = {
        "kind": KIND,
        "estimator": estimator._class,
        "parameters": parameters,
        "not_kept": lost,
        "own_network": estimator.module is not None,
        "features": estimator.n_features_in_,
        "feature_names": None if names is None else names.tolist(),
        "columns": estimator._columns[0] if estimator._columns else 0,
        "link": estimator.out_activation_,
        "classes": None if classes is None else labels_to(classes),
        "class_weights": None if weights is None else weights.tolist(),
        "levels": levels_to(estimator._levels),
        "loss": plain(estimator.loss_),
        "epochs": estimator.n_iter_,
        "samples": estimator.t_,
        "records": [fitted.record_to(each) for each in estimator._records],
        "histories": None if histories is None else [each.to_dict() for each in histories],
    }
    return members[0] if len(members) == 1 else nn.Parallel(*members), facts


def _parameters(estimator: Any) -> tuple[dict[str, Any], list[str]]:
    """The constructor's parameters as plain data, and the names of those that are none."""
    found, lost = {}, ["set_callbacks"] if getattr(estimator, "_skl_callbacks", None) else []
    for name, value in estimator.get_params(deep=False).items():
        if name == "module":  # `own_network` tells
            continue
        try:
            found[name] = {"loss": _described(value)} if isinstance(value, nn.Loss) else plain(value)
        except (TypeError, ValueError):
            lost.append(name)
    return found, lost


def _described(loss: nn.Loss) -> dict[str, Any]:
    if loss.state_dict():
        raise ValueError("its numbers are no part of a description")
    return interop.describe(loss)


def holds_estimator(file: interop.ModelFile) -> bool:
    """Whether a model file is one of an estimator."""
    return file.facts.get("kind") == KIND


def estimator_from(cls: Any, file: interop.ModelFile) -> Any:
    """The estimator of this class that a file holds.

    Raises:
        ValueError: it holds none, or one that contradicts itself.
    """
    if not holds_estimator(file):
        other = "a model of a table" if file.facts.get("kind") == "table" else "another network"
        raise ValueError(f"expected an {cls._class} that its method save has written, got {other}")
    facts = Fields(file.facts, "facts")
    if facts.text("estimator") != cls._class:
        raise ValueError(f"expected an {cls._class}, got an {facts.text('estimator')!s:.40}")
    estimator = cls(**_arguments(cls, facts.inside("parameters")))
    estimator._validate_params()
    facts.texts("not_kept")  # for people
    own = facts.truth("own_network")
    estimator.modules_ = _members(file.module, estimator.n_models)
    if own:
        estimator.module = Architecture(interop.describe(estimator.modules_[0]))
    fitted.set_columns(estimator, facts)
    fitted.set_targets(estimator, facts)
    try:
        fitted.set_networks(estimator)
    except TypeError:  # such values cannot be compared, or are no keys
        got = f"{estimator.hidden_layer_sizes!r:.60} and {estimator.embedding!r:.60}"
        told = "expected sizes and columns as 'hidden_layer_sizes' and 'embedding'"
        raise ValueError(f"facts: parameters: {told}, got {got}") from None
    fitted.set_training(estimator, facts)
    return estimator


def _arguments(cls: Any, given: Fields) -> dict[str, Any]:
    """The constructor's arguments, of which `_validate_params` will judge the values."""
    given.expect_only(*(name for name in cls._get_param_names() if name != "module"))
    found = {}
    for name, data in given.data.items():
        if name == "loss" and isinstance(data, dict):
            found[name] = interop.build(given.inside("loss").value("loss"))
        else:
            found[name] = restored(data, f"{given.place}: {name}")
    if found.get("callbacks"):
        raise ValueError(f"{given.place}: callbacks: expected none in a file, got {found['callbacks']!r:.60}")
    return found


def _members(module: Module, count: int) -> list[Module]:
    members = [module] if count == 1 else list(module) if isinstance(module, nn.Parallel) else []
    if len(members) != count:
        raise ValueError(f"expected {count} networks, as n_models says, got {len(members) or 1}")
    return members


class SaveMixin:
    """Lets an estimator travel: to one file and back, to ONNX and to PyTorch."""

    _class: str
    modules_: list[Module]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the trained estimator to one safetensors file, for `load`.

        Kept are the networks, the parameters, the labels, the columns' names and categories, and the curves
        of the training. Of a ``module`` the architecture is kept, for training anew. What is no plain data
        (callbacks, functions, a random state) is left out with a warning, and what is loaded has the
        parameter's default; so is the state of the optimizer.

        Args:
            path: the file, by custom ``*.safetensors``; its folder must exist.

        Raises:
            NotFittedError: it has not been fitted.
            ValueError: a network has a module that is none of `plaingrad.nn`; labels or categories are
                neither numbers nor strings; or parameters that shape the networks were changed after ``fit``.
        """
        module, facts = contents(self, 3)
        interop.save(module, path, facts)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read an estimator that `save` wrote; it predicts the same numbers, and nothing in the file is run.

        Raises:
            ValueError: the file holds no estimator of this class, or one that contradicts itself.
            OSError: the file cannot be read.
        """
        file = interop.load(path)
        try:
            found: Self = estimator_from(cls, file)
        except ValueError as error:
            raise ValueError(f"{os.fspath(path)}: {' '.join(str(error).split())}") from None
        return found

    def _contents(self) -> tuple[Module, dict[str, Any]]:
        return contents(self, 4)

    def _graph(self) -> interop.Graph:
        return graph(self)

    def _single(self) -> Module:
        check_is_fitted(self)
        if len(self.modules_) > 1:
            count = len(self.modules_)
            raise ValueError(
                f"expected an estimator of one network, got {count}; take them from its modules_"
            )
        return self.modules_[0]


def graph(estimator: Any) -> interop.Graph:
    """What an estimator predicts with: from the columns, those of embeddings as the networks look them up."""
    check_is_fitted(estimator)
    network, output = averaged(estimator.modules_, estimator.out_activation_, estimator.n_outputs_)
    count = estimator.n_features_in_
    names = getattr(estimator, "feature_names_in_", [f"x{i}" for i in range(count)])
    notes: dict[str, Any] = {"features": list(names)}
    if hasattr(estimator, "classes_"):
        notes["classes"] = plain(estimator.classes_)
        if estimator._class_weights is not None:
            notes["class_weights"] = estimator._class_weights.tolist()
    if estimator._codes.tables:
        notes["embedding"] = {names[column]: rows for column, (rows, _) in estimator._codes.tables.items()}
        notes["levels"] = levels_to(estimator._levels)
    return interop.Graph(network, output, (count,), notes)
