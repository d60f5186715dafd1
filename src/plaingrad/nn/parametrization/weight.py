"""Weight normalization."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from plaingrad.module import Module
from plaingrad.nn.common.half import narrow, widen
from plaingrad.nn.parametrization.base import Derived, Parametrization
from plaingrad.parameter import Parameter, learned


class WeightNorm(Parametrization):
    r"""Computes a weight of a layer from its length and its direction, which are learned instead.

    .. math::
        W &= g\,\frac{V}{\lVert V \rVert} \\
        \frac{\partial \ell}{\partial g} &= \sum \frac{\partial \ell}{\partial W} \odot
            \frac{V}{\lVert V \rVert}, \qquad
        \frac{\partial \ell}{\partial V} = \frac{g}{\lVert V \rVert} \Big( \frac{\partial \ell}{\partial W}
            - \frac{\partial \ell}{\partial g}\,\frac{V}{\lVert V \rVert} \Big)

    where norms and sums are over all axes but ``dim``: a length for each index there. A direction of
    zeros, such as the row of an embedding's ``padding_idx``, has none, and its weights are NaN.

    Shapes: as the layer takes them. In the layer, the weight is a ``Derived`` with the value of the latest
    forward, and no parameter.

    Args:
        layer: the layer.
        name: of its parameter.
        dim: the axis that keeps a length for each index, negative ones counted from the end; None for a
            single length of the whole weight, which is also what -1 stands for, as in PyTorch.

    Attributes:
        length: g, at first the norm of the weight; of its shape with sizes of 1 in all axes but ``dim``, or a
            single number.
        direction: V, at first the weight.

    Raises:
        ModuleError: the layer has no parameter of this name; or it has no shape yet, no axis ``dim``, or
            another module in the layer has it as well.

    Source: T. Salimans, D. Kingma, "Weight normalization: a simple reparameterization to accelerate training
    of deep neural networks", 2016.
    """

    def __init__(self, layer: Module, name: str = "weight", dim: int | None = 0) -> None:
        super().__init__(layer, name)
        parameter = self._taken()
        self.dim = dim
        self._kept = () if dim is None or dim == -1 else (self._axis(dim, parameter.value.ndim),)
        self.length = Parameter(narrow(self._norm(widen(parameter.value)), parameter.value.dtype))
        self.length.frozen = parameter.frozen
        self.direction = parameter
        setattr(self.owner, name, Derived(parameter.value.clone()))

    def _sum(self, x: Tensor) -> Tensor:
        """The sum over all axes but ``dim``, in the shape of the length."""
        axes = [axis for axis in range(x.ndim) if axis not in self._kept]
        if not self._kept:
            return x.sum()
        return x.sum(axes, keepdim=True) if axes else x

    def _norm(self, v: Tensor) -> Tensor:
        return self._sum(v * v).sqrt()

    def forward(self, *inputs: Any, **options: Any) -> Any:
        g, v = widen(self.length.value), widen(self.direction.value)
        norm = self._norm(v)
        weight = narrow(v * (g / norm), self.direction.value.dtype)
        y = self._forward_with(weight, inputs, options)
        self.save((weight, norm), y)
        return y

    def backward(self, *grads: Any) -> Any:
        weight, norm = self.restore(*grads)
        dinputs, dweight = self._backward_with(weight, grads)
        if dweight is not None:
            unit, dweight = widen(self.direction.value) / norm, widen(dweight)
            dlength = self._sum(dweight * unit)
            if learned(self.length):
                self.length.grad.add_(dlength)
            if learned(self.direction):
                self.direction.grad.add_(widen(self.length.value) / norm * (dweight - dlength * unit))
        return dinputs
