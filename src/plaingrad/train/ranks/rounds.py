"""Rounds: each process trains on its own share, then all continue from the mean."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from plaingrad.data.finite import all_finite
from plaingrad.errors import InputError
from plaingrad.native.task import Engine, EpochLoss, Task
from plaingrad.parameter import Buffer
from plaingrad.train.ranks.group import Ranks


class RoundsEngine:
    """An engine whose processes average their networks after each round, and their losses after each epoch.

    Args:
        engine: runs the epochs of this process.
        task: what it trains.
        ranks: the processes.
        every: the number of epochs in a round; or "step" for processes that share the gradient of each
            update, of which only running statistics differ.
        ends_round: called after each epoch: True if it is the last of a round.

    Attributes:
        samples: how much this process counts in the means of the latest epoch.
        combined_columns: the columns of the history that are the same in all processes already.
        pending: whether the networks of the processes may differ.
    """

    def __init__(
        self, engine: Engine, task: Task, ranks: Ranks, every: int | str, ends_round: Callable[[], bool]
    ) -> None:
        self.engine, self.task, self.ranks, self.ends_round = engine, task, ranks, ends_round
        self.averages_parameters = every != "step"
        self.samples, self.pending = 0, False
        self.combined_columns = {"lr"}
        self._buffers = [field.value.clone() for field in buffers(task)]

    @property
    def name(self) -> str:
        return self.engine.name

    @property
    def reason(self) -> str:
        return f"{self.engine.reason}, in each of {self.ranks.size} processes"

    def run_epochs(self, orders: Tensor | None, count: int) -> list[EpochLoss]:
        """See `Engine.run_epochs`; for one epoch at a time."""
        self.pending = True
        (loss,) = self.engine.run_epochs(orders, count)
        self.samples = len(self.task.data) if self.task.stream is None else loss.samples
        self.combined_columns = {"lr", *loss.logs}
        total = self.combined(loss)
        if total.finite and self.ends_round():
            self.average()
        return [total]

    def end_round(self, updates: int) -> None:
        """Average in the middle of an epoch that has had so many updates; at its end `run_epochs` does."""
        if updates < self.task.updates:
            self.average()
            self.pending = True

    def outputs(self, inputs: Any) -> Any:
        """See `Engine.outputs`."""
        return self.engine.outputs(inputs)

    def combined(self, loss: EpochLoss) -> EpochLoss:
        """The losses of all processes, by samples; NaN if the network of one is not finite."""
        healthy = all(all_finite(storage.value) for storage in self.task.optimizer.storages)
        n = loss.samples
        means = [loss.loss if healthy else math.nan, loss.penalty, *loss.parts.values()]
        sums = [mean * n if n else 0.0 for mean in means]
        sums[0] = sums[0] if healthy else math.nan
        total = self.ranks.sum(torch.tensor([*sums, n], dtype=torch.float64))
        loss_sum, penalty_sum, *parts, samples = total.tolist()
        count = samples or math.nan
        named = {name: part / count for name, part in zip(loss.parts, parts)}
        return EpochLoss(loss_sum / count, penalty_sum / count, int(samples), named)

    def average(self) -> None:
        """Average parameters, running statistics and the optimizer's states over the processes.

        Raises:
            InputError: the optimizer's states have different forms.
        """
        changed = [not torch.equal(old, new.value) for old, new in zip(self._buffers, buffers(self.task))]
        state = list(numbers_of(self.task)) if self.averages_parameters else []
        form = [(key, tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__) for _, key, x in state]
        same, changed = self.ranks.agree(form, *changed)
        if not same:
            raise InputError("Average: expected the same forms of state in all optimizers, got others")
        parameters = [p for group in self.task.optimizer.param_groups for p in group["params"]]
        vectors = [p.value for p in parameters if self.averages_parameters and not p.frozen]
        vectors += [x for _, _, x in state if isinstance(x, Tensor)]
        vectors += [field.value for field, flag in zip(buffers(self.task), changed) if flag]
        exchange(vectors, self._mean)
        scalars = [(entry, key, x) for entry, key, x in state if not isinstance(x, Tensor)]
        means = self.ranks.sum(torch.tensor([x for *_, x in scalars], dtype=torch.float64)) / self.ranks.size
        for (entry, key, x), mean in zip(scalars, means.tolist()):
            entry[key] = round(mean) if isinstance(x, int) else mean
        self._buffers = [field.value.clone() for field in buffers(self.task)]
        self.pending = False

    def _mean(self, vector: Tensor) -> Tensor:
        if vector.dtype in (torch.float32, torch.float64):
            return self.ranks.sum(vector).div_(self.ranks.size)
        mean = self.ranks.sum(vector.double()).div_(self.ranks.size)
        return mean if vector.is_floating_point() else mean.round_()  # of counters


def exchange(vectors: Sequence[Tensor], exchanged: Callable[[Tensor], Tensor]) -> None:
    """Overwrite vectors by what becomes of them, all of a dtype as one flat vector on the CPU."""
    for dtype in dict.fromkeys(vector.dtype for vector in vectors):
        alike = [vector for vector in vectors if vector.dtype == dtype]
        flat = exchanged(torch.cat([vector.reshape(-1).cpu() for vector in alike]))
        for vector, part in zip(alike, flat.split([vector.numel() for vector in alike])):
            vector.copy_(part.view_as(vector))


def begin_alike(task: Task, ranks: Ranks) -> None:
    """Begin with the parameters, buffers and optimizer of process 0."""
    fields = {id(field): field for _, field in task.model._named_state()}
    exchange([field.value for field in fields.values()], ranks.broadcast)
    state = ranks.broadcast_object(task.optimizer.state_dict())
    if ranks.rank:
        task.optimizer.load_state_dict(state)


def buffers(task: Task) -> list[Buffer]:
    """The buffers of numbers that training may change."""
    kinds = [field for field in task.loose if isinstance(field, Buffer)]
    return [field for field in kinds if field.value.dtype != torch.bool]


def numbers_of(task: Task) -> Iterator[tuple[Any, Any, Any]]:
    """Each tensor and number in the optimizer's states, with the dict that holds it and its key."""
    for segments in task.optimizer.segments:
        for segment in segments:
            for key, x in segment.state.items():
                if isinstance(x, Tensor) or (isinstance(x, (int, float)) and not isinstance(x, bool)):
                    yield segment.state, key, x
