"""The gradient of an update, over several processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from plaingrad.train.ranks.group import Ranks

if TYPE_CHECKING:
    from plaingrad.train.gathering import Gathered


def reduce_gradients(update: Gathered, ranks: Ranks) -> None:
    r"""Replace the gradients gathered for an update by those of the batches of all processes, as if of one.

    With the shares :math:`n_r` of the batch of process r in a mean (its number of targets that count, or
    their weights), and its gradient :math:`g_r`:

    .. math::
        g = \frac{\sum_r n_r\, g_r}{\sum_r n_r} \quad \text{for a mean}, \qquad
        g = \sum_r g_r \quad \text{for a sum}

    There are two exchanges: the shares, then the flat gradient. A process whose batch counts for nothing
    takes the update of the others.

    Args:
        update: the gradients of this process.
        ranks: the processes.
    """
    storages = update.task.optimizer.storages
    parameters = [parameter for storage in storages for parameter in storage.parameters]
    shares = update.shares if update.values else 0.0
    own = [shares, update.samples, sum(update.values), len(update.values)]
    flags = [float(parameter.has_grad) for parameter in parameters]
    numbers = ranks.sum(torch.tensor([*own, *flags], dtype=torch.float64)).tolist()
    total, samples, loss_sum, batches, *flags = numbers
    if not batches:
        return
    for storage in storages:
        if update.task.loss.is_mean:
            storage.grad.mul_(shares / total if total else 0.0)
        ranks.sum(storage.grad)
    for parameter, flag in zip(parameters, flags):
        parameter.has_grad = flag > 0 and not parameter.frozen
    update.values = [loss_sum / batches]
    if update.task.decay_per_sample:
        update.samples = samples
