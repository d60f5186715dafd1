"""The table of learned vectors that embeddings look up."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from plaingrad import init
from plaingrad.module import Module, ModuleError
from plaingrad.nn.common.half import widen
from plaingrad.parameter import Parameter, shape


class Table(Module):
    """A table of vectors, of which a batch looks up and learns a few.

    Args:
        num_embeddings: the number of vectors.
        embedding_dim: the size of each vector.
        padding_idx: a vector that starts at zero and is not learned; negative ones count from the end.
        max_norm: if given, vectors that are looked up are first shortened, in place, to this norm.
        norm_type: the p of that p-norm.
        scale_grad_by_freq: whether to divide a vector's gradient by how often it was looked up in the batch.
        sparse: only False; gradients are dense.
        _weight: the table to begin with.
        device: where the table lives.
        dtype: its floating-point type.
    """

    weight: Parameter
    differentiable: ClassVar[tuple[str, ...] | None] = ()

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        if sparse:
            raise ModuleError(self, "sparse=True asks for sparse gradients; these are dense, leave it out")
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            span = f"{-num_embeddings} to {num_embeddings - 1}"
            raise ModuleError(self, f"expected padding_idx from {span}, got {padding_idx}")
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = None if padding_idx is None else padding_idx % num_embeddings
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        if _weight is not None:
            if _weight.shape != (num_embeddings, embedding_dim):
                expected = f"a table ({num_embeddings}, {embedding_dim})"
                raise ModuleError(self, f"expected {expected}, got {shape(_weight)}")
            self.weight = Parameter(_weight.to(device, dtype, copy=True))
        else:
            self.weight = Parameter(torch.empty(num_embeddings, embedding_dim, device=device, dtype=dtype))
            self.reset_parameters()

    def reset_parameters(self) -> None:
        """Redraw the table."""
        init.normal_(self.weight, generator=self.generator)
        if self.padding_idx is not None:
            self.weight.value[self.padding_idx] = 0

    def look_up(
        self, x: Int[Tensor, ...]
    ) -> tuple[Int[Tensor, " rows"], Float[Tensor, "rows embedding_dim"]]:
        """The rows that the indices name, one after another, and their vectors, shortened to ``max_norm``."""
        if x.dtype not in (torch.int64, torch.int32):
            raise ModuleError(self, f"expected indices of torch.int64 or torch.int32, got {x.dtype}")
        rows = x.reshape(-1).long()
        vectors = self._vectors(rows)
        if self.max_norm is not None and vectors.numel():
            norms = widen(torch.linalg.vector_norm(vectors, self.norm_type, -1, keepdim=True))
            shorter = widen(vectors) * (self.max_norm / (norms + 1e-7))
            vectors = torch.where(norms > self.max_norm, shorter, vectors).to(vectors.dtype)
            # Past the counter of changes: it is also that of other layers of the optimizer, whose backward
            # is still to come.
            self.weight.value.data.index_copy_(0, rows, vectors)
        return rows, vectors

    def learn(self, rows: Int[Tensor, " rows"], drows: Float[Tensor, "rows embedding_dim"]) -> None:
        """Add the gradients of the vectors of these rows to those of the table."""
        if self.padding_idx is not None:
            drows = drows.masked_fill((rows == self.padding_idx).unsqueeze(-1), 0)
        if self.scale_grad_by_freq:
            drows = drows / counts(rows, self.num_embeddings)[rows].unsqueeze(-1)
        # Kernels that add row by row would round as often in half precision; not all do.
        dweight = self.weight.grad
        summed = widen(dweight).index_add_(0, rows, drows)
        if summed is not dweight:
            dweight.copy_(summed)

    def _vectors(self, rows: Int[Tensor, " rows"]) -> Float[Tensor, "rows embedding_dim"]:
        try:
            return self.weight.value.index_select(0, rows)
        except (IndexError, RuntimeError):  # the latter if the table is empty
            outside = rows[(rows < 0) | (rows >= self.num_embeddings)]
            if not len(outside):
                raise
            expected = f"indices from 0 to {self.num_embeddings - 1}"
            raise ModuleError(self, f"expected {expected}, got {outside[0]}") from None


def counts(indices: Int[Tensor, " indices"], size: int) -> Int[Tensor, " size"]:
    """The number of times that each index up to a size occurs; unlike ``bincount``, without fetching any."""
    return indices.new_zeros(size).index_add_(0, indices, torch.ones_like(indices))


def expect_table(module: Module, embeddings: Tensor) -> None:
    """Refuse a table that is no matrix."""
    if embeddings.ndim != 2:
        expected = "a table (num_embeddings, embedding_dim)"
        raise ModuleError(module, f"expected {expected}, got {shape(embeddings)}")
