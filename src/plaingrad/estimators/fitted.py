"""What training has found, beside the networks, from plain data: checked, and given to an estimator."""

from __future__ import annotations

import math
from dataclasses import fields as dataclass_fields
from typing import Any

import numpy as np
import torch

from plaingrad import interop, nn
from plaingrad.estimators.codes import NO_CODES, Codes, asked, position, usual_size
from plaingrad.estimators.continuity import hidden_sizes, shape
from plaingrad.estimators.convergence import Record
from plaingrad.estimators.labels import binarizer, known, labels_from, levels_from
from plaingrad.estimators.networks import expect_outputs, linear_layers, multilayer_perceptron
from plaingrad.estimators.plain import NOT_FINITE, plain
from plaingrad.estimators.training import predictor, set_curves
from plaingrad.module import Module
from plaingrad.saving.schema import HISTORY
from plaingrad.saving.state import Fields, is_number
from plaingrad.train import History

MOST_FEATURES = 10**7
CURVES = ("loss_curve", "validation_loss_curve", "validation_scores")
BESTS = ("best_loss", "best_validation_score")
COUNTS = ("n_iter", "t", "no_improvement")


def set_columns(estimator: Any, facts: Fields) -> None:
    """Set what is known of the columns of ``X``."""
    count = facts.count("features")
    if not 1 <= count <= MOST_FEATURES:
        raise ValueError(f"facts: expected 'features' from 1 to {MOST_FEATURES:,}, got {count!r:.40}")
    estimator.n_features_in_ = count
    names: list[str] = []
    if facts.value("feature_names") is not None:
        names = facts.texts("feature_names")
        if len(names) != count:
            raise ValueError(f"facts: expected 'feature_names' to be {count}, got {len(names)}")
        estimator.feature_names_in_ = np.array(names, dtype=object)
    estimator._levels = levels_from(facts.inside("levels"))
    for name in estimator._levels.columns:
        if name not in names:
            raise ValueError(f"facts: levels: expected names among 'feature_names', got {name!r:.40}")


def set_targets(estimator: Any, facts: Fields) -> None:
    """Set what is known of the targets."""
    columns, link = facts.count("columns"), facts.text("link")
    links: tuple[str, ...] = ("identity", "exp")
    estimator._columns, estimator.n_outputs_ = (columns,) if columns else (), columns or 1
    if estimator._class == "MLPClassifier":
        classes = labels_from(facts.inside("classes"))
        if columns and classes.tolist() != list(range(min(columns, len(classes) + 1))):
            raise ValueError(f"facts: classes: expected 0, 1... for {columns} columns, got {classes!r:.60}")
        multiclass = not columns and len(classes) > 2
        links = ("softmax",) if multiclass else ("logistic",)
        estimator.n_outputs_ = len(classes) if multiclass else columns or 1
        if estimator.n_outputs_ > MOST_FEATURES:
            raise ValueError(f"facts: expected at most {MOST_FEATURES:,} outputs, got more")
        estimator.classes_, estimator._binarizer = classes, binarizer(classes, columns)
        estimator._class_weights = _weights(facts, 0 if columns else len(classes))
    if link not in links:
        raise ValueError(f"facts: expected 'link' to be {' or '.join(links)}, got {link!r:.40}")
    estimator.out_activation_ = link


def _weights(facts: Fields, classes: int) -> np.ndarray | None:
    if facts.value("class_weights") is None:
        return None
    weights = facts.items("class_weights")
    if (
        not all(is_number(each) and each >= 0 for each in weights)
        or len(weights) != classes
        or not any(weights)
    ):
        raise ValueError(f"facts: expected 'class_weights' for {classes} classes, got {weights!r:.60}")
    return np.array(weights, dtype=np.float64)


def set_networks(estimator: Any) -> None:
    """Set what belongs to the networks, which have to be those that the parameters ask for."""
    members, features = estimator.modules_, estimator.n_features_in_
    expect_outputs(members, features, estimator.n_outputs_)
    expected = _architecture(members[0])
    estimator._codes = NO_CODES
    if estimator.module is None:
        estimator._codes = _codes(estimator)
        sizes = [*hidden_sizes(estimator), estimator.n_outputs_]
        got = [layer.out_features for layer in linear_layers(members[0].modules())]
        if got != sizes:
            raise ValueError(f"expected a network with layers of {sizes!r:.60}, got {got!r:.60}")
        expected = _architecture(_network(estimator, features, sizes))
    if not all(_architecture(each) == expected for each in members):
        raise ValueError("expected networks as the parameters describe them, got others")
    estimator._shaped, estimator._optimizers = shape(estimator), []
    estimator.n_layers_ = len(linear_layers(members[0].modules())) + 1


def _architecture(network: Module) -> dict[str, Any]:
    """The description of a network, whatever of it is frozen."""
    return {key: value for key, value in interop.describe(network).items() if key != "frozen"}


def _network(estimator: Any, features: int, sizes: list[int]) -> nn.Sequential:
    """The network that an estimator's parameters ask for, without numbers."""
    tables, dtype = estimator._codes.tables, estimator.modules_[0].parameters()[0].value.dtype
    with torch.device("meta"):
        first = nn.ColumnEmbedding(features, tables, dtype=dtype) if tables else None
        return multilayer_perceptron(
            [features if first is None else first.out_features, *sizes],
            estimator.activation,
            first=first,
            dropout=estimator.dropout,
            normalization=estimator.normalization,
            dtype=dtype,
        )


def _codes(estimator: Any) -> Codes:
    """Which columns hold codes: as the networks have them, and as ``embedding`` and the levels say."""
    layers = [each for each in estimator.modules_[0].modules() if isinstance(each, nn.ColumnEmbedding)]
    tables = {
        column: (table.num_embeddings, table.embedding_dim)
        for layer in layers
        for column, table in layer.columns.items()
    }
    names = getattr(estimator, "feature_names_in_", None)
    given = asked(estimator.embedding or (), estimator.n_features_in_, names)
    places = {column: size for column, (_, size) in given.items()}
    got = {column: size for column, (_, size) in tables.items()}
    wanted = {c: places[c] or usual_size(tables[c][0] - 1) if c in tables else 0 for c in sorted(places)}
    if got != wanted:
        raise ValueError(f"expected an embedding of columns and sizes {wanted!r:.60}, got {got!r:.60}")
    for name, count in known(estimator._levels).items():
        column = position(name, estimator.n_features_in_, names)
        rows = tables.get(column, (0, 0))[0]
        if rows != max(1, count) + 1:
            raise ValueError(
                f"expected {max(1, count) + 1} vectors for the levels of {name!r:.40}, got {rows}"
            )
    return Codes(tables)


def record_to(record: Record) -> dict[str, Any]:
    """A record of training as plain data; the best weights are those of the network."""
    return {name: plain(getattr(record, name)) for name in (*CURVES, *BESTS, *COUNTS)}


def set_training(estimator: Any, facts: Fields) -> None:
    """Set what is known of the training, and make the estimator ready to predict."""
    records, histories = facts.items("records"), facts.value("histories")
    for kind, found in (("records", records), ("histories", histories)):
        if found is not None and len(facts.items(kind)) != len(estimator.modules_):
            expected = f"{len(estimator.modules_)} {kind}, one for each network"
            raise ValueError(f"facts: expected {expected}, got {len(found)}")
    estimator._records = [_record(Fields(each, "facts: records")) for each in records]
    for record, module in zip(estimator._records, estimator.modules_):
        if record.validation_scores is not None:
            record.best_weights = {name: value.clone() for name, value in module.state_dict().items()}
    if histories is None and estimator.solver != "lbfgs":
        raise ValueError(f"facts: expected 'histories' for the solver {estimator.solver!r}, got none")
    if histories is not None:
        estimator.histories_ = [_history(each) for each in histories]
        set_curves(estimator)
    estimator.loss_, estimator.n_iter_ = _number(facts, "loss"), facts.count("epochs")
    estimator.t_ = facts.count("samples")
    estimator._predictor = predictor(estimator)


def _record(fields: Fields) -> Record:
    fields.expect_only(*(each.name for each in dataclass_fields(Record) if each.name != "best_weights"))
    found: dict[str, Any] = {name: fields.count(name) for name in COUNTS}
    found |= {name: None if fields.value(name) is None else _number(fields, name) for name in BESTS}
    for name in CURVES:
        if name == "loss_curve" or fields.value(name) is not None:
            values = fields.items(name)
            found[name] = [_number(Fields({name: each}, fields.place), name) for each in values]
            if len(values) != len(found["loss_curve"]):
                raise ValueError(
                    f"{fields.place}: expected {name!r} as long as 'loss_curve', got {len(values)}"
                )
    if found["best_loss"] is None and "validation_scores" not in found:
        raise ValueError(f"{fields.place}: expected 'best_loss' or 'validation_scores', got neither")
    return Record(**found)


def _number(fields: Fields, name: str) -> float:
    """A number, which may be infinite or NaN as `plain` writes them."""
    value = fields.value(name)
    if isinstance(value, dict) and value.get("float") in NOT_FINITE and len(value) == 1:
        return float(value["float"])
    return fields.number(name)


def _history(data: Any) -> History:
    HISTORY(Fields({"history": data}, "facts"), "history")
    Fields(data, "facts: history").expect_only(*(each.name for each in dataclass_fields(History)))
    epochs = {
        name: [math.nan if value is None else value for value in column]
        for name, column in data["epochs"].items()
    }
    return History(**{**data, "epochs": epochs})
