"""The number of torch's threads in training."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from plaingrad.contract.nest import tensors
from plaingrad.module import Module

FLOPS_PER_THREAD = (
    1e7  # about what one core does in the time that it takes to wake another for a few operations
)


def flops(model: Module, batch: Any) -> float:
    """An estimate of a step's floating-point operations on this batch, forward and backward.

    Each parameter is assumed to be used once at each position of a sample (every row along its last axis; one
    for a vector), with a multiplication and an addition in each of the three products: the output,
    the gradient of the input, the gradient of the weight. Of several inputs the largest counts.
    """
    parameters = sum(parameter.value.numel() for _, parameter in model.named_parameters())
    batch = max(tensors(batch), key=Tensor.numel)
    positions = batch.numel() // batch.shape[-1] if batch.ndim > 1 and batch.shape[-1] else len(batch)
    return 6.0 * parameters * positions


@contextmanager
def threads_for(model: Module, batch: Any) -> Iterator[None]:
    """Set one of torch's threads for every `FLOPS_PER_THREAD` of a step, then restore the number.

    At least one, and at most as many as before: a network of width 25 is many times slower on 16 threads than
    on one.
    """
    with threads(max(1, min(torch.get_num_threads(), int(flops(model, batch) / FLOPS_PER_THREAD)))):
        yield


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Set the number of torch's threads for calls from this thread, then restore it."""
    before = torch.get_num_threads()
    set_threads(count)
    try:
        yield
    finally:
        set_threads(before)


_setting = threading.Lock()


def set_threads(count: int) -> None:
    """Set the number of torch's threads for calls from this Python thread.

    OpenMP and MKL keep the number for each calling thread, so concurrent trainings do not interfere. But
    torch also remembers the last number that any thread has set, as the default of new threads: a training
    that starts in one while another runs would take that number for the user's, and leave it behind. So the
    default is restored, in a new thread: only there can it be read, and set without a change here.
    """
    if count == torch.get_num_threads():
        return
    read, changed = threading.Event(), threading.Event()

    def restore_default() -> None:
        default = torch.get_num_threads()
        read.set()
        changed.wait()
        torch.set_num_threads(default)

    with _setting:
        # Started before the change, so that the default is wrong only until this thread wakes. A thread that
        # uses torch for the first time just then starts with this number, which nothing can prevent.
        keeper = threading.Thread(target=restore_default)
        keeper.start()
        try:
            read.wait()
            torch.set_num_threads(count)
        finally:
            changed.set()
            keeper.join()
