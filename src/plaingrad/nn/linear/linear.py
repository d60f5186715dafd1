"""The fully connected layer."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from plaingrad import init
from plaingrad.module import Module, ModuleError
from plaingrad.parameter import Parameter, learned, shape


class Linear(Module):
    r"""Applies an affine map to the last axis.

    .. math::
        y &= x\,W^\top + b \\
        \frac{\partial \ell}{\partial x} &= \frac{\partial \ell}{\partial y}\,W, \qquad
        \frac{\partial \ell}{\partial W} = \Big(\frac{\partial \ell}{\partial y}\Big)^{\!\top} x, \qquad
        \frac{\partial \ell}{\partial b} = \sum_{\text{batch}} \frac{\partial \ell}{\partial y}

    Shapes: ``(*batch, in_features)`` to ``(*batch, out_features)``. The input may be a matrix of the layout
    ``torch.sparse_csr``, whose zeros then cost nothing.

    Args:
        in_features: size of each input sample.
        out_features: size of each output sample.
        bias: whether to add a learned bias.
        device: where the parameters live.
        dtype: floating-point type of the parameters.

    Attributes:
        weight: shape ``(out_features, in_features)``, drawn from U(-k, k) with k = 1 / sqrt(in_features).
        bias: shape ``(out_features,)``, drawn likewise, or None.

    Raises:
        ModuleError: the input's last axis or its dtype does not fit.

    Source: D. Rumelhart, G. Hinton, R. Williams, "Learning representations by back-propagating errors", 1986.
    """

    weight: Parameter
    bias: Parameter | None
    may_skip_input_grad: ClassVar[bool] = True

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(torch.empty(out_features, in_features, device=device, dtype=dtype))
        self.bias = Parameter(torch.empty(out_features, device=device, dtype=dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Redraw weight and bias."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5), generator=self.generator)
        if self.bias is not None:
            bound = 1 / math.sqrt(self.in_features) if self.in_features else 0.0
            init.uniform_(self.bias, -bound, bound, generator=self.generator)

    def forward(self, x: Float[Tensor, "*batch in_features"]) -> Float[Tensor, "*batch out_features"]:
        weight = self.weight.value
        if x.ndim == 0 or x.shape[-1] != self.in_features or x.dtype != weight.dtype:
            expected = f"input (*, {self.in_features}) of {weight.dtype}"
            raise ModuleError(self, f"expected {expected}, got {shape(x)} of {x.dtype}")
        rows = as_matrix(x)
        y = rows @ weight.T if self.bias is None else self.bias.value.addmm(rows, weight.T)
        if x.ndim != 2:
            y = y.view(*x.shape[:-1], self.out_features)
        self.save(x, y)
        return y

    def backward(
        self, dy: Float[Tensor, "*batch out_features"]
    ) -> Float[Tensor, "*batch in_features"] | None:
        x = self.restore(dy)
        rows, drows = as_matrix(x), as_matrix(dy)
        if learned(self.weight):
            self.weight.grad.addmm_(drows.T, rows)
        if learned(self.bias):
            self.bias.grad.add_(drows.sum(0))
        return dy @ self.weight.value if self.needs_input_grad else None


def as_matrix(x: Tensor) -> Tensor:
    """The tensor as a matrix, with all axes but the last as one axis of rows."""
    return x if x.ndim == 2 else x.reshape(x.shape[:-1].numel(), x.shape[-1])
