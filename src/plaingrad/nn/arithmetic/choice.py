"""Comparisons, and choices between elements by a mask."""

from __future__ import annotations

import operator
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from plaingrad.module import Module, ModuleError
from plaingrad.nn.arithmetic.elementwise import Operand, of_operand

COMPARISONS = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Compare(Module):
    r"""Compares two operands, element by element; the mask that results has no gradient.

    Shapes: operands that spread over one shape, to that shape.

    Args:
        comparison: ``"=="``, ``"!="``, ``"<"``, ``"<="``, ``">"`` or ``">="``.

    Raises:
        ModuleError: the comparison is none of these, or the operands do not spread over one shape.
    """

    def __init__(self, comparison: str) -> None:
        if comparison not in COMPARISONS:
            raise ModuleError(self, f"expected one of {', '.join(COMPARISONS)}, got {comparison!r}")
        self.comparison = comparison

    def forward(self, a: Operand, b: Operand) -> Any:
        y = COMPARISONS[self.comparison](a, b)
        if isinstance(y, Tensor):
            self.save(None, y)
        return y

    def backward(self, dy: Tensor | None = None) -> tuple[None, None]:
        self.restore(dy)
        return None, None


class Where(Module):
    r"""Takes each element from one operand where a mask is true, and from another one elsewhere.

    .. math::
        y = \begin{cases} a & m \\ b & \text{otherwise} \end{cases}, \qquad
        \frac{\partial \ell}{\partial a} = m \odot \frac{\partial \ell}{\partial y}, \qquad
        \frac{\partial \ell}{\partial b} = (1 - m) \odot \frac{\partial \ell}{\partial y}

    Shapes: a mask and operands that spread over one shape, to that shape.

    Raises:
        ModuleError: the mask is not of truth values, or the shapes do not fit.
    """

    def forward(self, mask: Bool[Tensor, ...], a: Operand, b: Operand) -> Tensor:
        expect_mask(self, mask)
        y = torch.where(mask, a, b)
        self.save((mask, a, b), y)
        return y

    def backward(self, dy: Tensor) -> tuple[None, Tensor | None, Tensor | None]:
        mask, a, b = self.restore(dy)
        return None, of_operand(dy.masked_fill(~mask, 0), a), of_operand(dy.masked_fill(mask, 0), b)


class MaskedFill(Module):
    r"""Sets the elements where a mask is true to a number.

    .. math::
        y = \begin{cases} v & m \\ x & \text{otherwise} \end{cases}, \qquad
        \frac{\partial \ell}{\partial x} = (1 - m) \odot \frac{\partial \ell}{\partial y}

    Shapes: input ``(*)`` and a mask that spreads over it, or over which it spreads.

    Args:
        value: the number v.

    Raises:
        ModuleError: the mask is not of truth values, or the shapes do not fit.
    """

    def __init__(self, value: int | float) -> None:
        self.value = value

    def forward(self, x: Float[Tensor, ...], mask: Bool[Tensor, ...]) -> Float[Tensor, ...]:
        expect_mask(self, mask)
        y = x.masked_fill(mask, self.value)
        self.save((x, mask), y)
        return y

    def backward(self, dy: Float[Tensor, ...]) -> tuple[Float[Tensor, ...], None]:
        x, mask = self.restore(dy)
        return dy.masked_fill(mask, 0).sum_to_size(x.shape), None


def expect_mask(module: Module, mask: Any) -> None:
    """Refuse a mask that is not of truth values."""
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool:
        got = mask.dtype if isinstance(mask, Tensor) else f"a {type(mask).__name__}"
        raise ModuleError(module, f"expected a mask of torch.bool, got {got}")
