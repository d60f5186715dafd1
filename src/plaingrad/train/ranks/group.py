"""The processes that train one network together, and the numbers that they exchange."""

from __future__ import annotations

import atexit
import hashlib
import os
import pickle
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from plaingrad.data.shard import rank_and_size

CODE = re.compile(r"\[\S+:\d+\] ")  # the line of code that gloo's messages begin with


class RanksLost(RuntimeError):
    """Another process has ended, or did not answer in time."""


class Ranks:
    """This process and the others that train the same network.

    All of them call the same methods in the same order. They exchange through gloo: the process group of
    ``torch.distributed`` where there is one, else one made of torchrun's variables. A single process
    exchanges nothing.

    Args:
        timeout: the seconds after which a process that does not answer counts as lost.

    Attributes:
        rank: the number of this process, from 0.
        size: the number of all.

    Raises:
        RanksLost: from each method, if another process has ended or does not answer.
    """

    def __init__(self, timeout: float) -> None:
        self.rank, self.size = rank_and_size()
        self._group: Any = None
        if self.size == 1:
            return
        wait = timedelta(seconds=timeout)
        with self._reporting():
            if not dist.is_initialized():
                dist.init_process_group("gloo", **_meeting(wait))
                atexit.register(_part)
            elif "gloo" not in str(dist.get_backend()):
                self._group = dist.new_group(backend="gloo", timeout=wait)

    def sum(self, vector: Tensor) -> Tensor:
        """Add up the vectors of all processes, in place, to the same bits in each."""
        return self._reduced(vector, dist.ReduceOp.SUM)

    def largest(self, numbers: Sequence[float]) -> list[float]:
        """The largest of each of these numbers among the processes."""
        return self._reduced(torch.tensor(numbers, dtype=torch.float64), dist.ReduceOp.MAX).tolist()

    def agree(self, value: Any, *flags: bool) -> tuple[bool, list[bool]]:
        """Exchange in one go whether all are alike, and flags.

        Args:
            value: anything that is printed alike where it is alike.
            flags: the flags of this process; as many in all.

        Returns:
            True if the value is the same in all processes; and for each flag True if it is true in any.
        """
        digest = hashlib.sha256(repr(value).encode()).digest()
        number = float(int.from_bytes(digest[:6], "big"))  # which float64 holds exactly
        largest, negative, *any_of = self.largest([number, -number, *map(float, flags)])
        return largest == -negative, [each > 0 for each in any_of]

    def broadcast(self, vector: Tensor) -> Tensor:
        """Overwrite a vector by that of process 0."""
        if self.size > 1:
            with self._reporting():
                dist.broadcast(vector, 0, group=self._group)
        return vector

    def broadcast_object(self, value: Any) -> Any:
        """The value of process 0, which must be picklable."""
        own = bytearray(pickle.dumps(value) if self.rank == 0 else b"")
        length = self.broadcast(torch.tensor([len(own)]))
        vector = torch.zeros(int(length), dtype=torch.uint8)
        if self.rank == 0:
            vector = torch.frombuffer(own, dtype=torch.uint8)
        content = self.broadcast(vector).numpy().tobytes()
        return pickle.loads(content) if self.rank else value

    def _reduced(self, vector: Tensor, operation: Any) -> Tensor:
        if self.size > 1 and vector.numel():
            with self._reporting():
                if vector.device.type == "cpu":
                    dist.all_reduce(vector, operation, group=self._group)
                else:
                    copy = vector.cpu()
                    dist.all_reduce(copy, operation, group=self._group)
                    vector.copy_(copy)
        return vector

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        """Say in one line what a failed exchange means.

        Raises:
            RanksLost: the exchange failed.
        """
        try:
            yield
        except (RuntimeError, OSError) as error:
            cause = CODE.sub("", " ".join(str(error).split())).partition(". ")[0]
            text = f"process {self.rank} of {self.size} has lost another one, and ends ({cause})"
            raise RanksLost(text) from None


def _part() -> None:
    """Close the connections before Python ends: with gloo's threads still there, it aborts at times."""
    if dist.is_initialized():
        dist.destroy_process_group()


def _meeting(timeout: timedelta) -> dict[str, Any]:
    """The store where the processes meet, for this attempt of torchrun's alone.

    torchrun starts them again with the store that they had, in which the addresses of the dead still stand.
    """
    store, rank, size = next(dist.rendezvous("env://", timeout=timeout))
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    store = dist.PrefixStore(f"attempt {attempt}", store)
    return {"store": store, "rank": rank, "world_size": size, "timeout": timeout}
