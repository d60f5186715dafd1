"""Importance of inputs by gradients: sensitivity, and integrated gradients."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from plaingrad.data.checks import expect_model, expect_positive
from plaingrad.data.dataset import as_tensor
from plaingrad.errors import InputError
from plaingrad.module import Module
from plaingrad.parameter import shape

ROWS_AT_ONCE = 1024


@dataclass(frozen=True)
class GradientImportance:
    """The importance of each feature for the predictions of some samples.

    Attributes:
        sensitivity: the mean over the samples of the size of d prediction / d feature, ``(features...)``.
        attributions: integrated gradients, ``(samples, features...)``: the parts of the features in the
            difference between a sample's prediction and that of the baseline.
        baseline: the sample that the others are compared with, ``(features...)``.
        gap: the largest difference between the sum of a sample's attributions and that of the predictions,
            which more ``steps`` make smaller.
    """

    sensitivity: Tensor
    attributions: Tensor
    baseline: Tensor
    gap: float

    @property
    def importance(self) -> Tensor:
        """The mean size of the attributions of each feature, ``(features...)``."""
        return self.attributions.abs().mean(0)


def gradient_importance(
    module: Module, X: Any, *, output: int | None = None, baseline: Any = None, steps: int = 64
) -> GradientImportance:
    r"""Measure how a network's predictions depend on its inputs, by its own backward.

    With the prediction f, a sample x and the baseline b:

    .. math::
        s_j &= \operatorname{mean}_x \left| \frac{\partial f(x)}{\partial x_j} \right| \\
        a_j(x) &= (x_j - b_j) \int_0^1 \frac{\partial f(b + t (x - b))}{\partial x_j} \, dt,
        \qquad \sum_j a_j(x) = f(x) - f(b)

    The network is copied and evaluated in evaluation mode; nothing of it changes.

    Args:
        module: the network.
        X: samples, an array, tensor or table ``(samples, features...)``.
        output: the column of the outputs to explain; None for the only one, or for that which is largest for
            the sample, as that of the predicted class is.
        baseline: the sample to compare with, ``(features...)``; None for the mean of ``X``.
        steps: points of the Gauss-Legendre rule for the integral.

    Raises:
        ValueError: ``X`` or ``baseline`` do not fit, there is no such output, or the network has no gradient
            with respect to its inputs.
        ModuleError: the samples do not fit the network.

    Source: M. Sundararajan, A. Taly, Q. Yan, "Axiomatic attribution for deep networks", 2017.
    """
    expect_model(module)
    expect_positive("steps", steps)
    network = copy.deepcopy(module).freeze().eval(saving=True)
    like = next((parameter.value for parameter in network.parameters()), torch.empty(0))
    samples = _samples("X", X, like)
    if samples.ndim < 2 or not len(samples):
        raise InputError(f"X: expected samples (samples, features...), got shape {shape(samples)}")
    reference = samples.mean(0) if baseline is None else _samples("baseline", baseline, like)
    if reference.shape != samples.shape[1:]:
        raise InputError(f"baseline: expected shape {shape(samples[0])}, got {shape(reference)}")
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    with torch.no_grad():
        batches = [
            _attribute(_Prediction(network, rows, output), rows, reference, (nodes + 1) / 2, weights / 2)
            for rows in samples.split(ROWS_AT_ONCE)
        ]
    slopes, attributions, gaps = (torch.cat(each) for each in zip(*batches))
    return GradientImportance(slopes.abs().mean(0), attributions, reference, float(gaps.abs().max()))


def _samples(name: str, value: Any, like: Tensor) -> Tensor:
    tensor = as_tensor(name, value).to(like.device, like.dtype)
    if not tensor.isfinite().all():
        raise InputError(f"{name}: expected finite numbers, got NaN or infinity")
    return tensor


class _Prediction:
    """One output of a network for each of some samples, and its gradient."""

    def __init__(self, network: Module, rows: Tensor, output: int | None) -> None:
        self.network = network
        outputs = network.forward(rows)
        network.zero_grad()
        if not isinstance(outputs, Tensor) or outputs.ndim != 2 or len(outputs) != len(rows):
            got = shape(outputs) if isinstance(outputs, Tensor) else type(outputs).__name__
            raise InputError(f"module: expected outputs (samples, columns), got {got}")
        columns = outputs.shape[1]
        if output is not None and not 0 <= output < columns:
            raise InputError(f"output: expected a column from 0 to {columns - 1}, got {output}")
        self.columns = outputs.argmax(1) if output is None else torch.full((len(rows),), output)
        self.columns = self.columns.to(outputs.device)[:, None]

    def value(self, rows: Tensor) -> Tensor:
        """The output ``(samples,)``."""
        value = self.network.forward(rows).gather(1, self.columns)[:, 0]
        self.network.zero_grad()
        return value

    def gradient(self, rows: Tensor) -> Tensor:
        """Its gradient with respect to the samples, in their shape."""
        outputs = self.network.forward(rows)
        gradient = self.network.backward(torch.zeros_like(outputs).scatter_(1, self.columns, 1.0))
        if gradient is None:
            raise InputError("module: expected a network with a gradient for its inputs, got none")
        return gradient


def _attribute(
    prediction: _Prediction, rows: Tensor, baseline: Tensor, nodes: Any, weights: Any
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients and attributions of some samples, and what these sum up to too much."""
    away = rows - baseline
    slopes = sum(
        (weight * prediction.gradient(baseline + node * away) for node, weight in zip(nodes, weights)),
        torch.zeros_like(rows),
    )
    attributions = away * slopes
    difference = prediction.value(rows) - prediction.value(baseline.expand_as(rows))
    return prediction.gradient(rows), attributions, attributions.flatten(1).sum(1) - difference
