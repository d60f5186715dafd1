"""Batches that come from outside."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import torch

from plaingrad.data.checks import expect_positive, one_line
from plaingrad.data.dataset import Dataset
from plaingrad.data.random_states import random_states, restore_random_states
from plaingrad.data.samples import is_array, is_several
from plaingrad.errors import InputError, error_fields
from plaingrad.module import Module

ENDED = object()


class Batches:
    """The batches of each epoch, from a list, a loader, a function that returns an iterator, or an iterator.

    Args:
        name: the name of the argument, for messages.
        source: the list, loader, function or iterator. All but an iterator are iterated anew in each epoch.
        prepared: what becomes of each batch.
        steps: the number of batches in an epoch; None for all. With it, an epoch goes on where the one before
            has ended.

    Attributes:
        once: whether the source can be iterated once only.
        count: the number of batches that the current epoch has had.
        latest: the last of these.

    Raises:
        InputError: ``steps`` is no positive integer.
    """

    latest: Dataset

    def __init__(
        self, name: str, source: Any, prepared: Callable[[Dataset], Dataset], steps: int | None = None
    ) -> None:
        self.name, self.source, self.prepared = name, source, prepared
        self.steps = None if steps is None else expect_positive("steps_per_epoch", steps)
        self.once = not callable(source) and iter(source) is source
        self.count = self._drawn = 0
        self._iterator: Iterator[Any] | None = None
        self._next: Dataset | None = None
        self._random = self._random_states()

    @property
    def length(self) -> int | None:
        """The number of batches in an epoch, if it is known."""
        return operator.length_hint(self.source, 0) or None if self.steps is None else self.steps

    def first(self) -> Dataset:
        """The next batch, which the epoch will begin with.

        Raises:
            InputError: there is none, or it is no batch.
        """
        if not self.ready() or self._next is None:
            raise InputError(f"{self.name}: expected at least one batch, got none")
        return self._next

    def ready(self) -> bool:
        """True if there is a batch for a new epoch; it is drawn, and kept.

        Raises:
            InputError: it is no batch, or a source that is iterated anew has none.
        """
        if self._draw() or self._draw_anew():
            return True
        if not self.once:
            raise InputError(f"{self.name}: expected at least one batch in each epoch, got none")
        return False

    def __iter__(self) -> Iterator[Dataset]:
        self.count = 0
        while self.count != self.steps:
            if not self._draw() and not ((self.steps or not self.count) and self._draw_anew()):
                break
            assert self._next is not None
            self.latest, self._next = self._next, None
            self.count += 1
            yield self.latest

    def _draw(self) -> bool:
        """Draw a batch unless one waits; False if there is none."""
        if self._next is None and self._iterator is not None:
            batch = next(self._iterator, ENDED)  # "for" would ask for the iterator again, which may rewind
            if batch is not ENDED:
                self._next = self._prepared(batch)
        return self._next is not None

    def _draw_anew(self) -> bool:
        """Draw the first batch of a new iteration; False if there can be none."""
        if self.once and self._iterator is not None:
            return False
        self._random = self._random_states()
        self._iterator = iter(self.source() if callable(self.source) else self.source)
        self._drawn = 0
        return self._draw()

    def state_dict(self) -> dict[str, Any]:
        """The position between two epochs: the batches of the current iteration, and how it began."""
        waiting = self._next is not None
        return {
            "batches": self._drawn - waiting,
            "random": self._random,
            "generators": [generator.get_state() for generator in self._generators()],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go to a position of an earlier run; the batches before it are drawn, and dropped.

        Without ``steps`` each epoch begins a new iteration, and nothing has to be drawn.
        """
        if not self.once:
            self._iterator = self._next = None
            restore_random_states(state["random"]["all"])
            self._set_generators(state["random"]["own"])
        if self.steps is not None:
            for _ in range(state["batches"]):
                if not self._draw():
                    self._draw_anew()
                self._next = None
        self._set_generators(state["generators"])

    def _random_states(self) -> dict[str, Any]:
        """The states that an iteration which begins now depends on."""
        return {"all": random_states(), "own": [each.get_state() for each in self._generators()]}

    def _generators(self) -> list[torch.Generator]:
        """The generators that a DataLoader and its sampler have of their own."""
        holders = (self.source, getattr(self.source, "sampler", None))
        own = [getattr(holder, "generator", None) for holder in holders]
        return list(dict.fromkeys(each for each in own if isinstance(each, torch.Generator)))

    def _set_generators(self, states: list[torch.Tensor]) -> None:
        for generator, state in zip(self._generators(), states):
            generator.set_state(state)

    def _prepared(self, batch: Any) -> Dataset:
        self._drawn += 1
        where = f"{self.name}, batch {self._drawn}"
        if not isinstance(batch, Dataset):
            if not isinstance(batch, (tuple, list)) or len(batch) != 2:
                got = f"{len(batch)} entries" if isinstance(batch, (tuple, list)) else type(batch).__name__
                raise InputError(f"{where}: expected a pair (inputs, targets), got {got}")
            batch = tuple(map(_as_tuple, batch))
        with error_fields(argument=where):
            return self.prepared(Dataset.of(batch))


def _as_tuple(samples: Any) -> Any:
    """The samples; a list of arrays, as a DataLoader makes it, as a tuple."""
    return tuple(samples) if isinstance(samples, list) and any(map(is_array, samples)) else samples


def are_batches(data: Any) -> bool:
    """True for batches, False for a data set or a pair (inputs, targets).

    A list is one of batches if it consists of pairs of tensors, arrays, or several of them.
    """
    if isinstance(data, list):
        return bool(data) and all(map(_is_batch, data))
    if isinstance(data, (Dataset, tuple, dict, str, bytes, Module)) or hasattr(data, "shape"):
        return False
    return callable(data) or hasattr(data, "__iter__")


def _is_batch(entry: Any) -> bool:
    if isinstance(entry, Dataset):
        return True
    is_pair = isinstance(entry, (tuple, list)) and len(entry) == 2
    return is_pair and all(is_array(each) or is_several(_as_tuple(each)) for each in entry)


def expect_repeatable(batches: Batches, epochs: int) -> None:
    """Refuse an iterator for several epochs that each need all of it.

    Raises:
        InputError: it is one.
    """
    if batches.once and batches.steps is None and epochs > 1:
        expected = "batches that can be iterated anew in each epoch, as a list, a DataLoader or a function"
        hint = ", or steps_per_epoch" if batches.name == "train" else ""
        raise InputError(f"{batches.name}: expected {expected}{hint}, got {one_line(batches.source)}")
