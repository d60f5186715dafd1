"""A learning rate that follows a metric: `ReduceLROnPlateau`."""

from __future__ import annotations

import math
from typing import ClassVar, Literal, SupportsFloat

from plaingrad.optim.optimizer import Optimizer
from plaingrad.optim.options import COUNT_OR_ZERO, FRACTION, NON_NEGATIVE, Expected, one_of
from plaingrad.optim.schedule.schedule import Interval, Schedule


class ReduceLROnPlateau(Schedule):
    r"""Reduces the learning rate when a metric has not improved for a while.

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
        patience: how many steps without improvement are put up with.
        threshold: by how much a metric must improve to count.
        threshold_mode: whether ``threshold`` is relative to the best (``"rel"``) or absolute (``"abs"``).
        cooldown: for how many steps after a reduction steps without improvement are not counted.
        min_lr: the least learning rate, one or a list of one for each parameter group.
        eps: the least change of a learning rate; what is smaller is not done.
        interval: whether a training loop is to call ``step(metric)`` after every epoch or step.

    Attributes:
        best: the best metric so far.
        num_bad_epochs: steps without improvement since.
        cooldown_counter: steps of the cooldown that remain.

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
        """Take note of the metric, and reduce the learning rates if it is time."""
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
        """Whether a metric improves on the best by more than the threshold."""
        sign = 1 if self.mode == "min" else -1
        if self.threshold_mode == "rel":
            margin = self.threshold * abs(self.best) if math.isfinite(self.best) else 0.0
        else:
            margin = self.threshold
        return sign * metric < sign * self.best - margin

    def reduced(self, lr: float, least: float) -> float:
        """The learning rate one reduction on."""
        new = max(lr * self.factor, least)
        return new if lr - new > self.eps else lr

    def apply(self) -> None:
        for group, lr in zip(self.optimizer.param_groups, self.last_lrs):
            group["lr"] = lr
