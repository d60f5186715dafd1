"""The shares of several processes in the samples of a data set."""

from __future__ import annotations

import operator
import os
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from plaingrad.data.checks import expect_positive
from plaingrad.errors import InputError


def rank_and_size() -> tuple[int, int]:
    """The rank of this process and the number of all.

    They are those of ``torch.distributed`` where it is initialised; else those of the variables ``RANK`` and
    ``WORLD_SIZE``, as torchrun sets them; else 0 and 1.

    Raises:
        InputError: the variables are no rank and no number of processes.
    """
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    rank, size = (os.environ.get(name) for name in ("RANK", "WORLD_SIZE"))
    if rank is None or size is None:
        return 0, 1
    if not (rank.isdecimal() and size.isdecimal() and int(rank) < int(size)):
        raise InputError(
            f"RANK, WORLD_SIZE: expected a rank below the number of processes, got {rank}, {size}"
        )
    return int(rank), int(size)


def share(count: int, rank: Any, world_size: Any, contiguous: bool) -> slice | Tensor:
    """The samples of one process out of so many; the shares of all have one length.

    Raises:
        InputError: there is no such rank, or there are fewer samples than processes.
    """
    own_rank, own_size = rank_and_size() if rank is None or world_size is None else (rank, world_size)
    size = own_size if world_size is None else expect_positive("world_size", world_size)
    number = own_rank if rank is None else rank
    if isinstance(number, bool) or not hasattr(number, "__index__") or not 0 <= operator.index(number) < size:
        raise InputError(f"rank: expected an integer from 0 to {size - 1}, got {number!r}")
    number, length = operator.index(number), count // size
    if not length:
        raise InputError(f"shard: expected at least one sample for each of {size} processes, got {count}")
    if contiguous:
        return slice(number * length, (number + 1) * length)
    return torch.arange(number, length * size, size)  # a copy: the rest can be forgotten
