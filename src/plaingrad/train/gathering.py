"""Sums over the batches of an update and of an epoch."""

from __future__ import annotations

import math
from typing import Any

from plaingrad.contract.nest import mapped, tensors
from plaingrad.data.samples import rows
from plaingrad.native.task import EpochLoss, Task
from plaingrad.nn import Loss
from plaingrad.optim import Schedule
from plaingrad.train.several import Losses
from plaingrad.train.weighting import Weighted


class Gathered:
    r"""The gradient of several batches, as if they were one.

    With the shares :math:`n_b` of batch b in a mean (its number of targets that count, or their weights), and
    its gradient :math:`g_b`:

    .. math::
        g = \frac{\sum_b n_b\, g_b}{\sum_b n_b} \quad \text{for a mean}, \qquad
        g = \sum_b g_b \quad \text{for a sum}

    Of several losses, whose shares may differ, the number of samples stands for the shares.

    Args:
        task: what is being trained.
        loss: the loss, with weights if there are any.

    Attributes:
        values: the losses of the batches that count.
        samples: what divides the weight decay: the number of these samples, or the sum of their weights; 1
            where the decay is not per sample.
    """

    def __init__(self, task: Task, loss: Loss | Weighted) -> None:
        self.task, self.loss = task, loss
        self.values: list[float] = []
        self.samples, self._rows = (0.0 if task.decay_per_sample else 1.0), 0
        self._first = self._ratios = 1.0
        self._needs_shares = task.loss.is_mean and (task.batches_per_update > 1 or bool(task.update_begin))

    def add(self, dy: Any, value: float, x: Any, y: Any, t: Any) -> Any:
        """Count a batch; return its gradient with respect to the network's outputs, scaled by its shares.

        Args:
            dy: that gradient.
            value: the loss.
            x: the inputs.
            y: the outputs.
            t: the targets, and weights.
        """
        if self.task.decay_per_sample:
            self.samples += self._weight(x, t)
        self._rows += rows(x)
        self.values.append(value)
        if not self._needs_shares:
            return dy
        if isinstance(self.task.loss, Losses):
            shares = self._weight(x, t)
        else:
            shares = self.loss.shares(y, t).sum().item()
        if len(self.values) == 1:
            self._first = shares
            return dy
        ratio = shares / self._first  # to the first, so that the sum neither overflows nor vanishes
        self._ratios += ratio
        return dy if ratio == 1 else mapped(lambda each: each * ratio, dy)

    def skip(self, x: Any, t: Any) -> None:
        """Forget the forward of a batch that counts for nothing, but for its part in the weight decay."""
        if self.task.decay_per_sample:
            self.samples += self._weight(x, t)
        for module in (self.task.model, self.loss):
            module._forget_since(0)
        if not self.values:
            self.task.model.zero_grad()

    @property
    def shares(self) -> float:
        """The sum of the shares of the batches that count; known where something is called before updates."""
        return self._first * self._ratios

    def finish(self) -> bool:
        """Divide the gradients by the sum of the shares, and call what comes before the update.

        Returns:
            True if there is an update: something counts.
        """
        if self._ratios != 1:
            for parameter in (p for group in self.task.optimizer.param_groups for p in group["params"]):
                if parameter.has_grad:
                    parameter.grad.div_(self._ratios)
        for begin in self.task.update_begin:
            begin(self)
        return bool(self.values)

    def penalty(self) -> float:
        """The summed penalties of the samples."""
        if not self.task.decay_per_sample:
            return 0.0
        return self.task.optimizer.penalty(self.samples).item() * self._rows

    def step(self, schedule: Schedule) -> None:
        """Step a schedule of updates, unless it watches the loss and there is none."""
        if not schedule.needs_metric:
            schedule.step()
        elif self.values:
            schedule.step(sum(self.values) / len(self.values))

    def _weight(self, x: Any, t: Any) -> float:
        """The number of samples, or the sum of their weights."""
        if self.task.weights is None:
            return rows(x)
        *_, weight = tensors(t)
        return weight.sum().item()


class EpochSums:
    """The sums of the losses of an epoch's batches, and of each loss if there are several.

    Args:
        loss: the loss without weights.

    Attributes:
        penalty: the sum of the penalties of the samples.
    """

    def __init__(self, loss: Loss) -> None:
        self.losses: list[Any] = loss.parts if isinstance(loss, Losses) else [loss]
        self.whole, self.penalty, self.counted = loss, 0.0, 0
        self._totals, self._counts = [0.0] * len(self.losses), [0] * len(self.losses)

    def add(self, value: float, rows: int, values: list[float | None] | None = None) -> None:
        """Add the loss of a batch that counts.

        Args:
            value: the loss.
            rows: the number of samples.
            values: each of several losses, None where nothing counts.
        """
        self.counted += rows
        for i, each in enumerate([value] if values is None else values):
            if each is not None:
                self._totals[i] += each * (rows if self.losses[i].is_mean else 1)
                self._counts[i] += rows

    def mean(self) -> EpochLoss:
        """The means over the samples."""
        if not isinstance(self.whole, Losses):
            return EpochLoss.of(self._totals[0], self.penalty, self.counted)
        means = [total / (count or math.nan) for total, count in zip(self._totals, self._counts)]
        return EpochLoss(
            self.whole.total(means, self._counts),
            self.penalty / (self.counted or math.nan),
            self.counted,
            self.whole.named(means),
        )
