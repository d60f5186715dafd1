"""Joining of tensors along an axis, old or new."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from plaingrad.module import Module, ModuleError


class Concatenate(Module):
    r"""Joins tensors along one of their axes.

    .. math::
        y = [x_1, \dots, x_n], \qquad
        \Big[\frac{\partial \ell}{\partial x_1}, \dots, \frac{\partial \ell}{\partial x_n}\Big]
            = \frac{\partial \ell}{\partial y}

    Shapes: alike but for the axis ``dim``; their sizes there add up.

    Args:
        dim: the axis; negative ones count from the end.

    Raises:
        ModuleError: there is no input, they differ elsewhere, or have no such axis.
    """

    def __init__(self, dim: int = -1) -> None:
        self.dim = dim

    def forward(self, *inputs: Tensor) -> Tensor:
        expect_inputs(self, inputs)
        y = torch.cat(inputs, self.dim)
        self.save([x.shape[self.dim] for x in inputs], y)
        return y

    def backward(self, dy: Tensor) -> Any:
        parts = dy.split(self.restore(dy), self.dim)
        return parts if len(parts) > 1 else parts[0]


class Stack(Module):
    r"""Joins tensors along a new axis.

    .. math::
        y_k = x_k, \qquad \frac{\partial \ell}{\partial x_k} = \Big(\frac{\partial \ell}{\partial y}\Big)_k

    Shapes: n alike, to one more axis, ``dim``, of size n.

    Args:
        dim: the new axis; negative ones count from the end.

    Raises:
        ModuleError: there is no input, they differ in shape, or there is no room for such an axis.
    """

    def __init__(self, dim: int = 0) -> None:
        self.dim = dim

    def forward(self, *inputs: Tensor) -> Tensor:
        expect_inputs(self, inputs)
        y = torch.stack(inputs, self.dim)
        self.save(None, y)
        return y

    def backward(self, dy: Tensor) -> Any:
        self.restore(dy)
        parts = dy.unbind(self.dim)
        return parts if len(parts) > 1 else parts[0]


def expect_inputs(module: Module, inputs: tuple[Any, ...]) -> None:
    """Refuse a call without inputs, or with some that are no tensors."""
    if not inputs or not all(isinstance(x, Tensor) for x in inputs):
        got = ", ".join(type(x).__name__ for x in inputs) or "none"
        raise ModuleError(module, f"expected tensors, got {got}")
