"""Prediction and evaluation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from plaingrad.contract.modes import mode
from plaingrad.data import Dataset
from plaingrad.data.checks import expect_model, expect_positive
from plaingrad.data.dataset import as_tensor
from plaingrad.data.sparse import batches
from plaingrad.module import Module, ModuleError
from plaingrad.nn import Loss
from plaingrad.train.checks import as_trained, expect_loss
from plaingrad.train.metrics import Metric, named

BATCH_SIZE = 1024  # large enough to be fast, small enough for any memory


def evaluate(
    model: Module,
    data: Dataset | tuple[Any, Any],
    *,
    loss: Loss | None = None,
    metrics: Sequence[str | Metric] = (),
    batch_size: int = BATCH_SIZE,
) -> dict[str, float]:
    """Evaluate a network in evaluation mode; its modes and saved state stay as they were.

    Args:
        model: the network.
        data: a data set, or a pair of tensors or arrays.
        loss: reported as ``"loss"``: that over all the data, however they are batched; of a sum, its mean
            over the samples. If nothing in the data counts, as all targets are ignored, the mean is NaN.
        metrics: names ("accuracy", "error": fractions; "mse", "mae", "r2"), or callables
            ``(prediction, target) -> number``, which get all samples at once. For a single column of
            predictions, accuracy needs the loss to tell logits from probabilities; without one they are
            probabilities.
        batch_size: how many samples pass through the network at once.

    Returns:
        A number for ``"loss"`` and for each metric.

    Raises:
        ValueError: empty data or NaN in it, a model, loss or metric that is none, ``batch_size`` < 1.
        ModuleError: inputs or targets do not fit the network or the loss.
    """
    expect_model(model)
    expect_positive("batch_size", batch_size)
    if loss is not None:
        expect_loss(loss)
    return measure(model, as_trained(model, Dataset.of(data)), loss, named(metrics, loss), batch_size)


def predict(model: Module, inputs: Any, batch_size: int = BATCH_SIZE) -> Tensor:
    """The network's outputs in evaluation mode; its modes and saved state stay as they were.

    Args:
        model: the network.
        inputs: a tensor, array or table, samples along the first axis.
        batch_size: how many samples pass through the network at once.

    Raises:
        ValueError: the model is no `Module`; there are no inputs, or NaN among them; ``batch_size`` < 1.
        ModuleError: the inputs do not fit the network.
    """
    expect_model(model)
    expect_positive("batch_size", batch_size)
    samples = as_tensor("inputs", inputs)
    data = as_trained(model, Dataset(samples, samples))
    return outputs(model, data.inputs, batch_size)


def measure(
    model: Module,
    data: Dataset,
    loss: Loss | None,
    metrics: Mapping[str, Metric],
    batch_size: int = BATCH_SIZE,
) -> dict[str, float]:
    """Evaluate a network on data that has the model's dtype and device; see `evaluate`."""
    return scores(outputs(model, data.inputs, batch_size), data.targets, loss, metrics, batch_size)


def scores(
    prediction: Tensor,
    targets: Tensor,
    loss: Loss | None,
    metrics: Mapping[str, Metric],
    batch_size: int = BATCH_SIZE,
) -> dict[str, float]:
    """Evaluate given outputs of a network; see `evaluate`."""
    measured: dict[str, float] = {}
    if loss is not None:
        with mode(False, loss), torch.no_grad():
            pairs = zip(prediction.split(batch_size), targets.split(batch_size))
            totals, shares = zip(*(total_and_shares(loss, p, t) for p, t in pairs))
        count = sum(shares) if loss.is_mean else len(targets)
        measured["loss"] = sum(totals) / (count or math.nan)
    return measured | {name: float(metric(prediction, targets)) for name, metric in metrics.items()}


def outputs(model: Module, inputs: Tensor, batch_size: int) -> Tensor:
    """Predict for inputs that have the model's dtype and device; see `predict`."""
    with mode(False, model), torch.no_grad():
        parts = [model.forward(x) for x in batches(inputs, batch_size)]
    if not isinstance(parts[0], Tensor):
        raise ModuleError(model, f"expected a tensor as output, got {type(parts[0]).__name__}")
    return torch.cat(parts)


def total_and_shares(loss: Loss, prediction: Tensor, target: Tensor) -> tuple[float, float]:
    """The sum of the losses of a batch's elements, and the divisor of their mean."""
    with loss.unreduced():
        losses = loss.forward(prediction, target)
    shares = loss.shares(prediction, target)
    count = shares.sum(dtype=torch.float64).item()
    if losses.shape == shares.shape:
        return losses.sum(dtype=torch.float64).item(), count
    value = loss.forward(prediction, target).item() if count else 0.0  # a loss that has no elements
    return value * count if loss.is_mean else value, count
