"""One network of a table model by itself, with rows of the table as it sees them."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any, NamedTuple

import narwhals as nw
import numpy as np
import torch

from plaingrad import nn
from plaingrad.data import Dataset
from plaingrad.errors import InputError
from plaingrad.module import Module
from plaingrad.nn import Loss

if TYPE_CHECKING:
    from plaingrad.tables.model.model import TableModel


class Opened(NamedTuple):
    """A network of a table model, and what it takes to train it further, step by step if one likes.

    Attributes:
        network: a copy, from encoded rows to scores of classes or to a standardised number.
        data: the encoded rows and the encoded target, with the names of the features and of the classes.
        loss: cross-entropy, with the weights of the classes if there were any; or the mean squared error.
    """

    network: Module
    data: Dataset
    loss: Loss


def opened(model: TableModel, frame: Any, member: int = 0) -> Opened:
    """Open a table model, as `TableModel.opened` describes."""
    if not 0 <= member < len(model.members):
        raise InputError(f"member: expected one of {len(model.members)} networks, from 0 on, got {member}")
    target, rows = model.target, nw.from_native(frame, eager_only=True)
    if target.name not in rows.columns:
        raise InputError(f"expected the target {target.name!r} among the columns, got {rows.columns}")
    present = target.present(rows.get_column(target.name).to_native())
    rows = rows.filter(present.tolist())
    values = target.encode(rows.get_column(target.name).to_native())
    inputs = torch.from_numpy(model.encoder.transform(rows.drop(target.name).to_native()))
    network = deepcopy(model.members[member])
    inputs = inputs.to(network.parameters()[0].value.dtype)
    names = list(map(str, model.encoder.get_feature_names_out()))
    if model.link == "identity":
        return Opened(network, Dataset(inputs, torch.from_numpy(values).to(inputs), names), nn.MSELoss())
    if model.link == "exp" or (model.link == "logistic" and len(model.classes) > 2):
        kind = "counts" if model.link == "exp" else "ordered classes"
        raise InputError(f"expected a model of classes without an order, or of numbers, got one of {kind}")
    positions = np.searchsorted(model.classes, values)
    if not np.isin(values, model.classes).all():
        code = values[~np.isin(values, model.classes)][0]
        raise InputError(f"expected classes that were trained, got {target.class_names[code]!r}")
    if model.link == "logistic":
        network = _with_two_outputs(network)
    weights = None if model.weights is None else torch.from_numpy(model.weights).to(inputs)
    classes = [target.class_names[code] for code in model.classes]
    data = Dataset(inputs, torch.from_numpy(positions), names, classes)
    return Opened(network, data, nn.CrossEntropyLoss(weights))


def _with_two_outputs(network: Module) -> Module:
    r"""The network with a score for each of two classes in place of one logit.

    The scores are :math:`-z/2` and :math:`z/2`, of which the softmax is what the sigmoid of :math:`z` is.
    """
    if not isinstance(network, nn.Sequential) or not isinstance(network[-1], nn.Linear):
        raise InputError(f"expected a Sequential that ends with a Linear, got {network!r:.60}")
    last = network[-1]
    with torch.random.fork_rng([]):  # what a new layer draws is overwritten
        both = nn.Linear(last.in_features, 2, last.bias is not None, dtype=last.weight.value.dtype)
    for ours, theirs in zip(both.parameters(), last.parameters(), strict=True):
        ours.value = torch.cat([-theirs.value / 2, theirs.value / 2])
    return nn.Sequential(*list(network)[:-1], both)
