"""Estimators in model files, as ONNX graphs and as networks of PyTorch."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator

from plaingrad import interop, nn
from plaingrad.errors import InputError
from plaingrad.estimators.metadata import state_from_metadata, state_to_metadata
from plaingrad.estimators.parameters import Parameters, expect_same_shape
from plaingrad.estimators.prediction import averaged
from plaingrad.estimators.schema import EstimatorMetadata
from plaingrad.estimators.state import FittedState
from plaingrad.estimators.targets import ClassTargets
from plaingrad.estimators.values import from_json, levels_to_json, to_json
from plaingrad.module import Module
from plaingrad.saving.schema import decode

KIND = "estimator"
METADATA_KEYS = ("kind", *EstimatorMetadata.__struct_fields__)


@dataclass(frozen=True)
class Architecture:
    """The ``module`` of a loaded estimator: makes the saved network's architecture with new parameters.

    Attributes:
        description: of the network, by `plaingrad.interop.describe`.
    """

    description: Mapping[str, Any]

    def __call__(self, inputs: int, outputs: int) -> Module:
        """A network, whatever the numbers of inputs and outputs, which `fit` compares."""
        return interop.build(self.description)

    def __repr__(self) -> str:
        return f"Architecture({self.description['class']})"


def holds_estimator(file: interop.ModelFile) -> bool:
    """True for a model file of an estimator."""
    return file.facts.get("kind") == KIND


class SaveMixin(Parameters, BaseEstimator):
    """Saving of estimators to one file and loading, and their export to ONNX and PyTorch."""

    _class: str
    state_: FittedState
    n_features_in_: int
    feature_names_in_: np.ndarray

    def _fitted_state(self) -> FittedState:
        """The state, also of attributes that were assigned."""
        raise NotImplementedError

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
        module, metadata = self._contents()
        interop.describe(module)  # refuses classes that `load` would not know
        interop.save(module, path, metadata)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read an estimator that `save` wrote; it predicts the same numbers, and nothing in the file is run.

        Raises:
            ValueError: the file holds no estimator of this class, or one that contradicts itself.
            OSError: the file cannot be read.
        """
        file = interop.read_file(path)
        try:
            return cls._from_file(file)
        except ValueError as error:
            raise InputError(" ".join(str(error).split()), file=os.fspath(path)) from None

    @classmethod
    def _from_file(cls, file: interop.ModelFile) -> Self:
        if not holds_estimator(file):
            other = "a model of a table" if file.facts.get("kind") == "table" else "another network"
            raise InputError(f"expected an {cls._class} that its method save has written, got {other}")
        metadata = decode(EstimatorMetadata, dict(file.facts), "facts")
        if metadata.estimator != cls._class:
            raise InputError(f"expected an {cls._class}, got an {metadata.estimator:.40}")
        estimator = cls(**_arguments(metadata.parameters, cls._get_param_names()))
        estimator._validate_params()
        modules = _members(file.module, estimator.n_models)
        if metadata.own_network:
            estimator.module = Architecture(interop.describe(modules[0]))
        estimator.state_ = state_from_metadata(estimator, modules, metadata)
        estimator.n_features_in_ = estimator.state_.n_features
        if estimator.state_.feature_names is not None:
            estimator.feature_names_in_ = estimator.state_.feature_names
        return estimator

    def _contents(self) -> tuple[Module, dict[str, Any]]:
        state = self._fitted_state()
        expect_same_shape(self, state.shape)
        parameters, lost = _parameters_to_json(self.get_params(deep=False))
        if getattr(self, "_skl_callbacks", None):
            lost.insert(0, "set_callbacks")
        if lost:
            expected = "expected numbers, strings and collections of them, which a file can hold"
            warnings.warn(
                f"{', '.join(lost)}: {expected}; what is loaded has the default instead", stacklevel=3
            )
        metadata = {
            "kind": KIND,
            "estimator": self._class,
            "parameters": parameters,
            "not_kept": lost,
            "own_network": self.module is not None,
            **state_to_metadata(state),
        }
        modules = state.modules
        return modules[0] if len(modules) == 1 else nn.Parallel(*modules), metadata

    def _graph(self) -> interop.Graph:
        """The graph from the columns to predictions, with codes as the networks look them up."""
        state = self._fitted_state()
        targets = state.targets
        network, output = averaged(state.modules, targets.link, targets.n_outputs)
        names = state.feature_names
        if names is None:
            names = [f"x{i}" for i in range(state.n_features)]
        notes: dict[str, Any] = {"features": list(names)}
        if isinstance(targets, ClassTargets):
            notes["classes"] = to_json(targets.classes)
            if targets.class_weights is not None:
                notes["class_weights"] = targets.class_weights.tolist()
        if state.codes.tables:
            notes["embedding"] = {names[column]: rows for column, (rows, _) in state.codes.tables.items()}
            notes["levels"] = levels_to_json(state.levels)
        return interop.Graph(network, output, (state.n_features,), notes)

    def _single(self) -> Module:
        modules = self._fitted_state().modules
        count = len(modules)
        if count > 1:
            raise InputError(
                f"expected an estimator of one network, got {count}; take them from its modules_"
            )
        return modules[0]


def _parameters_to_json(parameters: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The parameters as JSON holds them, and the names of those that it cannot."""
    data, lost = {}, []
    for name, value in parameters.items():
        if name in ("module", "checkpoint"):  # which `own_network` tells, and a folder of this machine
            continue
        try:
            data[name] = {"loss": _described(value)} if isinstance(value, nn.Loss) else to_json(value)
        except (TypeError, ValueError):
            lost.append(name)
    return data, lost


def _described(loss: nn.Loss) -> dict[str, Any]:
    if loss.state_dict():
        raise InputError("its numbers are no part of a description")
    return interop.describe(loss)


def _arguments(parameters: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The constructor's arguments, whose values it is for scikit-learn's validation to judge."""
    arguments = {}
    for name, data in parameters.items():
        if name not in names or name == "module":
            raise InputError(f"facts: parameters: unknown field {name!r:.40}")
        if name == "loss" and isinstance(data, dict):
            arguments[name] = interop.build(data.get("loss"))
        else:
            arguments[name] = from_json(data, f"facts: parameters: {name}")
    if arguments.get("callbacks"):
        got = f"{arguments['callbacks']!r:.60}"
        raise InputError(f"facts: parameters: callbacks: expected none in a file, got {got}")
    return arguments


def _members(module: Module, count: int) -> list[Module]:
    members = [module] if count == 1 else list(module) if isinstance(module, nn.Parallel) else []
    if len(members) != count:
        raise InputError(f"expected {count} networks, as n_models says, got {len(members) or 1}")
    return members
