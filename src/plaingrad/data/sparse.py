"""Rows of samples that are a sparse matrix: a tensor of the layout `torch.sparse_csr`."""

from __future__ import annotations

import functools
import warnings
from typing import Any

import torch
from torch import Tensor


def is_sparse(samples: Tensor) -> bool:
    """True for a sparse matrix in compressed rows."""
    return samples.layout is torch.sparse_csr


def stored(samples: Tensor) -> Tensor:
    """The numbers that a tensor stores: all of a dense one, those beside the zeros of a sparse one."""
    return samples.values() if is_sparse(samples) else samples


def from_scipy(matrix: Any) -> Tensor:
    """A sparse tensor of a matrix of `scipy.sparse`; repeated entries are added up, as scipy means them."""
    matrix = matrix.tocsr()
    if not matrix.has_canonical_format:
        matrix = matrix.copy()
        matrix.sum_duplicates()
    first, columns = (torch.from_numpy(each).long() for each in (matrix.indptr, matrix.indices))
    return compressed(first, columns, torch.from_numpy(matrix.data), matrix.shape[1])


def take(samples: Tensor, rows: Tensor | slice) -> Tensor:
    """The samples with these indices."""
    if not is_sparse(samples):
        return samples[rows] if isinstance(rows, slice) else samples.index_select(0, rows)
    first, columns, values = samples.crow_indices(), samples.col_indices(), samples.values()
    if isinstance(rows, slice):
        start, stop, step = rows.indices(len(samples))
        if step == 1:
            bounds = first[start : max(start, stop) + 1]
            part = slice(int(bounds[0]), int(bounds[-1]))
            return compressed(bounds - bounds[0], columns[part], values[part], samples.shape[1])
    order = torch.arange(start, max(start, stop), step) if isinstance(rows, slice) else rows
    counts = first.diff()[order]
    bounds = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    shift = (first[order] - bounds[:-1]).repeat_interleave(counts)
    positions = shift + torch.arange(len(shift), device=shift.device)
    return compressed(bounds, columns[positions], values[positions], samples.shape[1])


def batches(samples: Tensor, size: int) -> tuple[Tensor, ...]:
    """The samples in their order, so many at once; the last batch is smaller if it must be."""
    if not is_sparse(samples):
        return samples.split(size)
    return tuple(take(samples, slice(i, i + size)) for i in range(0, len(samples), size))


def compressed(first: Tensor, columns: Tensor, values: Tensor, width: int) -> Tensor:
    """A sparse matrix of compressed rows, which are not checked."""
    _accept_beta()
    shape = len(first) - 1, width
    return torch.sparse_csr_tensor(first, columns, values, shape, check_invariants=False)


@functools.cache
def _accept_beta() -> None:
    """Use up, silently, torch's single warning that these tensors are in beta state."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta state")
        nothing = torch.zeros(0)
        torch.sparse_csr_tensor(
            torch.zeros(2).long(), nothing.long(), nothing, (1, 1), check_invariants=False
        )
