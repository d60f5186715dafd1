"""Spectral normalization."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from plaingrad.module import Module, ModuleError
from plaingrad.nn.common.half import narrow, widen
from plaingrad.nn.convolution.transposed import TransposedConvolution
from plaingrad.nn.parametrization.base import Derived, Parametrization
from plaingrad.parameter import Buffer, learned

FIRST_ITERATIONS = 15  # from random vectors, besides those of a forward, as in PyTorch


class SpectralNorm(Parametrization):
    r"""Divides a weight of a layer by its largest singular value, as power iteration estimates it.

    .. math::
        W' &= \frac{W}{\sigma}, \qquad \sigma = u^\top W v \\
        \frac{\partial \ell}{\partial W} &= \frac{1}{\sigma} \Big( \frac{\partial \ell}{\partial W'}
            - \Big(\sum \frac{\partial \ell}{\partial W'} \odot W'\Big)\, u v^\top \Big)

    where W is taken as a matrix with axis ``dim`` as its rows, and u and v are constants. Each forward in
    training first moves them towards the singular vectors of the largest singular value:

    .. math::
        u \gets \frac{W v}{\lVert W v \rVert}, \qquad
        v \gets \frac{W^\top u}{\lVert W^\top u \rVert}

    Of a weight with one axis, the norm is computed instead: there is nothing to estimate. Check its gradients
    in evaluation mode: in training u and v follow the changes of W by which slopes are measured.

    Shapes: as the layer takes them. In the layer, the weight is a ``Derived`` with the value of the latest
    forward, and no parameter.

    Args:
        layer: the layer.
        name: of its parameter.
        n_power_iterations: how often each forward in training moves u and v.
        eps: the least norm to divide by in these iterations.
        dim: the axis of the outputs; None for 1 in transposed convolutions, else for 0.

    Attributes:
        original: W.
        u: the vector of the rows, or None of a weight with one axis.
        v: the vector of the columns, or None.

    Raises:
        ModuleError: the layer has no parameter of this name; or it has no shape yet, no axis ``dim``, or
            another module in the layer has it as well; or there are no iterations.

    Source: T. Miyato, T. Kataoka, M. Koyama, Y. Yoshida, "Spectral normalization for generative adversarial
    networks", 2018.
    """

    def __init__(
        self,
        layer: Module,
        name: str = "weight",
        n_power_iterations: int = 1,
        eps: float = 1e-12,
        dim: int | None = None,
    ) -> None:
        super().__init__(layer, name)
        parameter = self._taken()
        if n_power_iterations <= 0:
            raise ModuleError(self, f"expected n_power_iterations of at least 1, got {n_power_iterations}")
        weight = parameter.value
        default = 1 if isinstance(self.owner, TransposedConvolution) else 0
        self.dim = self._axis(default if dim is None else dim, weight.ndim)
        self.n_power_iterations = n_power_iterations
        self.eps = eps
        self.original = parameter
        self.u: Buffer | None = None
        self.v: Buffer | None = None
        if weight.ndim > 1:
            rows, columns = self._matrix(weight).shape
            u, v = (
                torch.empty(size, dtype=weight.dtype, device=weight.device).normal_(generator=self.generator)
                for size in (rows, columns)
            )
            self.u, self.v = Buffer(self._unit(u)), Buffer(self._unit(v))
            self._iterate(FIRST_ITERATIONS + n_power_iterations * self.training)
        setattr(self.owner, name, Derived(weight.clone()))

    def _matrix(self, weight: Tensor) -> Tensor:
        return weight.movedim(self.dim, 0).flatten(1)

    def _unit(self, x: Tensor) -> Tensor:
        return narrow(widen(x) / self._length(widen(x)), x.dtype)

    def _length(self, x: Tensor) -> Tensor:
        return torch.linalg.vector_norm(x).clamp(min=self.eps)

    def _iterate(self, count: int) -> None:
        """Move u and v, so many times; forwards before keep theirs."""
        assert self.u is not None
        assert self.v is not None
        matrix = self._matrix(self.original.value.detach())
        for _ in range(count):
            self.u.value = self._unit(matrix @ self.v.value)
            self.v.value = self._unit(matrix.T @ self.u.value)

    def forward(self, *inputs: Any, **options: Any) -> Any:
        if self.u is not None and self.v is not None:
            if self.training:
                self._iterate(self.n_power_iterations)
            u, v = self.u.value, self.v.value
            sigma = widen(u) @ (self._matrix(widen(self.original.value)) @ widen(v))
        else:
            u, v, sigma = None, None, self._length(widen(self.original.value))
        weight = narrow(widen(self.original.value) / sigma, self.original.value.dtype)
        y = self._forward_with(weight, inputs, options)
        self.save((weight, u, v, sigma), y)
        return y

    def backward(self, *grads: Any) -> Any:
        weight, u, v, sigma = self.restore(*grads)
        dinputs, dweight = self._backward_with(weight, grads)
        if dweight is not None and learned(self.original):
            normed, dweight = widen(self.original.value) / sigma, widen(dweight)
            along = (dweight * normed).sum()
            dsigma = normed * (sigma > self.eps) if u is None else self._outer(widen(u), widen(v))
            self.original.grad.add_((dweight - along * dsigma) / sigma)
        return dinputs

    def _outer(self, u: Tensor, v: Tensor) -> Tensor:
        """The slope of sigma: u times v, in the axes of the weight."""
        sizes = self.original.value.movedim(self.dim, 0).shape
        return (u[:, None] * v).reshape(sizes).movedim(0, self.dim)
