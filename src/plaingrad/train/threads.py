"""How many threads a step of training is worth."""

from __future__ import annotations

import threading
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
    """Let torch use so many threads for what is called from here, and afterwards as many as before."""
    before = torch.get_num_threads()
    set_threads(count)
    try:
        yield
    finally:
        set_threads(before)


_setting = threading.Lock()


def set_threads(count: int) -> None:
    """Let torch use so many threads for what the calling thread of Python does.

    OpenMP and MKL keep the number for each thread that calls them, so trainings at once do not meet. But
    torch also notes the last number that any thread has set, and begins with it in every new thread: a
    training that starts there while another one runs would take that one's number for the user's, and leave
    it behind. So the note is put back, for which it takes a new thread: only there can it be read, and only
    there can it be set without changing the number here.
    """
    if count == torch.get_num_threads():
        return
    read, changed = threading.Event(), threading.Event()

    def keep_note() -> None:
        noted = torch.get_num_threads()
        read.set()
        changed.wait()
        torch.set_num_threads(noted)

    with _setting:
        # Started before the change, so that the note is wrong for no longer than it takes to wake it. A
        # thread that uses torch for the first time just then begins with this number, and nobody can tell.
        keeper = threading.Thread(target=keep_note)
        keeper.start()
        try:
            read.wait()
            torch.set_num_threads(count)
        finally:
            changed.set()
            keeper.join()
