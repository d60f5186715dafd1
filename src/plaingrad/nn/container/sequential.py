"""Modules one after another."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, overload

from plaingrad.module import Module, ModuleError
from plaingrad.nn.container.base import Container


class Sequential(Container):
    r"""Feeds each module's output to the next.

    .. math::
        y = (f_n \circ \dots \circ f_1)(x)
        \qquad
        \frac{\partial \ell}{\partial x} = f_1'\big(\dots f_n'\big(\tfrac{\partial \ell}{\partial y}\big)\big)

    Behaves as a list: index, slice, iterate, ``append``, ``insert``, ``pop``, ``+``. A slice is a
    `Sequential` that shares its modules, and their names, with the original; where a module is inserted or
    taken out, all are named by their positions again. Keywords of forward go to the first module.

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

    def extend(self, modules: Iterable[Module]) -> Sequential:
        """Add modules at the end, and return self."""
        for module in list(modules):
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> Sequential:
        """Add a module before the one at ``index``, and return self.

        Raises:
            IndexError: there are fewer modules.
        """
        if not -len(self) <= index <= len(self):
            raise IndexError(f"index {index} is out of range for {len(self)} modules")
        modules: list[object] = list(self)
        modules.insert(index, module)
        self._renew({str(i): each for i, each in enumerate(modules)})
        return self

    def pop(self, index: int | slice) -> Module:
        """Take out the module at ``index``, or a slice, and return it."""
        module = self[index]
        del self[index]
        return module

    def __setitem__(self, index: int, module: Module) -> None:
        name = list(self._children)[index]
        self._add(name, module)

    def __delitem__(self, index: int | slice) -> None:
        modules = list(self)
        del modules[index]
        self._renew({str(i): each for i, each in enumerate(modules)})

    def __add__(self, other: Sequential) -> Sequential:
        if not isinstance(other, Sequential):
            return NotImplemented
        return Sequential(*self, *other)

    def __iadd__(self, other: Sequential) -> Sequential:
        if not isinstance(other, Sequential):
            return NotImplemented
        self.extend(other)
        return self

    def _renew(self, modules: dict[str, object]) -> None:
        """Replace all modules and their names."""
        before, self._children = self._children, {}
        self._changed()
        try:
            for name, module in modules.items():
                self._add(name, module)
        except ModuleError:
            self._children = before
            raise

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> Sequential: ...
    def __getitem__(self, index: int | slice) -> Module:
        if isinstance(index, slice):
            return Sequential(dict(list(self._children.items())[index]))
        return super().__getitem__(index)
