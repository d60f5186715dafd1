"""Attention of several heads."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from plaingrad import init
from plaingrad.module import Module, ModuleError
from plaingrad.nn.attention.heads import Heads, joined, learn_more, lengths, split, with_more
from plaingrad.nn.attention.masks import Mask, added_to_scores, expect_mask, mask_gradients
from plaingrad.nn.attention.scaled import attention_backward, softmax_of_scores
from plaingrad.nn.common.half import narrow, widen
from plaingrad.nn.linear.linear import Linear, as_matrix
from plaingrad.parameter import Parameter, learned, shape

Output = tuple[Float[Tensor, "*shape"], Tensor | None]
ROLES = ("query", "key", "value")


class MultiheadAttention(Module):
    r"""Gives each query a mean of the values, weighed by how well their keys fit, in several heads at once.

    Each head h has its own maps of queries Q, keys K and values V, to d = embed_dim / num_heads numbers:

    .. math::
        q_h &= Q\, W_{q,h}^\top + b_{q,h}, \qquad k_h = K\, W_{k,h}^\top + b_{k,h}, \qquad
            v_h = V\, W_{v,h}^\top + b_{v,h} \\
        P_h &= \operatorname{softmax}\Big(\frac{q_h k_h^\top}{\sqrt d} + M\Big), \qquad
            c_h = (P_h \odot D_h)\, v_h, \qquad
            y = (c_1, \dots, c_H)\, W_o^\top + b_o

    where the softmax goes over the keys, M is the sum of the masks, and D is the dropout's factors.
    Backwards, :math:`\mathrm dc = \mathrm dy\, W_o` falls apart into the heads, and in each of them

    .. math::
        \mathrm dv &= (P \odot D)^\top \mathrm dc, \qquad
            \mathrm dP = \big(\mathrm dc\, v^\top + \mathrm dA\big) \odot D, \qquad
            \mathrm dS = P \odot \big(\mathrm dP - (\mathrm dP \odot P) \mathbf 1 \mathbf 1^\top\big) \\
        \mathrm dq &= \frac{\mathrm dS\, k}{\sqrt d}, \qquad
            \mathrm dk = \frac{\mathrm dS^\top q}{\sqrt d}, \qquad \mathrm dM = \sum \mathrm dS

    with the gradient dA of the returned weights, shared by the heads if they were averaged; dS is the
    derivative of the softmax, whose Jacobian in a row is
    :math:`\operatorname{diag}(P_i) - P_i P_i^\top`. The maps are linear, so from queries, for instance,

    .. math::
        \frac{\partial \ell}{\partial Q} = \sum_h \mathrm dq_h\, W_{q,h}, \qquad
        \frac{\partial \ell}{\partial W_{q,h}} = \mathrm dq_h^\top Q, \qquad
        \frac{\partial \ell}{\partial b_{q,h}} = \sum \mathrm dq_h

    A query from which all keys are hidden has NaN for its weights and output; without ``need_weights`` its
    heads are 0, as in torch.nn. Half precision is computed in float32 up to the heads' results.

    Shapes: queries ``(queries, batch, embed_dim)``, keys ``(keys, batch, kdim)``, values
    ``(keys, batch, vdim)``, with the batch first if ``batch_first``, or all without a batch. The output is
    shaped as the queries; the weights, None without ``need_weights``, are ``(batch, queries, keys)``, or
    ``(batch, num_heads, queries, keys)`` without ``average_attn_weights``. ``key_padding_mask`` is
    ``(batch, keys)``, ``attn_mask`` ``(queries, keys)`` or ``(batch * num_heads, queries, keys)``: True hides
    a key, numbers are added to the scores. ``is_causal`` is a hint that needs an ``attn_mask``, and changes
    nothing.

    Args:
        embed_dim: the size of queries and outputs.
        num_heads: the number of heads, a divisor of it.
        dropout: the probability of each weight to be dropped in training.
        bias: whether the maps have learned shifts.
        add_bias_kv: whether to add a learned key and value to those of each sample.
        add_zero_attn: whether to add a key and a value of zeros.
        kdim: the size of keys; that of queries if None.
        vdim: the size of values; that of queries if None.
        batch_first: whether the batch is the first axis, and not the second.
        device: where the parameters live.
        dtype: their floating-point type.

    Attributes:
        in_proj_weight: the maps of queries, keys and values, one below the other, shape
            ``(3 * embed_dim, embed_dim)``, by Xavier's rule; None if their sizes differ.
        q_proj_weight: the map of queries, ``(embed_dim, embed_dim)``, if the sizes differ; else None.
        k_proj_weight: that of keys, ``(embed_dim, kdim)``, likewise.
        v_proj_weight: that of values, ``(embed_dim, vdim)``, likewise.
        in_proj_bias: the shifts, shape ``(3 * embed_dim,)``, from 0; or None.
        bias_k: the added key, shape ``(1, 1, embed_dim)``, or None.
        bias_v: the added value, likewise.
        out_proj: the `Linear` map of the heads' results, its bias from 0.

    Raises:
        ModuleError: the heads do not divide ``embed_dim``, ``dropout`` is no probability, the inputs' or
            masks' shapes or dtypes do not fit, or ``is_causal`` comes without an ``attn_mask``.

    Source: A. Vaswani et al., "Attention is all you need", 2017.
    """

    in_proj_weight: Parameter | None
    q_proj_weight: Parameter | None
    k_proj_weight: Parameter | None
    v_proj_weight: Parameter | None
    in_proj_bias: Parameter | None
    bias_k: Parameter | None
    bias_v: Parameter | None
    out_proj: Linear

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: int | float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        if embed_dim < 1 or num_heads < 1 or embed_dim % num_heads:
            raise ModuleError(self, f"expected embed_dim in {num_heads} equal heads, got {embed_dim}")
        if not 0 <= dropout <= 1:
            raise ModuleError(self, f"expected dropout between 0 and 1, got {dropout}")
        self.embed_dim = embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.add_zero_attn = add_zero_attn
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self.batch_first = batch_first

        def empty(*sizes: int) -> Parameter:
            return Parameter(torch.empty(sizes, device=device, dtype=dtype))

        is_packed = self.kdim == self.vdim == embed_dim
        self.in_proj_weight = empty(3 * embed_dim, embed_dim) if is_packed else None
        self.q_proj_weight = None if is_packed else empty(embed_dim, embed_dim)
        self.k_proj_weight = None if is_packed else empty(embed_dim, self.kdim)
        self.v_proj_weight = None if is_packed else empty(embed_dim, self.vdim)
        self.in_proj_bias = empty(3 * embed_dim) if bias else None
        self.bias_k = empty(1, 1, embed_dim) if add_bias_kv else None
        self.bias_v = empty(1, 1, embed_dim) if add_bias_kv else None
        self.out_proj = Linear(embed_dim, embed_dim, bias=bias, device=device, dtype=dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Redraw the maps of queries, keys and values and what is added to them; set all shifts to 0."""
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                init.xavier_uniform_(weight, generator=self.generator)
        for bias in (self.in_proj_bias, self.out_proj.bias):
            if bias is not None:
                init.zeros_(bias)
        for each in (self.bias_k, self.bias_v):
            if each is not None:
                init.xavier_normal_(each, generator=self.generator)

    def forward(
        self,
        query: Float[Tensor, "*queries"],
        key: Float[Tensor, "*keys"],
        value: Float[Tensor, "*values"],
        key_padding_mask: Mask = None,
        need_weights: bool = True,
        attn_mask: Mask = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> Output:
        inputs, masks = (query, key, value), (attn_mask, key_padding_mask)
        self._expect(inputs, masks, is_causal)
        q, k, v = (self._split(self._mapped(part, x), x) for part, x in enumerate(inputs))
        keys = k.shape[1]
        k = with_more(k, self.bias_k, self.num_heads, self.add_zero_attn)
        v = with_more(v, self.bias_v, self.num_heads, self.add_zero_attn)
        mask = added_to_scores(attn_mask, key_padding_mask, self.num_heads, k.shape[1] - keys, q.dtype)
        p = softmax_of_scores(q, k, mask, hidden_is_zero=not need_weights)
        drop = self._drawn(p)
        weights = p if drop is None else p * drop
        y = self.out_proj.forward(narrow(self._joined(weights.bmm(v), query), query.dtype)).view(query.shape)
        if not need_weights:
            outputs: Output = y, None
        else:
            outputs = y, narrow(self._returned(weights, query, average_attn_weights), query.dtype)
        self.save((inputs, masks, (q, k, v), p, drop, average_attn_weights), outputs)
        return outputs

    def backward(
        self, dy: Float[Tensor, "*queries"] | None, dweights: Tensor | None = None
    ) -> tuple[Tensor | None, ...]:
        inputs, (attn_mask, padding), (q, k, v), p, drop, averaged = self.restore(dy, dweights)
        query, key, _ = inputs
        dy = torch.zeros_like(query) if dy is None else dy
        djoined: Any = self.out_proj.backward(as_matrix(dy))
        dheads = self._split(widen(djoined), query)
        drawn = None if dweights is None else self._unreturned(widen(dweights), p, averaged)
        dq, dk, dv, dscores = attention_backward(q, k, v, p, drop, dheads, drawn)
        _, keys = lengths(key, self.batch_first)
        learn_more(dk[:, keys:], self.bias_k, self.num_heads)
        learn_more(dv[:, keys:], self.bias_v, self.num_heads)
        dquery, dkey, dvalue = (
            self._mapped_backward(part, x, self._joined(d, x))
            for part, (x, d) in enumerate(zip(inputs, (dq, dk[:, :keys], dv[:, :keys])))
        )
        dmask, dpadding = mask_gradients(dscores[..., :keys], attn_mask, padding, self.num_heads)
        return dquery, dkey, dvalue, dpadding, None, dmask, None, None

    # The maps of queries (part 0), keys (1) and values (2)

    def _rows(self, part: int) -> slice:
        return slice(part * self.embed_dim, (part + 1) * self.embed_dim)

    def _weight(self, part: int) -> tuple[Parameter, slice]:
        """The parameter that holds a map, and its rows."""
        if self.in_proj_weight is not None:
            return self.in_proj_weight, self._rows(part)
        separate = (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)[part]
        assert separate is not None
        return separate, slice(None)

    def _mapped(self, part: int, x: Tensor) -> Float[Tensor, "positions embed_dim"]:
        weight, rows = self._weight(part)
        matrix, vectors = widen(weight.value[rows]), as_matrix(widen(x))
        if self.in_proj_bias is None:
            return vectors @ matrix.T
        return widen(self.in_proj_bias.value[self._rows(part)]).addmm(vectors, matrix.T)

    def _mapped_backward(
        self, part: int, x: Tensor, dvectors: Float[Tensor, "positions embed_dim"]
    ) -> Tensor:
        weight, rows = self._weight(part)
        if learned(weight):
            vectors, grad = as_matrix(widen(x)), weight.grad[rows]
            if grad.dtype == vectors.dtype:
                grad.addmm_(dvectors.T, vectors)
            else:
                grad.add_(dvectors.T @ vectors)
        if learned(self.in_proj_bias):
            self.in_proj_bias.grad[self._rows(part)].add_(dvectors.sum(0))
        return narrow(dvectors @ widen(weight.value[rows]), x.dtype).view(x.shape)

    def _split(self, vectors: Tensor, x: Tensor) -> Heads:
        return split(vectors, x, self.num_heads, self.batch_first)

    def _joined(self, parts: Heads, x: Tensor) -> Tensor:
        return joined(parts, x, self.num_heads, self.batch_first)

    # The weights, inside and as they are returned

    def _drawn(self, p: Tensor) -> Tensor | None:
        """The dropout's factors, with the random numbers that torch.nn would draw."""
        if not self.training or self.dropout == 0:
            return None
        if self.dropout == 1:
            return torch.zeros_like(p)
        keep = 1 - self.dropout
        return torch.empty_like(p).bernoulli_(keep, generator=self.generator).div_(keep)

    def _returned(self, weights: Tensor, query: Tensor, averaged: bool) -> Tensor:
        by_head = weights.view(len(weights) // self.num_heads, self.num_heads, *weights.shape[1:])
        returned = by_head.mean(1) if averaged else by_head
        return returned.squeeze(0) if query.ndim == 2 else returned

    def _unreturned(self, dweights: Tensor, p: Tensor, averaged: bool) -> Tensor:
        """The gradient of the weights of each head."""
        if averaged:
            shared = dweights / self.num_heads
            dweights = shared.view(len(p) // self.num_heads, 1, *p.shape[1:]).expand(
                -1, self.num_heads, -1, -1
            )
        return dweights.reshape(p.shape)

    def _expect(self, inputs: tuple[Tensor, ...], masks: tuple[Mask, Mask], is_causal: bool) -> None:
        query, key, _ = inputs
        dtype = self.out_proj.weight.value.dtype
        batch, queries = lengths(query, self.batch_first) if query.ndim in (2, 3) else (0, 0)
        for name, x, size in zip(ROLES, inputs, (self.embed_dim, self.kdim, self.vdim)):
            fits = x.ndim == query.ndim and x.ndim in (2, 3) and x.shape[-1] == size and x.dtype == dtype
            if not fits:
                order = "batch, length" if self.batch_first else "length, batch"
                expected = f"({order}, {size}) or all inputs (length, {size}) of {dtype}"
                raise ModuleError(self, f"expected {name} {expected}, got {shape(x)} of {x.dtype}")
            samples, length = lengths(x, self.batch_first)
            if samples != batch or (name == "value" and length != lengths(key, self.batch_first)[1]):
                what = f"{name} of {batch} samples" + ", as many as keys" * (name == "value")
                raise ModuleError(self, f"expected {what}, got {shape(x)} for {shape(query)}")
        keys = lengths(key, self.batch_first)[1]
        attn_mask, padding = masks
        sizes = [(queries, keys), (batch * self.num_heads, queries, keys)]
        expect_mask(self, "attn_mask", attn_mask, sizes, query)
        expect_mask(self, "key_padding_mask", padding, [(batch, keys) if query.ndim == 3 else (keys,)], query)
        if is_causal and attn_mask is None:
            raise ModuleError(self, "expected an attn_mask with is_causal, got None")
