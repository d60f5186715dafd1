"""The loss over very many classes, of which few are frequent."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar, NamedTuple, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor

from plaingrad.module import Module, ModuleError
from plaingrad.nn.activation.softmax import less_largest
from plaingrad.nn.common.half import narrow, widen
from plaingrad.nn.container.collections import ModuleList
from plaingrad.nn.container.sequential import Sequential
from plaingrad.nn.linear.linear import Linear
from plaingrad.nn.loss.reduction import within
from plaingrad.parameter import shape


class OutputAndLoss(NamedTuple):
    """The result of `AdaptiveLogSoftmaxWithLoss`.

    Attributes:
        output: the log-probability of each sample's target, shape ``(batch,)`` or ``()``.
        loss: the mean of their negatives.
    """

    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    r"""The log-probability of the target among very many classes, in clusters by frequency.

    The first classes, the most frequent, and one entry for each cluster of rarer ones compete in the head;
    the classes of a cluster compete among themselves, with fewer features the rarer they are:

    .. math::
        z^0 &= H x + b, \qquad z^k = B_k A_k x \\
        \log p_c &= \log \operatorname{softmax}(z^0)_c \quad \text{for a frequent class c, else} \\
        \log p_c &= \log \operatorname{softmax}(z^0)_{n_0 + k - 1}
            + \log \operatorname{softmax}(z^k)_{c - n_{k - 1}}, \qquad n_{k - 1} \le c < n_k \\
        o_i &= \log p_{t_i}, \qquad \ell = -\frac{1}{N} \sum_i o_i

    With the gradient g of an output o, through both results, and the entry j that each softmax is asked for,

    .. math::
        g_i = \frac{\partial L}{\partial o_i} - \frac{1}{N} \frac{\partial L}{\partial \ell}, \qquad
        \frac{\partial L}{\partial z_{ic}} = g_i \big([c = j_i] - \operatorname{softmax}(z_i)_c\big)

    in the head for all samples, in a cluster for those whose target is in it; the linear maps do the rest.
    Softmax and sums are in single precision for half precision.

    Shapes: input ``(batch, in_features)`` and target ``(batch,)``, or ``(in_features,)`` and ``()``; output
    as the target, loss a scalar.

    Args:
        in_features: the number of features.
        n_classes: the number of classes, in the order of their frequency.
        cutoffs: the first class of each cluster, rising, from 1 to ``n_classes`` - 1.
        div_value: the factor by which the features of one cluster are fewer than of the one before.
        head_bias: whether to add a learned bias in the head.
        device: where the parameters live.
        dtype: floating-point type of the parameters.

    Attributes:
        head: the linear map H, to frequent classes and clusters.
        tail: for each cluster the maps A to fewer features and B to its classes.
        cutoffs: the cutoffs, and the number of classes.

    Raises:
        ModuleError: the cutoffs do not rise within the classes, the shapes do not fit, or a target is no
            class.

    Source: E. Grave, A. Joulin, M. Cissé, D. Grangier, H. Jégou, "Efficient softmax approximation for GPUs",
    2017.
    """

    head: Linear
    tail: ModuleList
    differentiable: ClassVar[tuple[str, ...] | None] = ("x",)

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: int | float = 4.0,
        head_bias: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        ends = [0, *cutoffs, n_classes]
        if len(ends) < 3 or any(low >= high for low, high in pairwise(ends)):
            expected = f"expected one or more cutoffs that rise from 1 to {n_classes - 1}"
            raise ModuleError(self, f"{expected}, got {list(cutoffs)}")
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = ends[1:]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(self.cutoffs) - 1
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, head_bias, device, dtype)
        self.tail = ModuleList()
        for k, (low, high) in enumerate(pairwise(self.cutoffs), 1):
            features = int(in_features // div_value**k)
            fewer = Linear(in_features, features, False, device, dtype)
            self.tail.append(Sequential(fewer, Linear(features, high - low, False, device, dtype)))

    def reset_parameters(self) -> None:
        """Redraw all weights and the bias of the head."""
        self.head.reset_parameters()
        for k in range(self.n_clusters):
            for linear in self._maps(k):
                linear.reset_parameters()

    def forward(self, x: Float[Tensor, "*batch in_features"], target: Int[Tensor, "*batch"]) -> OutputAndLoss:
        self._expect(x, target)
        rows, t = x.reshape(-1, self.in_features), target.reshape(-1)
        entries, parts = t.clone(), []
        output = widen(rows.new_zeros(len(rows)))
        for k, (low, high) in enumerate(pairwise(self.cutoffs)):
            members = ((t >= low) & (t < high)).nonzero().squeeze(1)
            if len(members):
                entries[members], entry = self.shortlist_size + k, t[members] - low
                log_p = log_softmax(self.tail[k].forward(rows[members]))
                output[members] = at(log_p, entry)
                parts.append((k, members, log_p, entry))
        log_p = log_softmax(self.head.forward(rows))
        output = output + at(log_p, entries)
        o, loss = (narrow(y, x.dtype) for y in (output.reshape(target.shape), -output.mean()))
        outputs = OutputAndLoss(o, loss)
        self.save((x.shape, log_p, entries, parts), outputs)
        return outputs

    def backward(
        self, doutput: Float[Tensor, "*batch"] | None, dloss: Float[Tensor, ""] | None = None
    ) -> tuple[Float[Tensor, "*batch in_features"], None]:
        size, log_p, entries, parts = self.restore(doutput, dloss)
        dtype = self.head.weight.value.dtype
        g = log_p.new_zeros(len(entries))
        if doutput is not None:
            g = g + widen(doutput).reshape(-1)
        if dloss is not None and len(entries):
            g = g - widen(dloss) / len(entries)
        dx = self.head.backward(narrow(log_softmax_gradient(g, log_p, entries), dtype))
        assert dx is not None
        for k, members, log_p, entry in reversed(parts):
            dz = narrow(log_softmax_gradient(g[members], log_p, entry), dtype)
            dx = dx.index_add(0, members, self.tail[k].backward(dz))
        return dx.reshape(size), None

    def log_prob(self, x: Float[Tensor, "batch in_features"]) -> Float[Tensor, "batch n_classes"]:
        """The log-probability of every class."""
        head = log_softmax(self._head(x))
        parts = [head[:, : self.shortlist_size]]
        for k, entry in enumerate(range(self.shortlist_size, self.head_size)):
            fewer, classes = self._maps(k)
            z = x @ fewer.weight.value.T @ classes.weight.value.T
            parts.append(log_softmax(z) + head[:, entry : entry + 1])
        return narrow(torch.cat(parts, 1), x.dtype)

    def predict(self, x: Float[Tensor, "batch in_features"]) -> Int[Tensor, " batch"]:
        """The most probable class of each sample; clusters are looked into where the head prefers one."""
        best = self._head(x).argmax(1)
        is_rare = best >= self.shortlist_size
        if is_rare.any():
            best[is_rare] = self.log_prob(x[is_rare]).argmax(1)
        return best

    def _maps(self, k: int) -> list[Linear]:
        """The two linear maps of a cluster."""
        return list(cast(Sequential, self.tail[k]))  # type: ignore[arg-type]

    def _head(self, x: Tensor) -> Tensor:
        z = x @ self.head.weight.value.T
        return z if self.head.bias is None else z + self.head.bias.value

    def _expect(self, x: Tensor, target: Tensor) -> None:
        fits = x.ndim in (1, 2) and x.shape[-1] == self.in_features and target.shape == x.shape[:-1]
        if not fits or target.dtype != torch.int64:
            size = f"input (batch, {self.in_features}) and target (batch,) of torch.int64, or without batch"
            got = f"got {shape(x)} and {shape(target)} of {target.dtype}"
            raise ModuleError(self, f"expected {size}, {got}")
        if not within(target, 0, self.n_classes - 1):
            got = f"got {target.min().item()} to {target.max().item()}"
            raise ModuleError(self, f"expected targets from 0 to {self.n_classes - 1}, {got}")


def log_softmax(z: Float[Tensor, "rows entries"]) -> Float[Tensor, "rows entries"]:
    """The logarithm of the softmax of each row, in single precision at least."""
    z = less_largest(widen(z), 1)
    return z - z.exp().sum(1, keepdim=True).log()


def at(log_p: Float[Tensor, "rows entries"], entry: Int[Tensor, " rows"]) -> Float[Tensor, " rows"]:
    """One entry of each row."""
    return log_p.gather(1, entry.unsqueeze(1)).squeeze(1)


def log_softmax_gradient(
    g: Float[Tensor, " rows"], log_p: Float[Tensor, "rows entries"], entry: Int[Tensor, " rows"]
) -> Float[Tensor, "rows entries"]:
    """The gradient with respect to z, from the gradient g of one entry of `log_softmax` in each row."""
    g = g.unsqueeze(1)
    return (log_p.exp() * -g).scatter_add_(1, entry.unsqueeze(1), g)
