"""Modules one after another."""

from __future__ import annotations

from typing import Any, overload

from plaingrad.module import Module
from plaingrad.nn.container.base import Container


class Sequential(Container):
    r"""Feeds each module's output to the next.

    .. math::
        y = (f_n \circ \dots \circ f_1)(x)
        \qquad
        \frac{\partial \ell}{\partial x} = f_1'\big(\dots f_n'\big(\tfrac{\partial \ell}{\partial y}\big)\big)

    Behaves as a list: index, slice, iterate, ``append``. A slice is a `Sequential` that shares its modules,
    and their names, with the original. Keywords of forward go to the first module.

    Args:
        modules: the modules in order, or one mapping from names to modules.

    Raises:
        ModuleError: an argument is no module; or a module inside complains, with its position added.
    """

    def forward(self, x: Any, **options: Any) -> Any:
        for module in self._children.values():
            x = module.forward(x, **options) if options else module.forward(x)
            options = {}
        return x

    def backward(self, *grads: Any) -> Any:  # None if the first module takes integers
        for module in reversed(self._children.values()):
            dx = module.backward(*grads)
            grads = dx if type(dx) is tuple else (dx,)  # one for each output of the module before
        return dx if len(self) else grads[0]

    def input_layers(self) -> list[Any]:
        if (
            type(self).backward is not Sequential.backward
        ):  # which may need the gradient that the first one would skip
            return [self]
        return next((module.input_layers() for module in self), [self])

    def append(self, module: Module) -> Sequential:
        """Add a module at the end, named by its position or the next free number, and return self."""
        position = len(self)
        while str(position) in self._children:  # a slice keeps the names of its modules
            position += 1
        self._add(str(position), module)
        return self

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> Sequential: ...
    def __getitem__(self, index: int | slice) -> Module:
        if isinstance(index, slice):
            return Sequential(dict(list(self._children.items())[index]))
        return super().__getitem__(index)
