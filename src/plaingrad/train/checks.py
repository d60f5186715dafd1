"""What training refuses before it begins, each in one line."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, SupportsIndex

import torch

from plaingrad.data import Dataset
from plaingrad.module import Module
from plaingrad.nn import Loss
from plaingrad.optim import Optimizer, Schedule
from plaingrad.train.callbacks import Callback


def expect_positive(name: str, value: SupportsIndex) -> int:
    """The value, if it is an integer of at least 1."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or operator.index(value) < 1:
        raise ValueError(f"{name}: expected a positive integer, got {value!r}")
    return operator.index(value)


def expect_batch_size(batch_size: SupportsIndex, data: Dataset) -> int:
    """The batch size, if the data fill one batch."""
    size = expect_positive("batch_size", batch_size)
    if size > len(data):
        raise ValueError(f"batch_size: expected at most the {len(data)} samples of the data, got {size}")
    return size


def expect_seed(seed: SupportsIndex | None) -> int | None:
    """The seed, if it is None or fits torch's generators."""
    if seed is None:
        return None
    if isinstance(seed, bool) or not hasattr(seed, "__index__") or not 0 <= operator.index(seed) < 2**63:
        raise ValueError(f"seed: expected None or an integer from 0 to 2**63 - 1, got {seed!r}")
    return operator.index(seed)


def expect_loss(loss: Any) -> None:
    """Refuse what is no loss, or does not give one number."""
    if not isinstance(loss, Loss):
        raise ValueError(f"loss: expected a Loss such as nn.MSELoss(), got {loss!r}")
    if loss.reduction == "none":
        raise ValueError(f"loss: expected reduction 'mean' or 'sum', got {loss!r}")


def expect_optimizer(optimizer: Any, model: Module) -> None:
    """Refuse what is no optimizer, or updates something else than the model."""
    if not isinstance(optimizer, Optimizer):
        raise ValueError(
            f"optimizer: expected an Optimizer such as optim.SGD(model.parameters()), got {optimizer!r}"
        )
    own = {id(parameter) for parameter in model.parameters()}
    held = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    foreign = sum(id(parameter) not in own for parameter in held)
    if foreign:
        raise ValueError(
            f"optimizer: expected the model's parameters alone, got {foreign} others among {len(held)}"
        )


def expect_schedule(schedule: Any, optimizer: Optimizer) -> None:
    """Refuse what is no schedule, or steers another optimizer."""
    if schedule is None:
        return
    if not isinstance(schedule, Schedule):
        raise ValueError(f"schedule: expected one such as optim.StepLR(optimizer, 10), got {schedule!r}")
    if schedule.optimizer is not optimizer:
        raise ValueError("schedule: expected one for the same optimizer, got one for another")


def expect_callbacks(callbacks: Sequence[Any]) -> None:
    """Refuse what is no callback."""
    for callback in callbacks:
        if not isinstance(callback, Callback):
            raise ValueError(f"callbacks: expected instances of Callback, got {callback!r}")


def as_trained(model: Module, data: Dataset) -> Dataset:
    """The data on the model's device, floating-point tensors in the model's dtype."""
    first = next(iter(model.parameters()), None)
    return data if first is None else data.to(first.value.device, first.value.dtype)


def device_of(model: Module) -> torch.device:
    """Where the model's parameters are; the CPU if it has none."""
    first = next(iter(model.parameters()), None)
    return torch.device("cpu") if first is None else first.value.device
