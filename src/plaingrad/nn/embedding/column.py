"""Learned vectors for the categorical columns of a table."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float, Int
from torch import Tensor

from plaingrad.module import Module, ModuleError
from plaingrad.nn.container.base import Container
from plaingrad.nn.embedding.embedding import Embedding
from plaingrad.parameter import shape


class ColumnEmbedding(Module):
    r"""Replaces columns of codes by learned vectors, each looked up in the column's own table.

    The other columns p pass unchanged and come first; after them the vectors for the columns c of codes, in
    the order of the columns:

    .. math::
        y_i &= \big[\, x_{ip_1}, x_{ip_2}, \dots,\;
            W^{(c_1)}_{x_{ic_1}}, W^{(c_2)}_{x_{ic_2}}, \dots \big] \\
        \frac{\partial \ell}{\partial W^{(c)}_j} &= \sum_{i :\, x_{ic} = j}
            \Big(\frac{\partial \ell}{\partial y_i}\Big)^{(c)}, \qquad
        \frac{\partial \ell}{\partial x_{ip}} = \Big(\frac{\partial \ell}{\partial y_i}\Big)^{(p)}, \qquad
        \frac{\partial \ell}{\partial x_{ic}} = 0

    where the superscript takes the piece of the gradient that belongs to a column. So one matrix of
    floating-point numbers can hold a whole table: measured columns beside coded ones.

    Shapes: ``(*batch, in_features)`` to ``(*batch, out_features)``, where ``out_features`` is the number of
    columns that pass plus the sizes of all vectors.

    Args:
        in_features: the number of columns.
        columns: for each column of codes, counted from 0, the pair ``(num_embeddings, embedding_dim)``: its
            codes are the whole numbers from 0 to num_embeddings - 1, its vectors have embedding_dim numbers.
        device: where the tables live.
        dtype: their floating-point type, and that of the input.

    Attributes:
        out_features: the number of columns of the output.
        passed: the columns that pass, in order.
        columns: the `Embedding` of each column of codes, drawn from N(0, 1).
        tables: holds these as modules, named by their columns.

    Raises:
        ModuleError: there is no column of codes, or one that is not among the input's, or a size is not
            positive; the input's last axis or its dtype does not fit; or a code is no whole number or not in
            its table; the message names the column.

    Source: C. Guo, F. Berkhahn, "Entity embeddings of categorical variables", 2016.
    """

    columns: dict[int, Embedding]
    tables: Container

    def __init__(
        self,
        in_features: int,
        columns: Mapping[int, tuple[int, int]],
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        if not columns:
            raise ModuleError(self, "expected at least one column of codes, got none")
        for column, (codes, size) in columns.items():
            if not 0 <= column < in_features:
                raise ModuleError(self, f"expected columns from 0 to {in_features - 1}, got {column}")
            if codes < 1 or size < 1:
                expected = f"(num_embeddings, embedding_dim) of column {column} positive"
                raise ModuleError(self, f"expected {expected}, got ({codes}, {size})")
        self.in_features = in_features
        self.passed = [column for column in range(in_features) if column not in columns]
        self.columns = {c: Embedding(*columns[c], device=device, dtype=dtype) for c in sorted(columns)}
        self.tables = Container({str(c): table for c, table in self.columns.items()})
        self.out_features = len(self.passed) + sum(size for _, size in columns.values())

    def reset_parameters(self) -> None:
        """Redraw all tables."""
        for table in self.columns.values():
            table.reset_parameters()

    def forward(self, x: Float[Tensor, "*batch in_features"]) -> Float[Tensor, "*batch out_features"]:
        dtype = next(iter(self.columns.values())).weight.value.dtype
        if x.ndim == 0 or x.shape[-1] != self.in_features or x.dtype != dtype:
            expected = f"input (*, {self.in_features}) of {dtype}"
            raise ModuleError(self, f"expected {expected}, got {shape(x)} of {x.dtype}")
        codes = [self.codes(x, c) for c in self.columns]
        vectors = [table.forward(indices) for table, indices in zip(self.columns.values(), codes)]
        y = torch.cat([x[..., self.passed], *vectors], -1)
        self.save(None, y)
        return y

    def backward(self, dy: Float[Tensor, "*batch out_features"]) -> Float[Tensor, "*batch in_features"]:
        self.restore(dy)
        tables = list(self.columns.values())
        dpassed, *dvectors = dy.split([len(self.passed), *(t.embedding_dim for t in tables)], -1)
        for table, dvector in zip(tables, dvectors):
            table.backward(dvector)
        dx = dy.new_zeros(*dy.shape[:-1], self.in_features)
        dx[..., self.passed] = dpassed
        return dx

    def codes(self, x: Float[Tensor, "*batch in_features"], column: int) -> Int[Tensor, "*batch"]:
        """A column's codes as indices of its table."""
        values, last = x[..., column].detach(), self.columns[column].num_embeddings - 1
        indices = values.long().clamp(0, last)
        wrong = (indices != values).nonzero()
        if len(wrong):
            index = tuple(wrong[0].tolist())
            expected = f"whole numbers from 0 to {last} in column {column}"
            raise ModuleError(self, f"expected {expected}, got {values[index].item()} at {[*index, column]}")
        return indices
