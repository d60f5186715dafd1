"""The base class of containers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from plaingrad.module import Module, ModuleError


def expect_name(container: Module, name: object, free: bool = False) -> str:
    """The name of an entry, after a check.

    Args:
        container: the module that gets the entry.
        name: the name.
        free: whether attributes of the container are refused as names, as in torch.nn.

    Raises:
        ModuleError: it is no string, empty, or has a dot; or it is an attribute.
    """
    if not isinstance(name, str) or not name or "." in name:
        raise ModuleError(container, f"expected a name without dots, got {name!r}")
    if free and (name in vars(container) or hasattr(type(container), name)):
        raise ModuleError(container, f"expected a name that is no attribute of it, got {name!r}")
    return name


class Container(Module):
    """Children in order, named by their positions or by a mapping, as in torch.nn.

    Args:
        modules: the children in order, or one mapping from names to them.

    Raises:
        ModuleError: an argument is no module, or a name is empty or has a dot.
    """

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        first = modules[0] if len(modules) == 1 else None
        named = first.items() if isinstance(first, Mapping) else ((str(i), m) for i, m in enumerate(modules))
        self._children: dict[str, Module] = {}
        for name, module in named:
            self._add(name, module)

    def _add(self, name: str, module: object) -> None:
        expect_name(self, name)
        if not isinstance(module, Module):
            raise ModuleError(self, f"expected a Module at position {name}, got {module!r}")
        self._children[name] = module
        self._take_in(module)

    def named_children(self) -> Iterator[tuple[str, Module]]:
        yield from self._children.items()
        yield from super().named_children()  # further fields of a subclass

    def __len__(self) -> int:
        return len(self._children)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._children.values())

    def __getitem__(self, index: int) -> Module:
        return list(self)[index]

    def signature(self) -> str:
        inside = [type(module).__name__ for module in self] + self._options()
        return f"{type(self).__name__}({', '.join(inside)})"
