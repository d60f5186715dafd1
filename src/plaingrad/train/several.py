"""Several outputs of a network, each with a loss."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from plaingrad.contract.nest import brief
from plaingrad.data import Dataset
from plaingrad.data.checks import one_line
from plaingrad.errors import InputError
from plaingrad.module import Module, ModuleError
from plaingrad.nn import Graph, Loss, ModuleList
from plaingrad.train.checks import expect_loss
from plaingrad.train.weighting import Weighted, counts_for_something, of_prediction


class Losses(Loss):
    r"""The weighted sum of the losses of several outputs.

    .. math::
        \ell = \sum_i w_i\, \ell_i(y_i, t_i), \qquad
        \frac{\partial \ell}{\partial y_i} = w_i \frac{\partial \ell_i}{\partial y_i}

    The sum leaves out a loss for which nothing in the batch counts, as all its targets are ignored.

    Args:
        losses: one for each of these outputs.
        weights: the weight of each.
        names: the name of each, under which it is recorded.
        positions: the index of each among the network's outputs.
        count: the number of the network's outputs. Those without a loss have no gradient.

    Attributes:
        values: each loss of the latest batch, None where nothing counted.

    Raises:
        ModuleError: the outputs are not a tuple of that many.
    """

    def __init__(
        self,
        losses: Sequence[Loss | Weighted],
        weights: Sequence[int | float],
        names: Sequence[str],
        positions: Sequence[int],
        count: int,
    ) -> None:
        super().__init__()
        self.losses = ModuleList(losses)
        self.weights, self.names, self.positions = tuple(weights), tuple(names), tuple(positions)
        self.count = count
        self.values: list[float | None] = []

    def forward(self, prediction: Any, target: tuple[Any, ...]) -> Tensor:
        """The sum for the network's outputs, and for the targets of each loss."""
        chosen = self.chosen(prediction)
        total, values = chosen[0].new_zeros(()), list[float | None]()
        for loss, weight, y, t in zip(self.parts, self.weights, chosen, target):
            value = loss.forward(y, t)
            counts = counts_for_something(loss, value.item(), y, t)
            values.append(value.item() if counts else None)
            total = total + weight * value if counts else total
        vars(self)["values"] = values  # past __setattr__, which would examine the fields
        self.save([value is not None for value in values], total)
        return total

    def backward(self) -> Any:
        """The gradients with respect to the network's outputs, in a tuple, as the only entry of one."""
        counts = self.restore(None)
        gradients: list[Tensor | None] = [None] * self.count
        for i in reversed(range(len(self.positions))):  # for one loss may stand in several positions
            dy = of_prediction(self.parts[i].backward())
            if counts[i]:
                gradients[self.positions[i]] = self.weights[i] * dy
        return (tuple(gradients),)

    def shares(self, prediction: Any, target: Any) -> Tensor:
        """The divisor of each loss's mean."""
        triples = zip(self.parts, self.chosen(prediction), target)
        return torch.stack([loss.shares(y, t).sum(dtype=torch.float64) for loss, y, t in triples])

    def chosen(self, prediction: Any) -> list[Tensor]:
        """The outputs that have a loss."""
        outputs = (prediction,) if isinstance(prediction, Tensor) and self.count == 1 else prediction
        if not isinstance(outputs, tuple) or len(outputs) != self.count:
            got = f"{len(outputs)}" if isinstance(outputs, tuple) else brief(outputs)
            raise ModuleError(self, f"expected {self.count} outputs, in a tuple, got {got}")
        return [outputs[position] for position in self.positions]

    @property
    def parts(self) -> list[Any]:
        """The losses."""
        return list(self.losses)

    def weighted(self) -> Losses:
        """The same for pairs of target and sample weights."""
        losses = [Weighted(loss) for loss in self.parts]
        return Losses(losses, self.weights, self.names, self.positions, self.count)

    def total(self, means: Sequence[float], counts: Sequence[float]) -> float:
        """The weighted sum of these losses, but for those of which nothing counts; NaN if none does."""
        terms = [weight * mean for weight, mean, count in zip(self.weights, means, counts) if count]
        return sum(terms) if terms else math.nan

    def named(self, means: Sequence[float]) -> dict[str, float]:
        """These losses by the names under which they are recorded."""
        return dict(zip(self.columns, means))

    @property
    def columns(self) -> list[str]:
        """The name under which each loss is recorded."""
        return [f"{name}_loss" for name in self.names]


def as_loss(loss: Any, weights: Any, model: Module) -> Loss:
    """The loss of a call: one, or the sum of a tuple or dict of losses for several outputs.

    Raises:
        InputError: one of them is no loss, or the weights are not one number for each.
    """
    if not isinstance(loss, (tuple, list, dict)):
        expect_loss(loss)
        if weights is not None:
            raise InputError("loss_weights: expected None for a single loss, got " + one_line(weights))
        return loss
    if not loss:
        raise InputError("loss: expected at least one, got none")
    names = list(loss) if isinstance(loss, dict) else [f"output_{i}" for i in range(len(loss))]
    losses = list(loss.values()) if isinstance(loss, dict) else list(loss)
    for each in losses:
        expect_loss(each)
    outputs = names
    if isinstance(loss, dict) and isinstance(model, Graph):
        outputs = [model.outputs] if isinstance(model.outputs, str) else list(model.outputs)
        if unknown := [name for name in names if name not in outputs]:
            raise InputError(f"loss: expected names of outputs {', '.join(outputs)}, got {unknown[0]}")
    positions = [outputs.index(name) for name in names]
    return Losses(losses, _weights(weights, loss, names), names, positions, len(outputs))


def _weights(weights: Any, loss: Any, names: list[str]) -> list[float]:
    if weights is None:
        return [1.0] * len(names)
    expected = f"loss_weights: expected a number for each of the losses {', '.join(names)}"
    if isinstance(weights, Mapping):
        if not isinstance(loss, dict) or set(weights) != set(names):
            raise InputError(f"{expected}, got {', '.join(map(str, weights))}")
        weights = [weights[name] for name in names]
    if not isinstance(weights, Sequence) or len(weights) != len(names):
        raise InputError(f"{expected}, got {one_line(weights)}")
    for each in weights:
        if isinstance(each, bool) or not isinstance(each, (int, float)) or not math.isfinite(each):
            raise InputError(f"{expected}, got {each!r}")
    return [float(each) for each in weights]


def aligned(data: Dataset, loss: Loss | None) -> Dataset:
    """The data with a tuple of targets in the order of several losses.

    Raises:
        InputError: there is not one target for each loss.
    """
    targets = data.targets
    if not isinstance(loss, Losses):
        if loss is not None and not isinstance(targets, Tensor):
            raise InputError(f"targets: expected one tensor for a single loss, got {len(targets)} targets")
        return data
    expected = f"targets: expected one for each of the losses {', '.join(loss.names)}"
    if isinstance(targets, dict):
        if set(targets) != set(loss.names):
            raise InputError(f"{expected}, got {', '.join(targets)}")
        return replace(data, targets=tuple(targets[name] for name in loss.names))
    if not isinstance(targets, tuple) or len(targets) != len(loss.names):
        got = brief(targets) if isinstance(targets, Tensor) else f"{len(targets)}"
        raise InputError(f"{expected}, got {got}")
    return data
