"""Modules one after another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import overload

from torch import Tensor

from plaingrad.module import Module, ModuleError


class Sequential(Module):
    r"""Feeds each module's output to the next.

    .. math::
        y = (f_n \circ \dots \circ f_1)(x)
        \qquad
        \frac{\partial \ell}{\partial x} = f_1'\big(\dots f_n'\big(\tfrac{\partial \ell}{\partial y}\big)\big)

    Behaves as a list: index, slice, iterate, ``append``. A slice shares its modules with the original.

    Args:
        modules: the modules in order, or one mapping from names to modules.

    Raises:
        ModuleError: an argument is no module; or a module inside complains, with its position added.
    """

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        first = modules[0] if len(modules) == 1 else None
        named = first.items() if isinstance(first, Mapping) else ((str(i), m) for i, m in enumerate(modules))
        self._children: dict[str, Module] = {}
        for name, module in named:
            self._add(name, module)

    def forward(self, x: Tensor) -> Tensor:
        for name, module in self._children.items():
            try:
                x = module.forward(x)
            except ModuleError as error:
                error.inside(self, name)
                raise
        return x

    def backward(self, dy: Tensor) -> Tensor:
        for name, module in reversed(self._children.items()):
            try:
                dy = module.backward(dy)
            except ModuleError as error:
                error.inside(self, name)
                raise
        return dy

    def append(self, module: Module) -> Sequential:
        """Add a module at the end, named by its position, and return self."""
        self._add(str(len(self)), module)
        return self

    def _add(self, name: str, module: object) -> None:
        if not isinstance(module, Module):
            raise ModuleError(self, f"expected a Module at position {name}, got {module!r}")
        self._children[name] = module

    def named_children(self) -> Iterator[tuple[str, Module]]:
        yield from self._children.items()

    def __len__(self) -> int:
        return len(self._children)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._children.values())

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> Sequential: ...
    def __getitem__(self, index: int | slice) -> Module:
        names = list(self._children)[index]
        if isinstance(names, str):
            return self._children[names]
        return Sequential({name: self._children[name] for name in names})

    def signature(self) -> str:
        return f"{type(self).__name__}({', '.join(type(module).__name__ for module in self)})"

    def __repr__(self) -> str:
        lines = [f"({name}): {module!r}".replace("\n", "\n  ") for name, module in self._children.items()]
        return f"{type(self).__name__}(\n  " + "\n  ".join(lines) + "\n)" if lines else super().__repr__()
