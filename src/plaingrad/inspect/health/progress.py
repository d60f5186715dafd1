"""The fall of the loss over a run, beside what a prediction without any input would have."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from plaingrad import nn
from plaingrad.contract.modes import mode
from plaingrad.inspect.health.finding import Problem
from plaingrad.inspect.health.measures import EpochHealth
from plaingrad.inspect.health.thresholds import CONSTANT_LOSS, FALL, FEWEST_EPOCHS
from plaingrad.inspect.record import Trace


def loss_not_falling(epochs: Sequence[EpochHealth], constant: float | None) -> Problem | None:
    """The problem of a loss that falls no more before anything was learned.

    Args:
        epochs: the recorded ones, the first before training.
        constant: the loss of the best constant prediction; None if it is not known.
    """
    losses = [each.loss for each in epochs]
    if len(losses) <= FEWEST_EPOCHS or not all(map(math.isfinite, losses)):
        return None
    half, best = (len(losses) + 1) // 2, min(losses)
    falling = falls(min(losses[:half]), min(losses[half:]))
    if constant is None:
        learning, below = falling or falls(losses[0], best), ""
    else:
        learning = best < CONSTANT_LOSS * constant or (falling and best * CONSTANT_LOSS > constant)
        below = f" below that of the best constant prediction, {constant:.4g}"
    if learning:
        return None
    falls_little = constant is not None and best < constant
    what = "the loss hardly falls" if falls_little else "the loss does not fall"
    what += f"{below}: {losses[0]:.4g} before training, {losses[-1]:.4g} at the end"
    return Problem("loss-not-falling", "", losses[-1], "", what, "")


def falls(before: float, after: float) -> bool:
    """True if a loss is clearly lower than before."""
    return before - after > FALL * abs(before)


def has_fallen(losses: Sequence[float]) -> bool:
    """True if the loss has fallen at any time, so that small updates at the end mean nothing."""
    return any(falls(before, after) for before, after in pairwise(losses))


def constant_loss(trace: Trace) -> float | None:
    """The loss of the recorded batch for the best prediction that is the same for all samples, if known."""
    y, target, loss = trace.calls[0].outputs, trace.target, copy.deepcopy(trace.calls[-1].module)
    if not isinstance(y, Tensor) or not isinstance(target, Tensor):
        return None
    constant = best_constant(loss, y, target)
    if constant is None:
        return None
    with torch.no_grad(), mode(False, loss):
        return float(loss.forward(constant.to(y.dtype).expand_as(y).contiguous(), target))


def best_constant(loss: object, y: Tensor, target: Tensor) -> Tensor | None:
    """The constant with the least loss over the samples; of a loss that is not listed here, None."""
    tiny = 1e-6
    if isinstance(loss, (nn.CrossEntropyLoss, nn.NLLLoss)) and target.ndim == 1 and y.ndim == 2:
        if target.is_floating_point() or target.min() < 0:
            return None
        counts = torch.bincount(target, minlength=y.shape[1]).double()
        return (counts / counts.sum()).clamp(min=tiny).log()
    if target.shape != y.shape or not target.is_floating_point():
        return None
    mean = target.double().mean(0, keepdim=True)
    if isinstance(loss, nn.CrossEntropyLoss) and y.ndim == 2:
        return mean.clamp(min=tiny).log()
    if isinstance(loss, nn.BCEWithLogitsLoss):
        return mean.clamp(tiny, 1 - tiny).logit()
    if isinstance(loss, nn.L1Loss):
        return target.double().median(0, keepdim=True).values
    return mean if isinstance(loss, (nn.MSELoss, nn.BCELoss)) else None
