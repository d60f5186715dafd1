"""Modules side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from plaingrad.contract.nest import added
from plaingrad.module import Module, ModuleError
from plaingrad.nn.common.half import narrow, widen
from plaingrad.nn.common.inplace import expect_kept, version_of
from plaingrad.nn.container.base import Container
from plaingrad.parameter import shape


class Parallel(Container):
    r"""Passes one input to several branches, and sums or concatenates their outputs.

    .. math::
        y &= \sum_i f_i(x) \quad\text{or}\quad [f_1(x), \dots, f_n(x)] \\
        \frac{\partial \ell}{\partial x} &= \sum_i f_i'\big(\tfrac{\partial \ell}{\partial y_i}\big)

    where :math:`\partial \ell / \partial y_i` is the whole gradient for a sum, and the i-th piece of it for a
    concatenation.

    Args:
        branches: the branches, or one mapping from names to them.
        combine: ``"sum"`` or ``"concat"``.
        dim: the axis to concatenate along. The last, because there `Linear`, `LayerNorm` and `Embedding` keep
            their features, with or without a batch; the channels of images are axis 1.

    Raises:
        ModuleError: there is no branch; outputs of branches do not fit together; or a branch complains, with
            its position added.

    Source: C. Szegedy et al., "Going deeper with convolutions", 2015.
    """

    def __init__(self, *branches: Module | Mapping[str, Module], combine: str = "sum", dim: int = -1) -> None:
        super().__init__(*branches)
        if not len(self):
            raise ModuleError(self, "expected at least one branch, got none")
        if combine not in ("sum", "concat"):
            raise ModuleError(self, f"expected combine 'sum' or 'concat', got {combine!r}")
        self.combine = combine
        self.dim = dim

    def forward(self, x: Tensor, **options: Any) -> Tensor:
        before = version_of(x)
        parts = [branch.forward(x, **options) for branch in self]
        expect_kept(self, x, before)
        self._expect_alike(parts)
        if self.combine == "sum":
            y = narrow(sum(map(widen, parts[1:]), widen(parts[0])), parts[0].dtype)
        else:
            y = torch.cat(parts, self.dim)
        self.save([part.shape for part in parts], y)
        return y

    def backward(self, dy: Tensor) -> Any:
        shapes = self.restore(dy)
        if self.combine == "sum":
            parts = [dy] * len(shapes)
        else:
            parts = list(dy.split([size[self.dim] for size in shapes], self.dim))
        dx = None
        for branch, part in reversed(list(zip(self, parts))):
            dx = added(dx, branch.backward(part))
        return dx

    def input_layers(self) -> list[Any]:
        if type(self).backward is not Parallel.backward:
            return [self]
        return [layer for branch in self for layer in branch.input_layers()]

    def _expect_alike(self, parts: list[Any]) -> None:
        for position, part in enumerate(parts):
            if not isinstance(part, Tensor):
                got = f"a {type(part).__name__} from position {position}"
                raise ModuleError(self, f"expected a tensor from each branch, got {got}")
        first = parts[0]
        if self.combine == "concat" and not -first.ndim <= self.dim < first.ndim:
            raise ModuleError(self, f"expected branches with an axis {self.dim}, got {shape(first)}")
        for name, part in zip(self._children, parts):
            expected = list(first.shape)
            if self.combine == "concat" and part.ndim == first.ndim:
                expected[self.dim] = part.shape[self.dim]
            if list(part.shape) != expected or part.dtype != first.dtype:
                free = f", free along axis {self.dim}" if self.combine == "concat" else ""
                alike = f"{shape(first)} of {first.dtype} as branch {next(iter(self._children))}{free}"
                came = f"{shape(part)} of {part.dtype}"
                raise ModuleError(self, f"expected branch {name} to give {alike}, got {came}")
