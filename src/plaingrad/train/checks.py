"""Checks of the arguments of training, each with a one-line error."""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, SupportsIndex

from plaingrad.data import Dataset
from plaingrad.data.checks import expect_model, expect_positive, one_line
from plaingrad.errors import InputError
from plaingrad.module import Module
from plaingrad.nn import Loss
from plaingrad.optim import Optimizer, Schedule
from plaingrad.train.callbacks import Callback
from plaingrad.train.randomness import BLOCKS


def expect_batch_size(batch_size: SupportsIndex | None, data: Dataset) -> int:
    """The batch size, if the data fill one batch."""
    if batch_size is None:
        raise InputError("batch_size: expected a positive integer, such as 32; it was not passed")
    size = expect_positive("batch_size", batch_size)
    if size > len(data):
        raise InputError(f"batch_size: expected at most the {len(data)} samples of the data, got {size}")
    return size


def expect_seed(seed: SupportsIndex | None) -> int | None:
    """The seed, if it is None or fits torch's generators."""
    if seed is None:
        return None
    if isinstance(seed, bool) or not hasattr(seed, "__index__") or not 0 <= operator.index(seed) < 2**63:
        raise InputError(f"seed: expected None or an integer from 0 to 2**63 - 1, got {seed!r}")
    return operator.index(seed)


def expect_path(name: str, folder: Any) -> Path:
    """The path of a folder, if it can be one."""
    if not isinstance(folder, (str, os.PathLike)) or not os.fspath(folder):
        raise InputError(f"{name}: expected a folder, got {one_line(folder)}")
    return Path(folder)


def expect_no_more_networks(folder: Path, name: str, count: int) -> None:
    """Refuse a folder in which a sweep of more networks has its checkpoints, named by their numbers."""
    numbers = [int(path.stem.partition("-")[2]) for path in folder.glob(name.format("*[0-9]"))]
    if numbers and max(numbers) >= count:
        expected = f"the sweep that began there, of at least {max(numbers) + 1} networks"
        raise InputError(f"checkpoint: expected {expected}, got {count}")


def expect_seconds(name: str, seconds: Any) -> float:
    """The number of seconds, if it is one of at least 0."""
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds < math.inf:
        raise InputError(f"{name}: expected a number of seconds of at least 0, got {one_line(seconds)}")
    return float(seconds)


def expect_shuffle(shuffle: Any) -> None:
    """Refuse anything but a bool, "blocks" or a callable."""
    if not isinstance(shuffle, bool) and shuffle != BLOCKS and not callable(shuffle):
        expected = "True, False, 'blocks' or a callable that gives an order"
        raise InputError(f"shuffle: expected {expected}, got {shuffle!r}")


def expect_loss(loss: Any) -> None:
    """Refuse anything but a loss that returns one number."""
    if not isinstance(loss, Loss):
        raise InputError(f"loss: expected a Loss such as nn.MSELoss(), got {one_line(loss)}")
    if loss.reduction == "none":
        raise InputError(f"loss: expected reduction 'mean' or 'sum', got {loss!r}")
    loss.parameters()  # refuses fields that training would not reach


def expect_weight_decay_per(what: Any) -> None:
    """Refuse anything but "batch" and "sample"."""
    if what not in ("batch", "sample"):
        raise InputError(f"weight_decay_per: expected 'batch' or 'sample', got {what!r}")


def expect_optimizer(optimizer: Any, model: Module) -> None:
    """Refuse anything but an optimizer of the model's parameters."""
    if not isinstance(optimizer, Optimizer):
        expected = "an Optimizer such as optim.SGD(model.parameters())"
        raise InputError(f"optimizer: expected {expected}, got {one_line(optimizer)}")
    own = {id(parameter) for parameter in model.parameters()}
    optimized = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    foreign = sum(id(parameter) not in own for parameter in optimized)
    if foreign:
        raise InputError(
            f"optimizer: expected the model's parameters alone, got {foreign} others among {len(optimized)}"
        )


def expect_of_batches(batch_size: Any, shuffle: Any, sample_weight: Any) -> None:
    """Refuse the arguments that say how to make batches of data that come in batches."""
    if batch_size is not None:
        raise InputError(f"batch_size: expected None, for train is in batches, got {batch_size!r}")
    if not isinstance(shuffle, bool):
        raise InputError(f"shuffle: expected True or False, for train is in batches, got {one_line(shuffle)}")
    if sample_weight is not None:
        raise InputError("sample_weight: expected None, for train is in batches, got weights")


def expect_accumulation(batches: SupportsIndex, optimizer: Optimizer) -> int:
    """The number of batches for each update, if the optimizer can wait for them."""
    count = expect_positive("gradient_accumulation_steps", batches)
    if count > 1 and optimizer.needs_closure:
        name = type(optimizer).__name__
        raise InputError(f"gradient_accumulation_steps: expected 1, for {name} repeats a batch, got {count}")
    return count


def expect_own_columns(columns: Sequence[str]) -> None:
    """Refuse two values that would be recorded under one name."""
    for i, name in enumerate(columns):
        if name in columns[:i]:
            raise InputError(f"loss, metrics: expected names of their own in the history, got {name!r} twice")


def expect_schedule(schedule: Any, optimizer: Optimizer, epochs: int, steps_per_epoch: int) -> None:
    """Refuse anything but a schedule of this optimizer that lasts as long as training."""
    if schedule is None:
        return
    if not isinstance(schedule, Schedule):
        raise InputError(
            f"schedule: expected one such as optim.StepLR(optimizer, 10), got {one_line(schedule)}"
        )
    if schedule.optimizer is not optimizer:
        raise InputError("schedule: expected one for the same optimizer, got one for another")
    steps = epochs * (steps_per_epoch if schedule.interval == "step" else 1)
    left = schedule.steps_left
    if steps > left:
        name, needed = type(schedule).__name__, f"the {steps} steps of {epochs} epochs"
        raise InputError(f"schedule: expected {name} to have {needed} before it, got {left}")


def expect_callbacks(callbacks: Any) -> None:
    """Refuse anything but a list of callbacks."""
    if not isinstance(callbacks, Sequence):
        raise InputError(f"callbacks: expected a list such as [EarlyStopping()], got {one_line(callbacks)}")
    for callback in callbacks:
        if not isinstance(callback, Callback):
            raise InputError(f"callbacks: expected instances of Callback, got {one_line(callback)}")


def expect_disjoint(models: Sequence[Module]) -> None:
    """Refuse networks that share a module or a parameter."""
    holders: dict[int, int] = {}
    for i, model in enumerate(models):
        expect_model(model)
        for part in (*model.modules(), *model.parameters()):
            first = holders.setdefault(id(part), i)
            if first != i:
                both = f"models[{first}] and models[{i}]"
                raise InputError(f"models: expected networks that share nothing, got {part} in {both}")


def expect_own(lists: Sequence[Sequence[Callback]]) -> None:
    """Refuse a callback that is shared by two networks, or that joins processes which train one."""
    for own in lists:
        expect_callbacks(own)
        for callback in own:
            if callback.shares_data:
                expected = "expected none that joins processes, which are for a network in fit"
                raise InputError(f"callbacks: {expected}, got {type(callback).__name__}")
    _expect_own("callbacks", lists)


def expect_own_orders(shuffles: Sequence[Any]) -> None:
    """Refuse an order callable that is shared by two networks, whose calls would interleave at random."""
    for shuffle in shuffles:
        expect_shuffle(shuffle)
    _expect_own("shuffle", [[shuffle] if callable(shuffle) else [] for shuffle in shuffles])


def _expect_own(name: str, lists: Sequence[Sequence[Any]]) -> None:
    holders: dict[int, int] = {}
    for i, own in enumerate(lists):
        for one in own:
            first = holders.setdefault(id(one), i)
            if first != i:
                kind = type(one).__name__
                raise InputError(
                    f"{name}: expected instances for each network alone, got a {kind} for {first} and {i}"
                )


def as_trained(model: Module, data: Dataset) -> Dataset:
    """The data on the model's device, with floating-point tensors in the model's dtype."""
    _, first = next(model.named_parameters(), ("", None))
    if first is None:
        return data
    like = first.value if first.is_shaped else first.template
    return data.to(like.device, like.dtype)
