"""A learning rate that follows a metric: `ReduceLROnPlateau`."""

from __future__ import annotations

import math
from typing import ClassVar, Literal, SupportsFloat

from plaingrad.optim.common.options import COUNT_OR_ZERO, FRACTION, NON_NEGATIVE, Expected, one_of
from plaingrad.optim.optimizer import Optimizer
from plaingrad.optim.schedule.schedule import Interval, Schedule


class ReduceLROnPlateau(Schedule):
    r"""Reduces the learning rate when a metric has stopped improving.

    .. math::
        \gamma \leftarrow \max(\gamma f, \gamma_{\min})
            \qquad \text{after more than patience steps in a row without a better metric}

    A metric m is better than the best b so far if m < b - threshold \|b\| or m < b - threshold, as
    ``threshold_mode`` says; with ``mode="max"``, if m > b + threshold \|b\| or m > b + threshold. NaN is
    never better. PyTorch has b in place of \|b\|, with which a negative metric that stays the same counts as
    better every time, so that the learning rate is never reduced.

    Args:
        optimizer: the optimizer whose learning rates γ are changed.
        mode: whether the metric should be small (``"min"``) or large (``"max"``).
        factor: the factor f.
        patience: the number of steps without improvement to tolerate.
        threshold: the least improvement that counts.
        threshold_mode: whether ``threshold`` is relative to the best (``"rel"``) or absolute (``"abs"``).
        cooldown: the number of steps after a reduction in which a lack of improvement does not count.
        min_lr: the least learning rate, one or a list of one for each parameter group.
        eps: the least change of a learning rate; smaller ones are not made.
        interval: whether a training loop is to call ``step(metric)`` after every epoch or step.

    Attributes:
        best: the best metric so far.
        num_bad_epochs: the number of steps without improvement since then.
        cooldown_counter: the remaining steps of the cooldown.

    Raises:
        ValueError: an argument is out of range.
    """

    expected: ClassVar[dict[str, Expected]] = {
        "mode": one_of("min", "max"),
        "factor": FRACTION,
        "patience": COUNT_OR_ZERO,
        "threshold": NON_NEGATIVE,
        "threshold_mode": one_of("rel", "abs"),
        "cooldown": COUNT_OR_ZERO,
        "eps": NON_NEGATIVE,
    }
    needs_metric: ClassVar[bool] = True
    saved: ClassVar[tuple[str, ...]] = (
        *Schedule.saved,
        "last_lrs",
        "best",
        "num_bad_epochs",
        "cooldown_counter",
    )

    def __init__(
        self,
        optimizer: Optimizer,
        mode: Literal["min", "max"] = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: Literal["rel", "abs"] = "rel",
        cooldown: int = 0,
        min_lr: float | list[float] = 0,
        eps: float = 1e-8,
        *,
        interval: Interval = "epoch",
    ) -> None:
        self.mode = mode
        self.factor = factor
        self.patience = patience
        self.threshold = threshold
        self.threshold_mode = threshold_mode
        self.cooldown = cooldown
        self.eps = eps
        super().__init__(optimizer, interval)
        self.min_lrs = self.per_group("min_lr", min_lr, NON_NEGATIVE)
        self.last_lrs = self.get_last_lr()
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = 0
        self.cooldown_counter = 0

    def step(self, metric: SupportsFloat) -> None:
        """Record the metric, and reduce the learning rates when patience has run out."""
        self.last_epoch += 1
        current = float(metric)
        if self.is_better(current):
            self.best = current
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        self.last_lrs = self.get_last_lr()
        if self.num_bad_epochs > self.patience:
            self.last_lrs = [self.reduced(lr, least) for lr, least in zip(self.last_lrs, self.min_lrs)]
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
            self.apply()

    def is_better(self, metric: float) -> bool:
        """True if a metric improves on the best by more than the threshold."""
        sign = 1 if self.mode == "min" else -1
        if self.threshold_mode == "rel":
            margin = self.threshold * abs(self.best) if math.isfinite(self.best) else 0.0
        else:
            margin = self.threshold
        return sign * metric < sign * self.best - margin

    def reduced(self, lr: float, least: float) -> float:
        """The learning rate after a reduction."""
        new = max(lr * self.factor, least)
        return new if lr - new > self.eps else lr

    def apply(self) -> None:
        for group, lr in zip(self.optimizer.param_groups, self.last_lrs):
            group["lr"] = lr
