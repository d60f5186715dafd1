"""Sums, means or maxima of vectors that are looked up."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from plaingrad.module import ModuleError
from plaingrad.nn.common.half import narrow, widen
from plaingrad.nn.embedding.table import Table, counts, expect_table
from plaingrad.parameter import learned, shape


class EmbeddingBag(Table):
    r"""Looks up a learned vector for each index, and takes the sum, mean or maximum of each bag of them.

    With the indices :math:`x_i` and weights :math:`s_i` (1 if there are none) of each bag B:

    .. math::
        \text{sum, mean:} \quad y_B &= \frac{1}{n_B} \sum_{i \in B} s_i W_{x_i}, \qquad
            \frac{\partial \ell}{\partial W_j} = \sum_{i :\, x_i = j}
            \frac{s_i}{n_B} \frac{\partial \ell}{\partial y_B}, \qquad
            \frac{\partial \ell}{\partial s_i} = W_{x_i} \cdot \frac{\partial \ell}{\partial y_B} \\
        \text{max:} \quad y_{Bc} &= W_{x_k c}, \qquad
            \frac{\partial \ell}{\partial W_{jc}} = \sum_{k :\, x_k = j}
            \frac{\partial \ell}{\partial y_{Bc}}, \qquad
            k = \operatorname*{arg\,max}_{i \in B} W_{x_i c}

    where n is 1 for a sum and the size of the bag for a mean, and of equal maxima the first counts. An empty
    bag gives 0. Half precision is summed in float32.

    Shapes: indices ``(bags, size)``; or ``(indices,)`` with ``offsets``, the first index of each bag,
    ``(bags,)``. ``per_sample_weights``, for sums alone, are shaped as the indices. The result is
    ``(bags, embedding_dim)``.

    Args:
        num_embeddings: the number of vectors; indices go from 0 to one less.
        embedding_dim: the size of each vector.
        max_norm: if given, vectors that are looked up are first shortened, in place, to this norm.
        norm_type: the p of that p-norm.
        scale_grad_by_freq: whether to divide a vector's gradient by how often it was looked up in the batch;
            not for maxima.
        mode: ``"sum"``, ``"mean"`` or ``"max"``.
        sparse: only False; gradients are dense.
        include_last_offset: whether ``offsets`` has one more entry, the end of the last bag.
        padding_idx: a vector that starts at zero, is not learned, and does not count in any bag; negative
            ones count from the end.
        device: where the table lives.
        dtype: its floating-point type.

    Attributes:
        weight: the table W, shape ``(num_embeddings, embedding_dim)``, drawn from N(0, 1).

    Raises:
        ModuleError: an index or ``padding_idx`` is outside of the table; the inputs' shapes or dtypes do not
            fit; the offsets do not begin at 0, fall, or exceed the indices; the mode is none of these or has
            no such option; or ``sparse`` is True.

    Source: A. Joulin, E. Grave, P. Bojanowski, T. Mikolov, "Bag of tricks for efficient text classification",
    2017.
    """

    differentiable: ClassVar[tuple[str, ...] | None] = ("per_sample_weights",)

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        if mode not in ("sum", "mean", "max"):
            raise ModuleError(self, f"expected mode 'sum', 'mean' or 'max', got {mode!r}")
        if mode == "max" and scale_grad_by_freq:
            raise ModuleError(self, "expected mode 'sum' or 'mean', for scale_grad_by_freq, got 'max'")
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
        self.mode = mode
        self.include_last_offset = include_last_offset

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Float[Tensor, "num_embeddings embedding_dim"],
        freeze: bool = True,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> EmbeddingBag:
        """An embedding with a copy of the given table, which stays as it is if ``freeze``.

        Raises:
            ModuleError: the table is no matrix.
        """
        expect_table(cls.__new__(cls, embeddings), embeddings)
        bag = cls(
            embeddings.shape[0],
            embeddings.shape[1],
            max_norm,
            norm_type,
            scale_grad_by_freq,
            mode,
            sparse,
            embeddings,
            include_last_offset,
            padding_idx,
        )
        bag.weight.frozen = freeze
        return bag

    def forward(
        self,
        x: Int[Tensor, "*shape"],
        offsets: Int[Tensor, " offsets"] | None = None,
        per_sample_weights: Float[Tensor, "*shape"] | None = None,
    ) -> Float[Tensor, "bags embedding_dim"]:
        self._expect(x, offsets, per_sample_weights)
        count, bag = self._bags(x, offsets)
        rows, vectors = self.look_up(x)
        rows, vectors = rows[: len(bag)], widen(vectors[: len(bag)])
        kept, s, first = None, None, None
        if self.padding_idx is not None:
            kept = (rows != self.padding_idx).nonzero().flatten()
            rows, vectors, bag = rows[kept], vectors[kept], bag[kept]
        if per_sample_weights is not None:
            s = widen(per_sample_weights).reshape(-1, 1)
            s = s[: len(rows)] if kept is None else s[kept]
        y = vectors.new_zeros(count, self.embedding_dim)
        sizes = counts(bag, count).clamp_(min=1).unsqueeze(1)
        if self.mode == "max":
            spread = bag.unsqueeze(1).expand(vectors.shape)
            y = y.scatter_reduce(0, spread, vectors, "amax", include_self=False)
            first = first_of_largest(vectors, y, spread)
        else:
            y = y.index_add_(0, bag, vectors if s is None else s * vectors)
        if self.mode == "mean":
            y = y / sizes
        y = narrow(y, self.weight.value.dtype)
        self.save((rows, bag, sizes, kept, s, None if s is None else vectors, first, x.shape), y)
        return y

    def backward(
        self, dy: Float[Tensor, "*bags embedding_dim"]
    ) -> tuple[None, None, Float[Tensor, "*shape"] | None]:
        rows, bag, sizes, kept, s, vectors, first, size = self.restore(dy)
        each = widen(dy)
        if self.mode == "max":
            drows = each.new_zeros(len(rows) + 1, self.embedding_dim).scatter_(0, first, each)[:-1]
        else:
            drows = (each / sizes if self.mode == "mean" else each).index_select(0, bag)
        if learned(self.weight):
            self.learn(rows, drows if s is None else s * drows)
        if s is None:
            return None, None, None
        ds = (vectors * drows).sum(1)
        dweights = ds.new_zeros(size.numel())
        positions = torch.arange(len(ds), device=ds.device) if kept is None else kept
        return None, None, narrow(dweights.index_copy_(0, positions, ds).view(size), dy.dtype)

    def _bags(self, x: Tensor, offsets: Tensor | None) -> tuple[int, Int[Tensor, " indices"]]:
        """The number of bags, and the bag of each index but those after the last bag."""
        if offsets is None:
            numbers = torch.arange(x.shape[0], device=x.device)
            return x.shape[0], numbers.repeat_interleave(x.shape[1])
        starts = offsets.long()
        ends = starts.new_full((1,), len(x))
        edges = starts if self.include_last_offset else torch.cat([starts, ends])
        steps = torch.cat([edges, ends]).diff()
        if len(edges) and bool((edges[0] != 0) | (steps < 0).any()):
            raise ModuleError(self, f"expected offsets from 0 to at most {len(x)} that do not fall")
        numbers = torch.arange(len(edges) - 1, device=x.device)
        return len(edges) - 1, numbers.repeat_interleave(steps[:-1])

    def _expect(self, x: Tensor, offsets: Tensor | None, per_sample_weights: Tensor | None) -> None:
        if x.ndim not in (1, 2) or (x.ndim == 1) == (offsets is None):
            got = f"{shape(x)} {'without' if offsets is None else 'with'} offsets"
            raise ModuleError(self, f"expected indices (bags, size), or (indices,) with offsets, got {got}")
        if offsets is not None and (
            offsets.ndim != 1
            or offsets.dtype not in (torch.int64, torch.int32)
            or (self.include_last_offset and not len(offsets))
        ):
            expected = f"offsets ({'bags + 1' if self.include_last_offset else 'bags'},) of integers"
            raise ModuleError(self, f"expected {expected}, got {shape(offsets)} of {offsets.dtype}")
        s, dtype = per_sample_weights, self.weight.value.dtype
        if s is not None and (self.mode != "sum" or s.shape != x.shape or s.dtype != dtype):
            expected = f"per_sample_weights {shape(x)} of {dtype}, for mode 'sum'"
            raise ModuleError(self, f"expected {expected}, got {shape(s)} of {s.dtype} for {self.mode!r}")


def first_of_largest(
    vectors: Float[Tensor, "rows size"], largest: Float[Tensor, "bags size"], bag: Int[Tensor, "rows size"]
) -> Int[Tensor, "bags size"]:
    """The first row of each bag with its largest number, for each column; past the last for an empty bag."""
    top, count = largest.gather(0, bag), len(vectors)
    is_largest = (vectors == top) | (vectors.isnan() & top.isnan())
    positions = torch.arange(count, device=bag.device).unsqueeze(1).expand(bag.shape)
    positions = positions.masked_fill(~is_largest, count)
    return bag.new_full(largest.shape, count).scatter_reduce(0, bag, positions, "amin")
