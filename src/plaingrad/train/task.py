"""What there is to do in every epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from plaingrad.data import Dataset
from plaingrad.module import Module
from plaingrad.nn import Loss
from plaingrad.optim import Optimizer, Schedule
from plaingrad.train.masks import Masks

BatchHook = Callable[[int, dict[str, float]], None]


@dataclass(frozen=True)
class Task:
    """What an engine is to do in each epoch.

    Attributes:
        model: the network, in training mode, its gradients zero.
        loss: gives one number per batch.
        optimizer: holds parameters of the model.
        data: has the model's dtype and device.
        batch_size: at most ``len(data)``; the last batch is smaller if it must be.
        masks: what the model's dropout is to draw.
        weights: of the samples, in the model's dtype; None for equal ones.
        schedule: to be stepped after every update; None if it is stepped after epochs, or if there is none.
        batch_begin: to be called before each batch with its number, counted from 0, and an empty dict.
        batch_end: to be called after each batch with its number and its ``{"loss": number}``.
    """

    model: Module
    loss: Loss
    optimizer: Optimizer
    data: Dataset
    batch_size: int
    masks: Masks
    weights: Tensor | None = None
    schedule: Schedule | None = None
    batch_begin: Sequence[BatchHook] = ()
    batch_end: Sequence[BatchHook] = ()
