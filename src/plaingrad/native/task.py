"""The task of a training, the interface of the engines that run it, and a snapshot of its state."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from torch import Tensor

from plaingrad.data import Dataset
from plaingrad.data.batches import Batches
from plaingrad.module import Module
from plaingrad.native.masks import Masks
from plaingrad.nn import Loss
from plaingrad.optim import Optimizer, Schedule
from plaingrad.parameter import Buffer, Parameter

BatchHook = Callable[[int, dict[str, float]], None]


class Round(NamedTuple):
    """Several updates after which something is done to the network, also in the middle of an epoch.

    Attributes:
        updates: in a round; the first of an epoch begins with it.
        end: to be called after each round with the number of updates that the epoch has had.
    """

    updates: int
    end: Callable[[int], None]


class EpochLoss(NamedTuple):
    """The losses of an epoch's batches, as means over the samples of those that count for something.

    Attributes:
        loss: of the batches, as they were met; NaN if none counts.
        penalty: what the weight decay added to that; 0 for a task without ``decay_per_sample``.
        samples: in the batches that count.
        parts: the loss of each of several outputs, by name.
    """

    loss: float
    penalty: float
    samples: int
    parts: Mapping[str, float] = MappingProxyType({})

    @classmethod
    def of(cls, loss: float, penalty: float, samples: int) -> EpochLoss:
        """The means of these sums."""
        return cls(loss / (samples or math.nan), penalty / (samples or math.nan), samples)

    @property
    def finite(self) -> bool:
        """True if the loss is finite, or nothing has counted."""
        return math.isfinite(self.loss) or not self.samples

    @property
    def logs(self) -> dict[str, float]:
        """The values that a history may record."""
        return {"loss": self.loss, "penalty": self.penalty, **self.parts}


@dataclass(frozen=True)
class Task:
    """Everything that an engine needs to train for an epoch.

    Attributes:
        model: the network, in training mode, its gradients zero.
        loss: gives one number per batch.
        optimizer: holds parameters of the model.
        data: has the model's dtype and device; the first batch of a stream.
        batch_size: at most ``len(data)``; the last batch is smaller if it must be.
        masks: what the model's dropout is to draw.
        weights: how much each sample counts, shape ``(n,)``, in the model's dtype; None if all count alike.
        decay_per_sample: whether the optimizer's weight decay is divided by the weights of a batch.
        schedule: to be stepped after every update; None if it is stepped after epochs, or if there is none.
        batch_begin: to be called before each batch with its number, counted from 0, and an empty dict.
        batch_end: to be called after each batch with its number and its ``{"loss": number}``.
        update_begin: to be called before each update with the gradients that were gathered for it.
        round: after how many updates something is to be called; None for nothing.
        batches_per_update: the number of batches whose gradients are added up for each update.
        stream: the batches of each epoch where they come from outside; None if they are made of ``data``.
        met: collects the outputs and targets of the batches of a stream, as they are met; None for none.
    """

    model: Module
    loss: Loss
    optimizer: Optimizer
    data: Dataset
    batch_size: int
    masks: Masks
    weights: Tensor | None = None
    decay_per_sample: bool = False
    schedule: Schedule | None = None
    batch_begin: Sequence[BatchHook] = ()
    batch_end: Sequence[BatchHook] = ()
    update_begin: Sequence[Callable[[Any], None]] = ()
    round: Round | None = None
    batches_per_update: int = 1
    stream: Batches | None = None
    met: list[tuple[Any, Any]] | None = None

    @property
    def updates(self) -> int:
        """The number of updates in an epoch; of a stream, in one of its batches."""
        batches = -(-len(self.data) // self.batch_size)
        return -(-batches // self.batches_per_update)

    @cached_property
    def loose(self) -> list[Parameter | Buffer]:
        """Every buffer, and every parameter that the optimizer does not hold."""
        held = {id(parameter) for group in self.optimizer.param_groups for parameter in group["params"]}
        fields = {id(field): field for _, field in self.model._named_state()}
        return [field for number, field in fields.items() if number not in held]


class Engine(Protocol):
    """Runs epochs. Each one visits the same batches in the same order, so results agree to rounding.

    Attributes:
        name: what the history calls it.
        reason: why it is this one.
    """

    @property
    def name(self) -> str: ...

    @property
    def reason(self) -> str: ...

    def run_epochs(self, orders: Tensor | None, count: int) -> list[EpochLoss]:
        """Train for some epochs, or up to the first whose loss is not finite.

        Args:
            orders: a permutation of the samples for each, shape ``(count, n)``; None for their own order.
            count: how many.

        Returns:
            What each epoch that was run came to.
        """
        ...

    def outputs(self, inputs: Any) -> Any:
        """The model's outputs in evaluation mode, as it is now.

        Args:
            inputs: samples like those that it is trained on, any number of them.
        """
        ...


class Snapshot:
    """The model, the state of optimizer and schedule, and of what random numbers come from, as they are now.

    Args:
        task: what is being trained.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        self.flat = [storage.value.clone() for storage in task.optimizer.storages]
        self.loose = [field.value.clone() for field in task.loose]
        self.optimizer = task.optimizer.state_dict()
        self.schedule = None if task.schedule is None else task.schedule.state_dict()
        self.draws = list(task.masks.draws)
        generators = {module.generator for root in (task.model, task.loss) for module in root.modules()}
        self.random = [
            (generator, generator.get_state()) for generator in generators if generator is not None
        ]

    def pairs(self) -> Iterator[tuple[Parameter | Buffer, Tensor]]:
        """Each parameter and buffer once, with its value as it was."""
        for storage, before in zip(self.task.optimizer.storages, self.flat):
            parts = before.split([parameter.value.numel() for parameter in storage.parameters])
            for parameter, part in zip(storage.parameters, parts):
                yield parameter, part.view_as(parameter.value)
        yield from zip(self.task.loose, self.loose)

    def restore(self) -> None:
        """Put everything back, as often as needed; forget gradients and saved state."""
        for field, before in self.pairs():
            field.value.copy_(before)
        for module in (self.task.model, self.task.loss):
            module.zero_grad()
        if self.task.schedule is not None and self.schedule is not None:
            self.task.schedule.load_state_dict(self.schedule)
        self.task.optimizer.load_state_dict(self.optimizer)
        self.task.masks.draws[:] = self.draws
        for generator, state in self.random:
            generator.set_state(state)
