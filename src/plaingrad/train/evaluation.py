"""Prediction and evaluation."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from plaingrad.contract.modes import mode
from plaingrad.contract.nest import invalid_type, tensors
from plaingrad.data import Dataset
from plaingrad.data.batches import Batches, are_batches
from plaingrad.data.checks import expect_model, expect_positive
from plaingrad.data.dataset import as_samples
from plaingrad.data.samples import batches, joined, rows
from plaingrad.module import Module, ModuleError
from plaingrad.nn import Loss
from plaingrad.train.calling import called, expect_arguments
from plaingrad.train.checks import as_trained
from plaingrad.train.metrics import Metric, Metrics, named
from plaingrad.train.several import Losses, aligned, as_loss
from plaingrad.train.sharing import reserved

Pair = tuple[Any, Any]
"""The outputs of a batch and their targets."""

BATCH_SIZE = 1024  # large enough to be fast, small enough for any memory


def evaluate(
    model: Module,
    data: Any,
    *,
    loss: Loss | Sequence[Loss] | Mapping[str, Loss] | None = None,
    loss_weights: Sequence[float] | Mapping[str, float] | None = None,
    metrics: Metrics = (),
    batch_size: int = BATCH_SIZE,
) -> dict[str, float]:
    """Evaluate a network in evaluation mode; its modes and saved state stay as they were.

    Args:
        model: the network.
        data: as for `plaingrad.fit`: a data set, a pair of tensors or arrays, or of several of them, or
            batches of these.
        loss: one, or a tuple or dict of them for several outputs, as for `plaingrad.fit`. It is reported as
            ``"loss"``: that over all the data, however they are batched; of a sum, its mean over the samples.
            If nothing in the data counts, as all targets are ignored, the mean is NaN.
        loss_weights: as for `plaingrad.fit`.
        metrics: names or callables ``(prediction, target) -> number``, as for `plaingrad.fit`, which get all
            samples at once; metrics of classes, by their names, leave out the targets that the loss ignores.
            For a single column of predictions these need the loss to tell logits from probabilities; without
            one they are probabilities. For several outputs a dict with a list for each, by the names of the
            losses.
        batch_size: how many samples pass through the network at once; of no use for batches.

    Returns:
        A number for ``"loss"``, for each of several losses, and for each metric.

    Raises:
        ValueError: empty data or NaN in it, a model, loss or metric that is none, ``batch_size`` < 1.
        ModuleError: inputs or targets do not fit the network or the loss.
    """
    expect_model(model)
    expect_positive("batch_size", batch_size)
    with reserved(None, loss) as own:
        whole = None if own is None else as_loss(own, loss_weights, model)
        measured = named(metrics, whole)

        def prepared(part: Dataset) -> Dataset:
            return aligned(as_trained(model, part), whole)

        if are_batches(data):
            return measure_batches(model, Batches("data", data, prepared), whole, measured)
        return measure(model, prepared(Dataset.of(data)), whole, measured, batch_size)


def predict(model: Module, inputs: Any, batch_size: int = BATCH_SIZE) -> Any:
    """The network's outputs in evaluation mode; its modes and saved state stay as they were.

    Args:
        model: the network.
        inputs: a tensor, array or table, samples along the first axis; several in a tuple, or in a dict by
            the names of the arguments of the network's forward.
        batch_size: how many samples pass through the network at once.

    Returns:
        A tensor, or several in tuples as forward returns them.

    Raises:
        ValueError: the model is no `Module`; there are no inputs, or NaN among them; ``batch_size`` < 1.
        ModuleError: the inputs do not fit the network.
    """
    expect_model(model)
    expect_positive("batch_size", batch_size)
    samples = as_samples("inputs", inputs)
    data = as_trained(model, Dataset(samples, samples))
    return outputs(model, data.inputs, batch_size, is_single=False)


def measure(
    model: Module,
    data: Dataset,
    loss: Loss | None,
    metrics: Mapping[str, Metric],
    batch_size: int = BATCH_SIZE,
) -> dict[str, float]:
    """Evaluate a network on data that has the model's dtype and device; see `evaluate`."""
    prediction = outputs(model, data.inputs, batch_size, isinstance(data.targets, Tensor))
    return scores(prediction, data.targets, loss, metrics, batch_size)


def measure_batches(
    model: Module, stream: Batches, loss: Loss | None, metrics: Mapping[str, Metric]
) -> dict[str, float]:
    """Evaluate a network on batches; only metrics need all of their outputs at once."""
    totals, met = Totals(loss), []
    stream.first()
    for batch in stream:
        y = outputs(model, batch.inputs, len(batch), isinstance(batch.targets, Tensor))
        totals.add([(y, batch.targets)])
        if metrics:
            met.append((y, batch.targets))
    return totals.means() | (measure_all(met, metrics) if metrics else {})


def measure_all(met: Sequence[Pair], metrics: Mapping[str, Metric]) -> dict[str, float]:
    """The metrics of all these batches together."""
    prediction, targets = joined([y for y, _ in met]), joined([t for _, t in met])
    return scores(prediction, targets, None, metrics)


def scores(
    prediction: Any,
    targets: Any,
    loss: Loss | None,
    metrics: Mapping[str, Metric],
    batch_size: int = BATCH_SIZE,
) -> dict[str, float]:
    """Evaluate given outputs of a network; see `evaluate`."""
    totals = Totals(loss)
    if loss is not None:
        totals.add(zip(batches(prediction, batch_size), batches(targets, batch_size)))
    return totals.means() | {name: float(metric(prediction, targets)) for name, metric in metrics.items()}


def outputs(model: Module, inputs: Any, batch_size: int, is_single: bool = True) -> Any:
    """Predict for inputs that have the model's dtype and device; see `predict`.

    Raises:
        ModuleError: the output is no tensor, though a single one is expected; or not a row for each sample.
    """
    expect_arguments(model, inputs)
    with mode(False, model), torch.no_grad():
        parts = [called(model, x) for x in batches(inputs, batch_size)]
    got = type(parts[0]).__name__
    if is_single and not isinstance(parts[0], Tensor):
        raise ModuleError(model, f"expected a tensor as output, got {got}")
    if not is_single:
        if invalid_type(parts[0]) or not isinstance(parts[0], (Tensor, tuple)):
            raise ModuleError(model, f"expected a tensor or a tuple of tensors as output, got {got}")
        count = min(batch_size, rows(inputs))
        for y in tensors(parts[0]):
            if y.ndim == 0 or len(y) != count:
                expected = f"outputs with a row for each of {count} samples"
                raise ModuleError(model, f"{expected}, got {tuple(y.shape)}")
    return joined(parts)


class Totals:
    """The sums of the losses of some batches, and of the shares that are the divisors of their means.

    Args:
        loss: one, the sum of several, or None for none.
    """

    def __init__(self, loss: Loss | None) -> None:
        self.loss = loss
        self._sums: list[list[float]] = []
        self._counts: list[list[float]] = []

    def add(self, pairs: Iterable[Pair]) -> None:
        """Add batches."""
        loss = self.loss
        if loss is None:
            return
        parts = loss.parts if isinstance(loss, Losses) else [loss]
        self._sums, self._counts = self._sums or [[] for _ in parts], self._counts or [[] for _ in parts]
        with mode(False, loss), torch.no_grad():
            for y, t in pairs:
                each = zip(loss.chosen(y), t) if isinstance(loss, Losses) else [(y, t)]
                for i, (part, (prediction, target)) in enumerate(zip(parts, each)):
                    total, shares = total_and_shares(part, prediction, target)
                    self._sums[i].append(total)
                    self._counts[i].append(shares if part.is_mean else len(target))

    def means(self) -> dict[str, float]:
        """The loss, and each of several; empty if there is none."""
        if self.loss is None:
            return {}
        counts = list(map(sum, self._counts))
        means = [sum(totals) / (count or math.nan) for totals, count in zip(self._sums, counts)]
        if not isinstance(self.loss, Losses):
            return {"loss": means[0]}
        return {"loss": self.loss.total(means, counts), **self.loss.named(means)}


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
