"""A table of learned vectors."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from plaingrad import init
from plaingrad.module import Module, ModuleError
from plaingrad.nn.common.half import widen
from plaingrad.parameter import Parameter, learned, shape


class Embedding(Module):
    r"""Looks up a learned vector for each index.

    .. math::
        y_i = W_{x_i}, \qquad
        \frac{\partial \ell}{\partial W_j} = \sum_{i :\, x_i = j} \frac{\partial \ell}{\partial y_i}

    The input is made of integers, so it has no gradient: backward returns None.

    Shapes: ``(*batch)`` of integers to ``(*batch, embedding_dim)``.

    Args:
        num_embeddings: the number of vectors; indices go from 0 to one less.
        embedding_dim: the size of each vector.
        padding_idx: a vector that starts at zero and is not learned; negative ones count from the end.
        max_norm: if given, vectors that are looked up are first shortened, in place, to this norm.
        norm_type: the p of that p-norm.
        scale_grad_by_freq: whether to divide a vector's gradient by how often it was looked up in the batch.
        sparse: only False; gradients are dense.
        device: where the table lives.
        dtype: its floating-point type.

    Attributes:
        weight: the table W, shape ``(num_embeddings, embedding_dim)``, drawn from N(0, 1).

    Raises:
        ModuleError: an index or ``padding_idx`` is outside of the table, the input is not of integers, or
            ``sparse`` is True.

    Source: Y. Bengio, R. Ducharme, P. Vincent, C. Jauvin, "A neural probabilistic language model", 2003.
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
        _freeze: bool = False,
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
        self.weight.frozen = _freeze

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Float[Tensor, "num_embeddings embedding_dim"],
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Embedding:
        """An embedding with a copy of the given table, which stays as it is if ``freeze``.

        Raises:
            ModuleError: the table is no matrix.
        """
        if embeddings.ndim != 2:
            expected = "a table (num_embeddings, embedding_dim)"
            raise ModuleError(cls.__new__(cls, embeddings), f"expected {expected}, got {shape(embeddings)}")
        return cls(
            embeddings.shape[0],
            embeddings.shape[1],
            padding_idx,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            sparse,
            _weight=embeddings,
            _freeze=freeze,
        )

    def reset_parameters(self) -> None:
        """Redraw the table."""
        init.normal_(self.weight, generator=self.generator)
        if self.padding_idx is not None:
            self.weight.value[self.padding_idx] = 0

    def forward(self, x: Int[Tensor, "*batch"]) -> Float[Tensor, "*batch embedding_dim"]:
        if x.dtype not in (torch.int64, torch.int32):
            raise ModuleError(self, f"expected indices of torch.int64 or torch.int32, got {x.dtype}")
        rows = x.reshape(-1).long()
        vectors = self._look_up(rows)
        if self.max_norm is not None and vectors.numel():
            norms = widen(torch.linalg.vector_norm(vectors, self.norm_type, -1, keepdim=True))
            shorter = widen(vectors) * (self.max_norm / (norms + 1e-7))
            vectors = torch.where(norms > self.max_norm, shorter, vectors).to(vectors.dtype)
            self.weight.value.index_copy_(0, rows, vectors)
        y = vectors.view(*x.shape, self.embedding_dim)
        self.save(rows, y)
        return y

    def backward(self, dy: Float[Tensor, "*batch embedding_dim"]) -> None:
        rows = self.restore(dy)
        if not learned(self.weight):
            return
        drows = widen(dy.reshape(len(rows), self.embedding_dim))
        if self.padding_idx is not None:
            drows = drows.masked_fill((rows == self.padding_idx).unsqueeze(-1), 0)
        if self.scale_grad_by_freq:
            drows = drows / rows.bincount(minlength=self.num_embeddings)[rows].unsqueeze(-1)
        # Kernels that add row by row would round as often in half precision; not all do.
        dweight = self.weight.grad
        summed = widen(dweight).index_add_(0, rows, drows)
        if summed is not dweight:
            dweight.copy_(summed)

    def _look_up(self, rows: Int[Tensor, " rows"]) -> Float[Tensor, "rows embedding_dim"]:
        try:
            return self.weight.value.index_select(0, rows)
        except (IndexError, RuntimeError):  # the latter if the table is empty
            outside = rows[(rows < 0) | (rows >= self.num_embeddings)]
            if not len(outside):
                raise
            expected = f"indices from 0 to {self.num_embeddings - 1}"
            raise ModuleError(self, f"expected {expected}, got {outside[0]}") from None
