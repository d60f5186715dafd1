"""A shortcut around modules."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from plaingrad.contract.nest import added
from plaingrad.module import ModuleError
from plaingrad.nn.common.inplace import expect_kept, version_of
from plaingrad.nn.container.sequential import Sequential
from plaingrad.parameter import shape


class Residual(Sequential):
    r"""Adds the input to the output of its modules, which run one after another.

    .. math::
        y = x + f(x), \qquad
        \frac{\partial \ell}{\partial x} = \frac{\partial \ell}{\partial y}
            + f'\big(\tfrac{\partial \ell}{\partial y}\big)

    Shapes: as the modules take them; they must give back the shape they get.

    Args:
        modules: the modules of f in order, or one mapping from names to modules.

    Raises:
        ModuleError: the modules return no tensor, or change the shape or dtype; or one of them complains,
            with its position added.

    Source: K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition", 2016.
    """

    def forward(self, x: Tensor, **options: Any) -> Tensor:
        before = version_of(x)
        change = super().forward(x, **options)
        expect_kept(self, x, before)
        if not isinstance(change, Tensor):
            raise ModuleError(self, f"expected a tensor from its modules, got a {type(change).__name__}")
        if change.shape != x.shape or change.dtype != x.dtype:
            kept, came = f"{shape(x)} of {x.dtype}", f"{shape(change)} of {change.dtype}"
            raise ModuleError(self, f"expected its modules to keep the input's {kept}, got {came}")
        return x + change

    def backward(self, dy: Tensor) -> Any:
        dx = super().backward(dy)
        return (added(dy, dx[0]), *dx[1:]) if isinstance(dx, tuple) else added(dy, dx)
