"""Data sets: inputs, targets, and the names of their columns and classes."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from plaingrad.contract.html import html_table
from plaingrad.contract.nest import mapped
from plaingrad.data.checks import expect_positive
from plaingrad.data.finite import all_finite, parts
from plaingrad.data.samples import first_of, is_several, named_tensors, rows, take
from plaingrad.data.shard import share
from plaingrad.data.sparse import from_scipy, is_sparse
from plaingrad.errors import InputError


@dataclass(frozen=True, repr=False)
class Dataset:
    """Samples along the first axis of two tensors, or of more.

    Args:
        inputs: shape ``(n, ...)``; or a sparse matrix of the layout `torch.sparse_csr`, for a network
            whose first layer is linear. Several inputs are a tuple of such tensors, or a dict by the names of
            the arguments of the network's forward.
        targets: shape ``(n, ...)``: int64 class indices ``(n,)``, or real values; a tuple or dict of these
            for several outputs.
        feature_names: a name for each column of the inputs; may be empty.
        class_names: a name for each class index; empty for regression.

    Raises:
        InputError: there are no samples, the lengths differ, or a value is NaN or infinite.
    """

    inputs: Any
    targets: Any
    feature_names: Sequence[str] = ()
    class_names: Sequence[str] = ()

    def __post_init__(self) -> None:
        inputs, targets = (
            list(named_tensors(name, samples))
            for name, samples in (("inputs", self.inputs), ("targets", self.targets))
        )
        if not inputs or not targets:
            raise InputError(f"data: expected tensors, got no {'targets' if inputs else 'inputs'}")
        (name, first), *others = inputs
        if first.ndim == 0 or len(first) == 0:
            raise InputError("data: expected at least one sample, got none")
        count = len(first)
        for other, tensor in others:
            _expect_length(f"{count} samples in {other} as in {name}", tensor, count)
        for other, tensor in targets:
            which = f" in {other}" if len(targets) > 1 else ""
            _expect_length(f"one target for each of {count} inputs{which}", tensor, count)
        for name, tensor in (*inputs, *targets):
            _expect_finite(name, tensor)

    @classmethod
    def of(cls, data: Dataset | tuple[Any, Any]) -> Dataset:
        """A data set, or one made of a pair of values for `as_tensor`; integer targets become int64."""
        if isinstance(data, Dataset):
            return data
        if not isinstance(data, (tuple, list)) or len(data) != 2:
            raise InputError(
                f"data: expected a Dataset or a pair (inputs, targets), got {type(data).__name__}"
            )
        targets = as_samples("targets", data[1])
        targets = mapped(lambda each: each if each.is_floating_point() else each.long(), targets)
        return cls(as_samples("inputs", data[0]), targets)

    def __len__(self) -> int:
        return rows(self.inputs)

    def __getitem__(self, index: Any) -> Any:
        """One sample ``(x, t)`` for an integer; a data set for a slice, indices, or a mask of True and False.

        Indices and masks are tensors, arrays or lists.

        A PyTorch ``DataLoader`` can so be made of it, too.

        Raises:
            IndexError: there is no such sample, or a mask has another length.
        """
        if isinstance(index, slice):
            return self.take(torch.tensor(range(len(self))[index], dtype=torch.int64))
        if hasattr(index, "__index__") and not getattr(index, "shape", ()):
            count, i = len(self), operator.index(index)
            if not -count <= i < count:
                raise IndexError(f"expected a sample from {-count} to {count - 1}, got {i}")
            one = self.take(torch.tensor([i % count]))
            return mapped(_only, one.inputs), mapped(_only, one.targets)
        chosen = torch.as_tensor(index)
        if chosen.dtype != torch.bool:
            return self.take(chosen)
        if chosen.shape != (len(self),):
            raise IndexError(f"expected a mask ({len(self)},) for the samples, got {tuple(chosen.shape)}")
        return self.take(chosen.nonzero()[:, 0])

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        """Each sample ``(x, t)``."""
        return map(self.__getitem__, range(len(self)))

    def batches(self, size: int, shuffle: bool = False, seed: int | None = None) -> Iterator[tuple[Any, Any]]:
        """Mini-batches ``(inputs, targets)``, for a training loop of one's own; the last may be smaller.

        Args:
            size: samples in each, at least 1.
            shuffle: whether they come in a random order, another one in each call.
            seed: makes the order the same in each call, and leaves torch's global random state as it is.

        Raises:
            InputError: the size is no positive integer.
        """
        size = expect_positive("size", size)
        generator = None if seed is None else torch.Generator().manual_seed(seed)
        order = torch.randperm(len(self), generator=generator) if shuffle else None

        def drawn() -> Iterator[tuple[Any, Any]]:
            for start in range(0, len(self), size):
                rows = slice(start, start + size)
                batch = self.take(rows if order is None else order[rows])
                yield batch.inputs, batch.targets

        return drawn()

    def __repr__(self) -> str:
        """The number of samples, and the shape and dtype of each tensor, on one line."""
        parts = ", ".join(f"{name} {shape} {dtype}" for name, shape, dtype, _ in self._described())
        classes = f", {len(self.class_names)} classes" if self.class_names else ""
        return f"Dataset({len(self)} samples: {parts}{classes})"

    def _repr_html_(self) -> str:
        """A row for each tensor, with its names, for a notebook."""
        caption = f"Dataset of {len(self):,} samples"
        return html_table(caption, ("", "shape", "dtype", "names"), self._described())

    def _described(self) -> list[tuple[str, str, str, str]]:
        """The name, the shape, the dtype and the names of the columns or classes of each tensor."""
        return [
            (name, str(tuple(tensor.shape)), str(tensor.dtype).removeprefix("torch."), _few(names))
            for part, names in (("inputs", self.feature_names), ("targets", self.class_names))
            for name, tensor in named_tensors(part, getattr(self, part))
        ]

    def to(self, *targets: torch.device | torch.dtype | str) -> Dataset:
        """Move to a device, convert floating-point tensors to a dtype, or both."""

        def moved(tensor: Tensor) -> Tensor:
            for target in targets:
                if tensor.is_floating_point() or not isinstance(target, torch.dtype):
                    tensor = tensor.to(target)
            return tensor

        x, t = mapped(moved, self.inputs), mapped(moved, self.targets)
        return self if x is self.inputs and t is self.targets else replace(self, inputs=x, targets=t)

    def take(self, rows: Tensor | slice) -> Dataset:
        """The samples with these indices."""
        targets = mapped(lambda each: each[rows], self.targets)
        return replace(self, inputs=take(self.inputs, rows), targets=targets)

    def shard(
        self, rank: int | None = None, world_size: int | None = None, contiguous: bool = False
    ) -> Dataset:
        """The share of one process of several: as many samples, and so as many batches, as that of any other.

        Process r of w has the samples r, r + w, r + 2w, ...; the last n mod w samples belong to none.

        Args:
            rank: the number of the process, from 0; None for this one, as ``torch.distributed`` or the
                variables ``RANK`` and ``WORLD_SIZE`` of torchrun say. Without these it has all samples.
            world_size: the number of processes; None likewise.
            contiguous: whether a share is consecutive samples: for data in random order, of which it is a
                view, or in a file that is mapped into memory.

        Raises:
            InputError: there is no such rank, or there are fewer samples than processes.
        """
        return self.take(share(len(self), rank, world_size, contiguous))

    def one_hot(self) -> Dataset:
        """The data set with one-hot targets in the dtype of the inputs, for losses such as MSE."""
        if not isinstance(self.targets, Tensor):
            raise InputError(f"one_hot: expected int64 class indices (n,), got {len(self.targets)} targets")
        if self.targets.ndim != 1 or self.targets.is_floating_point():
            raise InputError(f"one_hot: expected int64 class indices (n,), got {self.targets.dtype}")
        classes = max(len(self.class_names), int(self.targets.max()) + 1)
        return replace(self, targets=torch.eye(classes, dtype=first_of(self.inputs).dtype)[self.targets])


def _only(batch: Tensor) -> Tensor:
    """The only sample of a batch; a row of a sparse matrix as an array."""
    return (batch.to_dense() if is_sparse(batch) else batch)[0]


def _few(names: Sequence[str], most: int = 6) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(f"{name!s:.30}" for name in names[:most]) + more


def _expect_length(expected: str, tensor: Tensor, count: int) -> None:
    if tensor.ndim == 0 or len(tensor) != count:
        got = len(tensor) if tensor.ndim else "a single number"
        raise InputError(f"data: expected {expected}, got {got}")


def _expect_finite(name: str, tensor: Tensor) -> None:
    if not all_finite(tensor):
        tensor = tensor.to_dense() if is_sparse(tensor) else tensor
        start, count, first = 0, 0, None
        for part in parts(tensor):
            bad = (~torch.isfinite(part)).nonzero()
            if first is None and len(bad):
                first = [start + int(bad[0, 0]), *bad[0, 1:].tolist()]
            start, count = start + len(part), count + len(bad)
        assert first is not None
        value, index = tensor[tuple(first)].item(), ", ".join(map(str, first))
        raise InputError(f"data: expected finite {name}, got {value} at [{index}] ({count} in all)")


def as_samples(name: str, values: Any) -> Any:
    """The result of `as_tensor`; of a dict, or of a tuple with an array in it, that of each entry."""
    if not is_several(values):
        return as_tensor(name, values)
    if isinstance(values, dict):
        return {key: as_tensor(f"{name}[{key!r}]", entry) for key, entry in values.items()}
    return tuple(as_tensor(f"{name}[{i}]", entry) for i, entry in enumerate(values))


def as_tensor(name: str, values: Any) -> Tensor:
    """A tensor itself, or one of an array, a sparse matrix of scipy, a table or nested lists of numbers.

    Raises:
        InputError: the values are not numbers of a dtype that torch has, or have different shapes.
    """
    if isinstance(values, Tensor):
        return values
    if hasattr(values, "tocsr"):
        return from_scipy(values)
    try:
        array = np.array(values)
    except ValueError as error:
        raise InputError(f"data: expected {name} in rows of one length, got rows that differ") from error
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise InputError(f"data: expected numbers of at most 64 bits as {name}, got {array.dtype}")
    return torch.from_numpy(array.astype(array.dtype.newbyteorder("="), copy=False))
