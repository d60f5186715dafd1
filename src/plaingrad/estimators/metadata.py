"""The fitted state as metadata of a model file, and back: a file's content is checked before it is used."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
import numpy as np
import torch
from sklearn.base import is_classifier
from sklearn.preprocessing import LabelBinarizer

from plaingrad import interop, nn
from plaingrad.errors import InputError
from plaingrad.estimators.codes import NO_CODES, Codes, column_index, embedded_columns, usual_size
from plaingrad.estimators.levels import Levels
from plaingrad.estimators.networks import expect_outputs, perceptron_for
from plaingrad.estimators.parameters import Parameters, hidden_sizes, shape
from plaingrad.estimators.perceptron import linear_layers
from plaingrad.estimators.prediction import predictor_for
from plaingrad.estimators.schema import MOST_FEATURES, EstimatorMetadata, RecordData
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
from plaingrad.saving.schema import History as HistoryData
from plaingrad.train import History

T = TypeVar("T")


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
            {name: to_json(getattr(each, name)) for name in RecordData.__struct_fields__}
            for each in state.records
        ],
        "histories": None if histories is None else [each.to_dict() for each in histories],
    }


def state_from_metadata(estimator: Any, modules: list[Module], metadata: EstimatorMetadata) -> FittedState:
    """The state that `state_to_metadata` made this metadata of.

    Args:
        estimator: has the parameters.
        modules: its networks.
        metadata: as read.

    Raises:
        ValueError: the metadata contradicts itself, the parameters or the networks.
    """
    count, levels = metadata.features, levels_from_json(metadata.levels)
    names = None if metadata.feature_names is None else np.array(metadata.feature_names, dtype=object)
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
        loss=number_from_json(metadata.loss),
        n_iter=metadata.epochs,
        t=metadata.samples,
    )
    state.predictor = predictor_for(estimator, modules, targets.link, codes)
    return state


def _targets(estimator: Any, metadata: EstimatorMetadata) -> Targets:
    count, link = metadata.columns, metadata.link
    columns = (count,) if count else ()
    targets: Targets
    if is_classifier(estimator):
        if metadata.classes is None:
            raise InputError("facts: expected 'classes' for a classifier, got none")
        classes = labels_from_json(metadata.classes)
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


def _class_weights(metadata: EstimatorMetadata, classes: int) -> np.ndarray | None:
    weights = metadata.class_weights
    if weights is None:
        return None
    if len(weights) != classes or not any(weights):
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


def _records(metadata: EstimatorMetadata, modules: Sequence[Module]) -> list[Record]:
    records = [_record(each) for each in _one_each(metadata.records, "records", modules)]
    for record, module in zip(records, modules):
        if record.validation_scores is not None:
            record.keep_weights(module)
    return records


def _record(data: RecordData) -> Record:
    return Record(
        loss_curve=[number_from_json(each) for each in data.loss_curve],
        validation_loss_curve=_curve(data.validation_loss_curve),
        validation_scores=_curve(data.validation_scores),
        best_loss=None if data.best_loss is None else number_from_json(data.best_loss),
        best_validation_score=(
            None if data.best_validation_score is None else number_from_json(data.best_validation_score)
        ),
        n_iter=data.n_iter,
        t=data.t,
        no_improvement=data.no_improvement,
    )


def _curve(values: list[Any] | None) -> list[float] | None:
    return None if values is None else [number_from_json(each) for each in values]


def _histories(metadata: EstimatorMetadata, modules: Sequence[Module], solver: Any) -> list[History] | None:
    if metadata.histories is not None:
        return [_history(each) for each in _one_each(metadata.histories, "histories", modules)]
    if solver != "lbfgs":
        raise InputError(f"facts: expected 'histories' for the solver {solver!r}, got none")
    return None


def _history(data: HistoryData) -> History:
    fields = msgspec.structs.asdict(data)
    epochs = {
        name: [math.nan if value is None else value for value in column]
        for name, column in data.epochs.items()
    }
    return History(**{**fields, "epochs": epochs})


def _one_each(items: list[T], name: str, modules: Sequence[Module]) -> list[T]:
    if len(items) != len(modules):
        raise InputError(f"facts: expected {len(modules)} {name}, one for each network, got {len(items)}")
    return items
