"""Lists and dicts whose modules or parameters belong to the network, unlike those in Python's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Generic, TypeVar

from plaingrad.module import Module, ModuleError
from plaingrad.nn.container.base import expect_name
from plaingrad.parameter import Buffer, Parameter

T = TypeVar("T")


class _Collection(Module, Generic[T]):
    """The base class: entries by name, all modules or all parameters."""

    kind: type

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        collection = super().__new__(cls, *args, **kwargs)
        collection._entries = {}
        return collection

    _entries: dict[str, T]

    def _put(self, name: object, entry: T) -> None:
        name = expect_name(self, name, free=True)
        if not isinstance(entry, self.kind):
            raise ModuleError(self, f"expected a {self.kind.__name__} at {name!r}, got {entry!r}")
        self._entries[name] = entry
        self._take_in(entry)

    def named_children(self) -> Iterator[tuple[str, Any]]:
        if self.kind is Module:
            yield from self._entries.items()  # type: ignore[misc]
        yield from super().named_children()  # further fields of a subclass

    def named_fields(self) -> Iterator[tuple[str, Parameter | Buffer]]:
        if self.kind is Parameter:
            yield from self._entries.items()  # type: ignore[misc]
        yield from super().named_fields()

    def __len__(self) -> int:
        return len(self._entries)

    def signature(self) -> str:
        return f"{type(self).__name__}({len(self)})"

    def _shown(self) -> Iterator[tuple[str, Any]]:
        yield from self._entries.items()
        yield from super().named_children()


class _List(_Collection[T]):
    """Entries by position, with a list's methods."""

    def _renew(self, entries: list[T]) -> None:
        before, self._entries = self._entries, {}
        self._changed()
        try:
            for position, entry in enumerate(entries):
                self._put(str(position), entry)
        except ModuleError:
            self._entries = before
            raise

    def append(self, entry: T) -> Any:
        """Add an entry at the end, and return self."""
        self._put(str(len(self)), entry)
        return self

    def extend(self, entries: Iterable[T]) -> Any:
        """Add entries at the end, and return self."""
        for entry in entries:
            self.append(entry)
        return self

    def insert(self, index: int, entry: T) -> None:
        """Add an entry before the one at ``index``."""
        entries = list(self)
        entries.insert(index, entry)
        self._renew(entries)

    def pop(self, index: int = -1) -> T:
        """Take out the entry at ``index`` and return it."""
        entries = list(self)
        entry = entries.pop(index)
        self._renew(entries)
        return entry

    def __iter__(self) -> Iterator[T]:
        return iter(self._entries.values())

    def __getitem__(self, index: int | slice) -> Any:
        entries = list(self)[index]
        return type(self)(entries) if isinstance(index, slice) else entries  # type: ignore[arg-type]

    def __setitem__(self, index: int, entry: T) -> None:
        entries = list(self)
        entries[index] = entry
        self._renew(entries)

    def __delitem__(self, index: int | slice) -> None:
        entries = list(self)
        del entries[index]
        self._renew(entries)

    def __iadd__(self, entries: Iterable[T]) -> Any:
        return self.extend(entries)

    def __add__(self, entries: Iterable[T]) -> Any:
        return type(self)([*self, *entries])


class _Dict(_Collection[T]):
    """Entries by name, with a dict's methods."""

    def update(self, entries: Mapping[str, T] | Iterable[tuple[str, T]] | _Dict[T]) -> None:
        """Add or replace entries."""
        for name, entry in dict(entries).items():
            self._put(name, entry)

    def pop(self, name: str) -> T:
        """Take out the entry of this name and return it."""
        self._changed()
        return self._entries.pop(name)

    def popitem(self) -> tuple[str, T]:
        """Take out the entry that was added last and return its name and it."""
        self._changed()
        return self._entries.popitem()

    def get(self, name: str, default: Any = None) -> Any:
        """The entry of this name, else the default."""
        return self._entries.get(name, default)

    def setdefault(self, name: str, default: T) -> T:
        """The entry of this name, for which the default is added where there is none."""
        if name not in self._entries:
            self._put(name, default)
        return self._entries[name]

    def copy(self) -> Any:
        """Another one with the same entries, which both share."""
        return type(self)(dict(self._entries))  # type: ignore[call-arg]

    def clear(self) -> None:
        """Take out all entries."""
        self._entries.clear()
        self._changed()

    def keys(self) -> Any:
        """The names."""
        return self._entries.keys()

    def values(self) -> Any:
        """The entries."""
        return self._entries.values()

    def items(self) -> Any:
        """Pairs of name and entry."""
        return self._entries.items()

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __getitem__(self, name: str) -> T:
        return self._entries[name]

    def __setitem__(self, name: str, entry: T) -> None:
        self._put(name, entry)

    def __delitem__(self, name: str) -> None:
        self.pop(name)

    def __reversed__(self) -> Iterator[str]:
        return reversed(self._entries)

    def __or__(self, other: Mapping[str, T] | _Dict[T]) -> Any:
        both = self.copy()
        both.update(other)
        return both

    def __ror__(self, other: Mapping[str, T]) -> Any:
        return type(self)({**other, **self._entries})  # type: ignore[call-arg]

    def __ior__(self, other: Mapping[str, T] | _Dict[T]) -> Any:
        self.update(other)
        return self


class ModuleList(_List[Module]):
    """A list of modules that belong to the network: trained, saved, moved with it.

    Behaves as a list. It has no forward: the module that holds it says what happens with each.

    Args:
        modules: the modules, named by their positions.

    Raises:
        ModuleError: an entry is no module.
    """

    kind = Module

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        self.extend(modules or ())


class ModuleDict(_Dict[Module]):
    """A dict of modules that belong to the network: trained, saved, moved with it.

    Behaves as a dict. It has no forward: the module that holds it says what happens with each.

    Args:
        modules: the modules by name, or pairs of name and module.

    Raises:
        ModuleError: an entry is no module; or a name is empty, has a dot, or is an attribute of the dict.
    """

    kind = Module

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None) -> None:
        self.update(modules or ())


class ParameterList(_List[Parameter]):
    """A list of parameters that belong to the network.

    Args:
        values: the parameters, named by their positions.

    Raises:
        ModuleError: an entry is no parameter.
    """

    kind = Parameter

    def __init__(self, values: Iterable[Parameter] | None = None) -> None:
        self.extend(values or ())


class ParameterDict(_Dict[Parameter]):
    """A dict of parameters that belong to the network.

    Args:
        parameters: the parameters by name, or pairs of name and parameter.

    Raises:
        ModuleError: an entry is no parameter; or a name is empty, has a dot, or is an attribute of the dict.
    """

    kind = Parameter

    def __init__(
        self, parameters: Mapping[str, Parameter] | Iterable[tuple[str, Parameter]] | None = None
    ) -> None:
        self.update(parameters or ())
