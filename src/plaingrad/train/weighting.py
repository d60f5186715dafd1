"""Losses with sample weights."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from plaingrad.data import Dataset
from plaingrad.data.dataset import as_tensor
from plaingrad.errors import InputError
from plaingrad.module import Module, ModuleError
from plaingrad.nn import Loss
from plaingrad.nn.common.half import narrow, widen
from plaingrad.nn.loss.reduction import weighed
from plaingrad.parameter import shape


class Weighted(Module):
    r"""A loss with a weight for each sample of its batch.

    With the loss of element k of sample i, and the share s of that element in a mean (`Loss.shares`: 1, or
    the weight of its class):

    .. math::
        \ell = \frac{\sum_{ik} w_i\, \ell_{ik}}{\sum_{ik} w_i\, s_{ik}} \quad \text{for a mean}, \qquad
        \ell = \sum_{ik} w_i\, \ell_{ik} \quad \text{for a sum}

    So a weight of 2 stands for the sample given twice, and 0 for none, whatever its loss; a batch whose
    weights are all 0 has loss and gradient 0, a mean of shares that are all 0 is NaN, its gradient 0.

    Args:
        loss: with reduction "mean" or "sum".

    Raises:
        ModuleError: with reduction "none", the loss does not give what its `shares` promises.
    """

    def __init__(self, loss: Loss) -> None:
        self.loss = loss

    def forward(self, prediction: Tensor, target: tuple[Tensor, Tensor]) -> Tensor:
        """The loss for a pair of target and weights ``(batch,)``."""
        own, weight = target
        shares = self.loss.shares(prediction, own)
        with self.loss.unreduced():
            losses = self.loss.forward(prediction, own)
        if losses.shape != shares.shape:
            expected = f"losses {shape(shares)} with reduction 'none', for sample weights"
            raise ModuleError(self.loss, f"expected {expected}, got {shape(losses)}")
        spread = widen(along(weight, losses)).expand_as(losses)
        value = weighed(spread, losses).sum()
        if self.loss.is_mean and weight.any():
            count = (shares * spread).sum().item()
            value = value / (count or math.nan)
            spread = spread / count if count else torch.zeros_like(spread)
        value = narrow(value, prediction.dtype)
        self.save((spread, weight, losses.dtype), value)
        return value

    def backward(self) -> Any:
        """The gradient with respect to the prediction."""
        spread, weight, dtype = self.restore(None)
        with self.loss.unreduced():
            dx = of_prediction(self.loss.backward(spread.to(dtype)))
        return dx.masked_fill(along(weight, dx) == 0, 0)

    def shares(self, prediction: Tensor, target: tuple[Tensor, Tensor]) -> Tensor:
        """The weight of each element's loss in a mean, as in `Loss`."""
        shares = self.loss.shares(prediction, target[0])
        return along(target[1], shares) * shares


def expect_weights(weights: Any, data: Dataset, model: Module) -> Tensor:
    """A weight for each sample, in the model's dtype and on its device.

    Raises:
        InputError: there are more or fewer, one is negative or not finite, or all are zero.
    """
    values = as_tensor("sample_weight", weights)
    if values.shape != (len(data),):
        raise InputError(f"sample_weight: expected shape ({len(data)},), got {shape(values)}")
    values = values.detach().to(model.parameters()[0].value)
    bad = (~((values >= 0) & torch.isfinite(values))).nonzero()
    if len(bad):
        index = bad[0].tolist()
        got = f"{values[tuple(index)].item()} at {index}"
        raise InputError(f"sample_weight: expected finite weights of at least 0, got {got}")
    if not values.any():
        raise InputError("sample_weight: expected at least one weight above 0, got zeros alone")
    return values


def of_prediction(gradients: Any) -> Any:
    """The gradient of a prediction among those that a loss's backward returns, of which it is the first."""
    return gradients[0] if isinstance(gradients, tuple) else gradients


def along(weight: Tensor, x: Tensor) -> Tensor:
    """A weight for each sample, spread along the first axis of ``x``."""
    return weight.view(-1, *[1] * (x.ndim - 1))


def counts_for_something(loss: Loss | Weighted, value: float, prediction: Any, target: Any) -> bool:
    """True if any element of a batch has weight in its loss."""
    if value and not math.isnan(value):  # no weight makes a sum 0 and a mean NaN
        return True
    return bool(loss.shares(prediction, target).sum())
