"""A table of learned vectors."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from plaingrad.nn.common.half import widen
from plaingrad.nn.embedding.table import Table, expect_table
from plaingrad.parameter import learned


class Embedding(Table):
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
        super().__init__(
            num_embeddings,
            embedding_dim,
            padding_idx,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            sparse,
            _weight,
            device,
            dtype,
        )
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
        expect_table(cls.__new__(cls, embeddings), embeddings)
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

    def forward(self, x: Int[Tensor, "*batch"]) -> Float[Tensor, "*batch embedding_dim"]:
        rows, vectors = self.look_up(x)
        y = vectors.view(*x.shape, self.embedding_dim)
        self.save(rows, y)
        return y

    def backward(self, dy: Float[Tensor, "*batch embedding_dim"]) -> None:
        rows = self.restore(dy)
        if learned(self.weight):
            self.learn(rows, widen(dy.reshape(len(rows), self.embedding_dim)))
