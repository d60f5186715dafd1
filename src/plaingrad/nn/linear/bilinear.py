"""The bilinear layer."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from plaingrad import init
from plaingrad.module import Module, ModuleError
from plaingrad.nn.common.half import narrow, widen
from plaingrad.nn.linear.linear import as_matrix
from plaingrad.parameter import Parameter, learned, shape


class Bilinear(Module):
    r"""A sum of products of the features of two inputs, for each output.

    .. math::
        y_k &= x_1^\top W_k\, x_2 + b_k \\
        \frac{\partial \ell}{\partial x_1} &= \sum_k \frac{\partial \ell}{\partial y_k} W_k\, x_2, \qquad
        \frac{\partial \ell}{\partial x_2} = \sum_k \frac{\partial \ell}{\partial y_k} W_k^\top x_1 \\
        \frac{\partial \ell}{\partial W_k} &= \sum_{\text{batch}}
            \frac{\partial \ell}{\partial y_k}\, x_1 x_2^\top, \qquad
        \frac{\partial \ell}{\partial b} = \sum_{\text{batch}} \frac{\partial \ell}{\partial y}

    Half precision is computed in float32.

    Shapes: ``(*batch, in1_features)`` and ``(*batch, in2_features)`` to ``(*batch, out_features)``.

    Args:
        in1_features: size of each sample of the first input, from 1.
        in2_features: size of each sample of the second input.
        out_features: size of each output sample.
        bias: whether to add a learned bias.
        device: where the parameters live.
        dtype: floating-point type of the parameters.

    Attributes:
        weight: shape ``(out_features, in1_features, in2_features)``, drawn from U(-k, k) with
            k = 1 / sqrt(in1_features).
        bias: shape ``(out_features,)``, drawn likewise, or None.

    Raises:
        ModuleError: there are no features of the first input, or the inputs' axes or dtypes do not fit.

    Source: J. Tenenbaum, W. Freeman, "Separating style and content with bilinear models", 2000.
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        if in1_features < 1:
            raise ModuleError(self, f"expected in1_features from 1, got {in1_features}")
        self.in1_features = in1_features
        self.in2_features = in2_features
        self.out_features = out_features
        size = (out_features, in1_features, in2_features)
        self.weight = Parameter(torch.empty(size, device=device, dtype=dtype))
        self.bias = Parameter(torch.empty(out_features, device=device, dtype=dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Redraw weight and bias."""
        bound = 1 / math.sqrt(self.in1_features)
        for parameter in (self.weight, self.bias):
            if parameter is not None:
                init.uniform_(parameter, -bound, bound, generator=self.generator)

    def forward(
        self, x1: Float[Tensor, "*batch in1_features"], x2: Float[Tensor, "*batch in2_features"]
    ) -> Float[Tensor, "*batch out_features"]:
        self._expect(x1, x2)
        rows1, rows2 = widen(as_matrix(x1)), widen(as_matrix(x2))
        products = torch.einsum("oij,nj->noi", widen(self.weight.value), rows2)
        y = torch.einsum("noi,ni->no", products, rows1)
        y = y if self.bias is None else y + self.bias.value
        y = narrow(y, x1.dtype).view(*x1.shape[:-1], self.out_features)
        self.save((rows1, rows2, products), y)
        return y

    def backward(
        self, dy: Float[Tensor, "*batch out_features"]
    ) -> tuple[Float[Tensor, "*batch in1_features"], Float[Tensor, "*batch in2_features"]]:
        rows1, rows2, products = self.restore(dy)
        drows = widen(as_matrix(dy))
        dproducts = torch.einsum("no,ni->noi", drows, rows1)
        if learned(self.weight):
            self.weight.grad.add_(torch.einsum("noi,nj->oij", dproducts, rows2))
        if learned(self.bias):
            self.bias.grad.add_(drows.sum(0))
        dx1 = torch.einsum("no,noi->ni", drows, products)
        dx2 = torch.einsum("noi,oij->nj", dproducts, widen(self.weight.value))
        batch = dy.shape[:-1]
        return (
            narrow(dx1, dy.dtype).view(*batch, self.in1_features),
            narrow(dx2, dy.dtype).view(*batch, self.in2_features),
        )

    def _expect(self, x1: Tensor, x2: Tensor) -> None:
        sizes = (self.in1_features, self.in2_features)
        got = tuple(x.shape[-1] if x.ndim else None for x in (x1, x2))
        dtype = self.weight.value.dtype
        if got != sizes or x1.shape[:-1] != x2.shape[:-1] or {x1.dtype, x2.dtype} != {dtype}:
            expected = f"inputs (*, {sizes[0]}) and (*, {sizes[1]}) of {dtype}"
            raise ModuleError(
                self, f"expected {expected}, got {shape(x1)} of {x1.dtype} and {shape(x2)} of {x2.dtype}"
            )
