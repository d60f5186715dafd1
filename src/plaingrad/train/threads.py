"""How many threads a step of training is worth."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from plaingrad.module import Module

FLOPS_PER_THREAD = (
    1e7  # about what one core does in the time that it takes to wake another for a few operations
)


def flops(model: Module, batch: Tensor) -> float:
    """A rough count of a step's arithmetic on this batch, forward and backward.

    Each parameter is taken to be used once at each position of a sample (every row along its last axis; one
    for a plain vector), with a multiplication and an addition in each of the three products: the output,
    the gradient of the input, the gradient of the weight.
    """
    parameters = sum(parameter.value.numel() for parameter in model.parameters())
    positions = batch.numel() // batch.shape[-1] if batch.ndim > 1 and batch.shape[-1] else len(batch)
    return 6.0 * parameters * positions


@contextmanager
def threads_for(model: Module, batch: Tensor) -> Iterator[None]:
    """Let torch use one thread for every `FLOPS_PER_THREAD` of a step, and afterwards as many as before.

    Never fewer than one or more than before: a network of width 25 is many times slower on 16 threads than
    on one.
    """
    with threads(max(1, min(torch.get_num_threads(), int(flops(model, batch) / FLOPS_PER_THREAD)))):
        yield


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Let torch use so many threads, and afterwards as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
