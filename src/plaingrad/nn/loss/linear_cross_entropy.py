"""A linear layer and the cross entropy of its logits, of which a few rows at a time exist."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Num
from torch import Tensor

from plaingrad.errors import InputError
from plaingrad.module import ModuleError
from plaingrad.nn.common.half import narrow, widen
from plaingrad.nn.linear.linear import Linear
from plaingrad.nn.loss.cross_entropy import CrossEntropyLoss
from plaingrad.parameter import learned, shape

AUTOMATIC = "aspect_ratio:2"
METHODS = ("auto", "aspect_ratio")


@dataclass(frozen=True)
class LinearCrossEntropyOptions:
    """The number of rows whose logits `LinearCrossEntropyLoss` holds at a time.

    Args:
        allow_retain_graph: without effect, as ``acc_policy`` and ``acc_dtype``: backward computes the logits
            anew, and sums are in single precision at least.
        batch_chunk_size: the number of rows; all of them if None and there is no ``chunking_method``.
        chunking_method: ``"aspect_ratio"`` for logits of about as many numbers as the input has, and
            ``"aspect_ratio:n"`` for an n-th of that; ``"auto"`` for n = 2, unless there is a
            ``batch_chunk_size``.
        acc_policy: without effect.
        acc_dtype: without effect.
    """

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: str = "auto"
    acc_dtype: torch.dtype | None = None

    def __post_init__(self) -> None:
        name, colon, parts = (self.chunking_method or "auto").partition(":")
        fits = name == "aspect_ratio" and parts.isdigit() and int(parts) > 0 if colon else name in METHODS
        if not fits or (self.batch_chunk_size is not None and self.batch_chunk_size < 1):
            methods = "chunking_method 'auto', 'aspect_ratio' or 'aspect_ratio:n'"
            expected = f"batch_chunk_size from 1, and {methods}"
            raise InputError(f"LinearCrossEntropyOptions: expected {expected}, got {self}")

    def rows(self, batch: int, in_features: int, num_classes: int) -> int:
        """The number of rows at a time, at least 1."""
        method = self.chunking_method
        if method is None or (method == "auto" and self.batch_chunk_size is not None):
            return max(1, self.batch_chunk_size or batch)
        _, _, parts = (AUTOMATIC if method == "auto" else method).partition(":")
        ratio = max(1, math.ceil(num_classes / max(1, in_features)))
        rows = 1 << max(0, math.ceil(batch / ratio) - 1).bit_length()  # the next power of 2
        return max(1, rows // int(parts or 1))


class LinearCrossEntropyLoss(CrossEntropyLoss):
    r"""The `CrossEntropyLoss` of the logits z = W x + b, with W and b among its parameters.

    .. math::
        z_i &= W x_i + b, \qquad \ell = \operatorname{cross\ entropy}(z, t) \\
        \frac{\partial \ell}{\partial x_i} &= W^\top \frac{\partial \ell}{\partial z_i}, \qquad
        \frac{\partial \ell}{\partial W} = \sum_i \frac{\partial \ell}{\partial z_i}\, x_i^\top, \qquad
        \frac{\partial \ell}{\partial b} = \sum_i \frac{\partial \ell}{\partial z_i}

    With ``options``, the logits of a few rows i at a time exist: forward keeps none of them, and backward
    computes them anew. Half precision is computed in float32.

    Shapes: input ``(batch, in_features)`` or ``(in_features,)``; target of indices
    ``(batch, *out_features)``, of probabilities ``(batch, num_classes, *out_features)``, or without the
    batch. The result is a scalar, or as the target of indices with ``reduction="none"``.

    Args:
        in_features: the number of features.
        num_classes: the number of classes.
        out_features: further axes of the logits behind the classes.
        bias: whether to learn b.
        device: where W and b live.
        dtype: their floating-point type.
        reduction: ``"mean"``, divided by the weights of the targets; ``"sum"``, or ``"none"``.
        weight: a constant factor for each class, shape ``(num_classes,)``.
        ignore_index: indices with this value count for nothing; -100 if None.
        label_smoothing: the share of the target's mass that is spread evenly over all classes.
        options: how many rows to compute at a time; all of them if None.

    Attributes:
        linear: W and b, flat: as many outputs as ``num_classes`` times ``out_features``.

    Raises:
        ModuleError: an argument is out of its range, or the input or target does not fit.

    Source: C. Szegedy et al., as for `CrossEntropyLoss`.
    """

    linear: Linear

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        out_features: Iterable[int] = (),
        bias: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        reduction: str = "mean",
        weight: Tensor | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        options: LinearCrossEntropyOptions | None = None,
    ) -> None:
        super().__init__(weight, -100, reduction, label_smoothing)
        self.ignore_index = ignore_index
        if weight is not None and weight.shape != (num_classes,):
            raise ModuleError(self, f"expected weight ({num_classes},), got {shape(weight)}")
        self.num_classes = num_classes
        self.out_features = tuple(out_features)
        self.linear = Linear(in_features, num_classes * math.prod(self.out_features), bias, device, dtype)
        self.options = options

    def forward(self, prediction: Float[Tensor, ...], target: Num[Tensor, ...]) -> Float[Tensor, ...]:
        x, t = self._batched(prediction, target)
        losses, count, states = [], 0.0, []
        for rows, targets in self._chunks(x, t):
            each, n, state = self.compare(*self._logits(rows, targets))
            losses.append(each)
            count += n
            states.append(state if self.options is None else None)
        joined = torch.cat(losses).reshape(t.shape[:1] + self.out_features)
        joined = joined if prediction.ndim == 2 else joined.squeeze(0)
        loss = self.rounded(self.reduce(joined, count), prediction.dtype)
        self.save((x, t, states, count, prediction.shape), loss)
        return loss

    def backward(self, dloss: Float[Tensor, ...] | None = None) -> Float[Tensor, ...]:
        x, t, states, count, size = self.restore(dloss)
        weight, bias, dx = self.linear.weight, self.linear.bias, torch.empty_like(x)
        if dloss is not None and self.reduction == "none":
            dloss = dloss.reshape(len(x), *self.out_features)
        dlosses = widen(x.new_zeros(len(x), 1, *[1] * len(self.out_features))) + self.upstream(dloss, count)
        chunks = zip(self._chunks(x, t), self._chunks(dlosses, dx), states)
        for (rows, targets), (dl, drows), state in chunks:
            if state is None:
                _, _, state = self.compare(*self._logits(rows, targets))
            dz = self.slopes(state, dl).flatten(1)
            if learned(weight):
                weight.grad.add_(dz.T @ widen(rows))
            if learned(bias):
                bias.grad.add_(dz.sum(0))
            drows.copy_(dz @ widen(weight.value))
        return dx.view(size)

    def shares(self, prediction: Tensor, target: Tensor) -> Tensor:
        """The weight of each target's class, as in `ClassLoss`."""
        size = (*prediction.shape[:-1], self.num_classes, *self.out_features)
        return super().shares(prediction.new_zeros(()).expand(size), target)

    def expect_probabilities(self, prediction: Tensor, target: Tensor) -> None:
        """Refuse probabilities where there is an ``ignore_index``, and as `CrossEntropyLoss` does."""
        super().expect_probabilities(prediction, target)
        if self.ignore_index is not None:
            raise ModuleError(self, "expected class indices, for ignore_index, got class probabilities")

    def _logits(self, rows: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The logits, the targets, and the logits before they are rounded."""
        z = widen(rows) @ widen(self.linear.weight.value).T
        z = z if self.linear.bias is None else z + self.linear.bias.value
        z = z.view(len(rows), self.num_classes, *self.out_features)
        return narrow(z, rows.dtype), targets, z

    def _chunks(self, x: Tensor, other: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Both in parts of as many rows as the options say."""
        rows = max(1, len(x))
        if self.options is not None:
            rows = self.options.rows(len(x), self.linear.in_features, self.num_classes)
        return zip(x.split(rows), other.split(rows))

    def _batched(self, x: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Input and target with a batch axis, checked as far as logits are not needed."""
        dtype, least = self.linear.weight.value.dtype, 2 if self.out_features else 1
        size, axes = (*x.shape[:-1], self.num_classes, *self.out_features), len(self.out_features)
        fits = x.ndim in (2, least) and x.shape[-1] == self.linear.in_features and x.dtype == dtype
        if not fits or target.shape not in (size, (*size[: -axes - 1], *self.out_features)):
            got = f"got {shape(x)} of {x.dtype} and {shape(target)}"
            features = f"input (batch, {self.linear.in_features}) of {dtype}"
            targets = ", ".join(["target (batch", *map(str, self.out_features)])
            raise ModuleError(self, f"expected {features}, and {targets}), or of probabilities, {got}")
        return (x, target) if x.ndim == 2 else (x.unsqueeze(0), target.unsqueeze(0))
