"""The fitted state as metadata of a model file, and back: a file's content is checked before it is used."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields as dataclass_fields
from typing import Any

import numpy as np
import torch
from sklearn.base import is_classifier
from sklearn.preprocessing import LabelBinarizer

from plaingrad import interop, nn
from plaingrad.errors import InputError
from plaingrad.estimators.codes import NO_CODES, Codes, column_index, embedded_columns, usual_size
from plaingrad.estimators.levels import Levels
from plaingrad.estimators.networks import expect_outputs, linear_layers, perceptron_for
from plaingrad.estimators.parameters import Parameters, hidden_sizes, shape
from plaingrad.estimators.prediction import predictor_for
from plaingrad.estimators.state import FittedState, Record
from plaingrad.estimators.targets import ClassTargets, NumberTargets, Targets
from plaingrad.estimators.values import (
    is_missing,
    labels_from_json,
    labels_to_json,
    levels_from_json,
    levels_to_json,
    number_from_json,
    to_json,
)
from plaingrad.module import Module
from plaingrad.saving.schema import HISTORY
from plaingrad.saving.state import Fields, is_number
from plaingrad.train import History

MOST_FEATURES = 10**7
CURVES = ("loss_curve", "validation_loss_curve", "validation_scores")
BESTS = ("best_loss", "best_validation_score")
COUNTS = ("n_iter", "t", "no_improvement")


def state_to_metadata(state: FittedState) -> dict[str, Any]:
    """The state without the networks, which are saved beside it, and their best weights, which they have.

    Raises:
        ValueError: labels or levels are neither numbers nor strings.
    """
    targets, names, histories = state.targets, state.feature_names, state.histories
    classes = weights = None
    if isinstance(targets, ClassTargets):
        classes, weights = labels_to_json(targets.classes), targets.class_weights
    return {
        "features": state.n_features,
        "feature_names": None if names is None else names.tolist(),
        "columns": targets.columns[0] if targets.columns else 0,
        "link": targets.link,
        "classes": classes,
        "class_weights": None if weights is None else weights.tolist(),
        "levels": levels_to_json(state.levels),
        "loss": to_json(state.loss),
        "epochs": state.n_iter,
        "samples": state.t,
        "records": [
            {name: to_json(getattr(each, name)) for name in (*CURVES, *BESTS, *COUNTS)}
            for each in state.records
        ],
        "histories": None if histories is None else [each.to_dict() for each in histories],
    }


def state_from_metadata(estimator: Any, modules: list[Module], metadata: Fields) -> FittedState:
    """The state that `state_to_metadata` made this metadata of.

    Args:
        estimator: has the parameters.
        modules: its networks.
        metadata: as read.

    Raises:
        ValueError: the metadata contradicts itself, the parameters or the networks.
    """
    count, names, levels = _columns(metadata)
    targets = _targets(estimator, metadata)
    codes = _codes(estimator, modules, count, targets, names, levels)
    state = FittedState(
        n_features=count,
        feature_names=names,
        levels=levels,
        codes=codes,
        targets=targets,
        shape=shape(estimator),
        modules=modules,
        records=_records(metadata, modules),
        histories=_histories(metadata, modules, estimator.solver),
        loss=number_from_json(metadata, "loss"),
        n_iter=metadata.count("epochs"),
        t=metadata.count("samples"),
    )
    state.predictor = predictor_for(estimator, modules, targets.link, codes)
    return state


def _columns(metadata: Fields) -> tuple[int, np.ndarray | None, Levels]:
    """The number of the columns of ``X``, their names and levels."""
    count = metadata.count("features")
    if not 1 <= count <= MOST_FEATURES:
        raise InputError(f"facts: expected 'features' from 1 to {MOST_FEATURES:,}, got {count!r:.40}")
    names: list[str] | None = None
    if metadata.value("feature_names") is not None:
        names = metadata.texts("feature_names")
        if len(names) != count:
            raise InputError(f"facts: expected 'feature_names' to be {count}, got {len(names)}")
    levels = levels_from_json(metadata.inside("levels"))
    for name in levels.columns:
        if name not in (names or ()):
            raise InputError(f"facts: levels: expected names among 'feature_names', got {name!r:.40}")
    return count, None if names is None else np.array(names, dtype=object), levels


def _targets(estimator: Any, metadata: Fields) -> Targets:
    count, link = metadata.count("columns"), metadata.text("link")
    columns = (count,) if count else ()
    targets: Targets
    if is_classifier(estimator):
        classes = labels_from_json(metadata.inside("classes"))
        if count and classes.tolist() != list(range(min(count, len(classes) + 1))):
            raise InputError(f"facts: classes: expected 0, 1... for {count} columns, got {classes!r:.60}")
        # In several columns, 0 and 1 stand for a label each.
        binarizer = LabelBinarizer().fit(np.array([[0] * count, [1] * count]) if count else classes)
        weights = _class_weights(metadata, 0 if count else len(classes))
        targets = ClassTargets(columns, classes, binarizer, estimator.label_smoothing, weights)
        links: tuple[str, ...] = (targets.link,)
        if targets.n_outputs > MOST_FEATURES:
            raise InputError(f"facts: expected at most {MOST_FEATURES:,} outputs, got more")
    else:
        targets, links = NumberTargets(columns, link, estimator.loss, estimator.quantile), ("identity", "exp")
    if link not in links:
        raise InputError(f"facts: expected 'link' to be {' or '.join(links)}, got {link!r:.40}")
    return targets


def _class_weights(metadata: Fields, classes: int) -> np.ndarray | None:
    if metadata.value("class_weights") is None:
        return None
    weights = metadata.items("class_weights")
    if (
        not all(is_number(each) and each >= 0 for each in weights)
        or len(weights) != classes
        or not any(weights)
    ):
        raise InputError(f"facts: expected 'class_weights' for {classes} classes, got {weights!r:.60}")
    return np.array(weights, dtype=np.float64)


def _codes(
    parameters: Parameters,
    modules: Sequence[Module],
    features: int,
    targets: Targets,
    names: Any,
    levels: Levels,
) -> Codes:
    """The codes of networks that are those which the parameters ask for."""
    expect_outputs(modules, features, targets.n_outputs)
    codes, expected = NO_CODES, _architecture(modules[0])
    if parameters.module is None:
        _expect_sizes(parameters)
        codes = _embedded_codes(parameters, modules[0], features, names, levels)
        sizes = [*hidden_sizes(parameters), targets.n_outputs]
        got = [layer.out_features for layer in linear_layers(modules[0].modules())]
        if got != sizes:
            raise InputError(f"expected a network with layers of {sizes!r:.60}, got {got!r:.60}")
        dtype = modules[0].parameters()[0].value.dtype
        with torch.device("meta"):  # without numbers
            first = nn.ColumnEmbedding(features, codes.tables, dtype=dtype) if codes.tables else None
            perceptron = perceptron_for(parameters, features, targets.n_outputs, first, dtype)
        expected = _architecture(perceptron)
    if not all(_architecture(each) == expected for each in modules):
        raise InputError("expected networks as the parameters describe them, got others")
    return codes


def _expect_sizes(parameters: Parameters) -> None:
    sizes = parameters.hidden_layer_sizes
    if not all(isinstance(each, int) for each in (sizes if isinstance(sizes, list | tuple) else [sizes])):
        expected = "expected sizes and columns as 'hidden_layer_sizes' and 'embedding'"
        got = f"{sizes!r:.60} and {parameters.embedding!r:.60}"
        raise InputError(f"facts: parameters: {expected}, got {got}")


def _architecture(network: Module) -> dict[str, Any]:
    """The description of a network, whatever of it is frozen."""
    return {key: value for key, value in interop.describe(network).items() if key != "frozen"}


def _embedded_codes(
    parameters: Parameters, network: Module, features: int, names: Any, levels: Levels
) -> Codes:
    """The columns of codes of a network, which have to be those of ``embedding`` and the levels."""
    layers = [each for each in network.modules() if isinstance(each, nn.ColumnEmbedding)]
    tables = {
        column: (table.num_embeddings, table.embedding_dim)
        for layer in layers
        for column, table in layer.columns.items()
    }
    columns = embedded_columns(parameters.embedding or (), features, names)
    expected = {
        column: columns[column][1] or (usual_size(tables[column][0] - 1) if column in tables else 0)
        for column in sorted(columns)
    }
    got = {column: size for column, (_, size) in tables.items()}
    if got != expected:
        raise InputError(f"expected an embedding of columns and sizes {expected!r:.60}, got {got!r:.60}")
    for name, values in levels.by_column().items():
        vectors = max(1, sum(not is_missing(each) for each in values)) + 1
        rows = tables.get(column_index(name, features, names), (0, 0))[0]
        if rows != vectors:
            raise InputError(f"expected {vectors} vectors for the levels of {name!r:.40}, got {rows}")
    return Codes(tables)


def _records(metadata: Fields, modules: Sequence[Module]) -> list[Record]:
    records = [_record(Fields(each, "facts: records")) for each in _one_each(metadata, "records", modules)]
    for record, module in zip(records, modules):
        if record.validation_scores is not None:
            record.best_weights = {name: value.clone() for name, value in module.state_dict().items()}
    return records


def _histories(metadata: Fields, modules: Sequence[Module], solver: Any) -> list[History] | None:
    if metadata.value("histories") is not None:
        return [_history(each) for each in _one_each(metadata, "histories", modules)]
    if solver != "lbfgs":
        raise InputError(f"facts: expected 'histories' for the solver {solver!r}, got none")
    return None


def _one_each(metadata: Fields, name: str, modules: Sequence[Module]) -> list[Any]:
    items = metadata.items(name)
    if len(items) != len(modules):
        raise InputError(f"facts: expected {len(modules)} {name}, one for each network, got {len(items)}")
    return items


def _record(fields: Fields) -> Record:
    fields.expect_only(*(each.name for each in dataclass_fields(Record) if each.name != "best_weights"))
    values: dict[str, Any] = {name: fields.count(name) for name in COUNTS}
    for name in BESTS:
        values[name] = None if fields.value(name) is None else number_from_json(fields, name)
    for name in CURVES:
        if name == "loss_curve" or fields.value(name) is not None:
            curve = fields.items(name)
            values[name] = [number_from_json(Fields({name: each}, fields.path), name) for each in curve]
            if len(curve) != len(values["loss_curve"]):
                raise InputError(
                    f"{fields.path}: expected {name!r} as long as 'loss_curve', got {len(curve)}"
                )
    if values["best_loss"] is None and "validation_scores" not in values:
        raise InputError(f"{fields.path}: expected 'best_loss' or 'validation_scores', got neither")
    return Record(**values)


def _history(data: Any) -> History:
    HISTORY(Fields({"history": data}, "facts"), "history")
    Fields(data, "facts: history").expect_only(*(each.name for each in dataclass_fields(History)))
    epochs = {
        name: [math.nan if value is None else value for value in column]
        for name, column in data["epochs"].items()
    }
    return History(**{**data, "epochs": epochs})
