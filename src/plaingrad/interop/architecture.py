"""The architecture of a network as plain data, and the network from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from plaingrad import nn
from plaingrad.interop.arguments import check, construct, read
from plaingrad.module import Module, ModuleError
from plaingrad.nn.container import Container
from plaingrad.parameter import Buffer, Parameter

DEEPEST = 64
MOST_MODULES = 10_000
MOST_NUMBERS = 10**9  # in all parameters and buffers together

# The classes that a description may name; nothing else is ever called.
CLASSES: dict[str, type[Module]] = {name: getattr(nn, name) for name in nn.__all__ if name != "Loss"}


def describe(module: Module) -> dict[str, Any]:
    """The architecture of a network as data that JSON can hold, without its parameters.

    A module is ``{"class": ..., "arguments": {...}}``. A container has a list of ``"children"`` as well, each
    with its ``"name"``. Where a module is used again stands ``{"shared": path}``, the dotted path of its
    first place.

    Args:
        module: made of the classes of `plaingrad.nn`, losses included; no subclasses of them.

    Raises:
        ValueError: a module is of another class, or is no longer what its constructor made; the message names
            its place.
    """
    return describe_in(OURS, module)


def build(description: Any, device: str | None = None) -> Module:
    """The network of a description, with parameters as its constructors draw them.

    Nothing is allocated before the whole description is known to be sound. Only the classes of
    `plaingrad.nn` are called.

    Args:
        description: what `describe` gave.
        device: where parameters and buffers shall live; ``"meta"`` for shapes alone.

    Raises:
        ValueError: it is no description; it names a class or an argument that there is not; an argument is of
            the wrong type or out of its range; or there are too many levels, modules or parameters.
    """
    skeleton = Builder(_make, "meta").module(description, Place())
    return skeleton if device == "meta" else Builder(_make, device).module(description, Place())


@dataclass(frozen=True)
class Place:
    """Where a module is in a network.

    Attributes:
        names: the names that lead to it.
        around: the containers around it, each with the name inside it, for messages.
    """

    names: tuple[str, ...] = ()
    around: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        return ".".join(self.names)

    def inside(self, container: str, name: str) -> Place:
        return Place((*self.names, name), (*self.around, f"{container}[{name}]"))

    def refuse(self, kind: str, problem: object) -> ValueError:
        place = ".".join(self.around)
        return ValueError(f"{place + ' ' if place else ''}{kind}: {problem}")


@dataclass(frozen=True)
class Library:
    """Where modules to be described come from.

    Attributes:
        classes: the name in plaingrad.nn of each class.
        children: the modules inside one, by name.
        state: its parameters and buffers by name.
        layout: what matters of one of them besides its numbers, in words.
        refusal: why a module cannot be described, as "expected ...", or None if it can.
    """

    classes: Mapping[type, str]
    children: Callable[[Any], Iterable[tuple[str, Any]]]
    state: Callable[[Any], Mapping[str, Any]]
    layout: Callable[[Any], str]
    refusal: Callable[[Any], str | None]


def describe_in(library: Library, module: Any) -> dict[str, Any]:
    """Describe a network of this library, and prove that the description does it justice.

    Raises:
        ValueError: as `describe` does.
    """
    description = _described(library, module, Place(), {})
    _expect_same(library, module, build(description, device="meta"))
    return description


def _described(library: Library, module: Any, place: Place, seen: dict[int, str]) -> dict[str, Any]:
    if id(module) in seen:
        return {"shared": seen[id(module)]}
    seen[id(module)] = place.path
    problem = library.refusal(module)
    if problem is not None:
        raise place.refuse(type(module).__name__, problem)
    name = library.classes[type(module)]
    layer, children = CLASSES[name], dict(library.children(module))
    if len(children) != (len(module) if issubclass(layer, Container) else 0):
        raise place.refuse(name, "expected no modules besides its children")
    description: dict[str, Any] = {"class": name, "arguments": read(layer, module)}
    if issubclass(layer, Container):
        description["children"] = [
            {"name": key, **_described(library, child, place.inside(name, key), seen)}
            for key, child in children.items()
        ]
    return description


def fields(module: Module) -> dict[str, Parameter | Buffer]:
    """The parameters and buffers of a network by their names in `Module.state_dict`."""
    return dict(module._named_state())


def _unknown(module: Module) -> str | None:
    return None if type(module) in OURS.classes else "expected a class of plaingrad.nn, got one of your own"


OURS = Library(
    classes={layer: name for name, layer in CLASSES.items()},
    children=lambda module: module.named_children(),
    state=fields,
    layout=lambda held: f"a {type(held).__name__} {tuple(held.value.shape)} of {held.value.dtype}",
    refusal=_unknown,
)


@dataclass
class Builder:
    """Makes modules from descriptions, within limits.

    Attributes:
        make: makes a module of a class of plaingrad.nn from its children (None for a layer), its checked
            arguments and a device.
        device: where tensors shall live.
    """

    make: Callable[[type[Module], dict[str, Any] | None, dict[str, Any], str | None], Any]
    device: str | None
    made: dict[str, Any] = field(default_factory=dict)
    modules: int = 0
    numbers: int = 0

    def module(self, description: Any, place: Place) -> Any:
        """The module of a description, for this place."""
        if type(description) is not dict:
            kind = type(description).__name__
            raise place.refuse("architecture", f"expected a module's class and arguments, got a {kind}")
        self.modules += 1
        if self.modules > MOST_MODULES:
            raise ValueError(f"architecture: expected at most {MOST_MODULES:,} modules, got more")
        if len(place.names) > DEEPEST:
            raise ValueError(f"architecture: expected at most {DEEPEST} levels, got more")
        if "shared" in description:
            return self._shared(description, place)
        name, layer = self._class(description, place)
        children = None
        if issubclass(layer, Container):
            named = self._named(name, description.get("children", []), place)
            children = {key: self.module(child, place.inside(name, key)) for key, child in named.items()}
        try:
            arguments = check(layer, description.get("arguments", {}), self.device)
            made = self.make(layer, children, arguments, self.device)
        except ModuleError as error:
            raise place.refuse(name, error.problem) from None
        except (ValueError, TypeError, RuntimeError, ArithmeticError) as error:
            raise place.refuse(name, str(error).partition("\n")[0]) from None
        if children is None:
            self.numbers += sum(value.numel() for value in made.state_dict().values())
        if self.numbers > MOST_NUMBERS:
            raise place.refuse(name, f"expected at most {MOST_NUMBERS:,} parameters up to here, got more")
        self.made[place.path] = made
        return made

    def _shared(self, description: dict[str, Any], place: Place) -> Any:
        path = description["shared"]
        if type(path) is not str or path not in self.made or len(description) > 1:
            raise place.refuse("shared", f"expected the path of a module before it, got {path!r:.60}")
        return self.made[path]

    def _class(self, description: dict[str, Any], place: Place) -> tuple[str, type[Module]]:
        name = description.get("class")
        if type(name) is not str or name not in CLASSES:
            raise place.refuse("architecture", f"expected a class of plaingrad.nn, got {name!r:.60}")
        allowed = ["class", "arguments"] + ["children"] * issubclass(CLASSES[name], Container)
        for key in description:
            if key not in allowed:
                raise place.refuse(name, f"expected {', '.join(allowed)}; got {key!r:.60}")
        return name, CLASSES[name]

    def _named(self, container: str, children: Any, place: Place) -> dict[str, Any]:
        """The descriptions of children, without their names, by them."""
        if type(children) is not list or not all(type(child) is dict for child in children):
            raise place.refuse(container, "expected a list of children, got something else")
        named = {}
        for child in children:
            name = child.get("name")
            if type(name) is not str or name in named:
                raise place.refuse(container, f"expected a name of its own for each child, got {name!r:.60}")
            named[name] = {key: value for key, value in child.items() if key != "name"}
        return named


def _make(
    layer: type[Module], children: dict[str, Any] | None, arguments: dict[str, Any], device: str | None
) -> Module:
    if children is None:
        return construct(layer, layer, arguments, device)
    named_by_position = list(children) == [str(i) for i in range(len(children))]
    inside = children.values() if named_by_position else [children]
    return layer(*inside, **arguments)


def first_names(held: Mapping[str, object]) -> dict[str, str]:
    """For each name, the first name of the same object."""
    first: dict[int, str] = {}
    return {name: first.setdefault(id(each), name) for name, each in held.items()}


def _expect_same(library: Library, module: Any, skeleton: Module) -> None:
    """Refuse a module that has been changed since its constructor made it, other than in its numbers."""
    name, layout = type(module).__name__, library.layout
    found, wanted = library.state(module), fields(skeleton)
    for key in [*wanted, *found]:
        if key not in found or key not in wanted:
            problem = "is missing" if key not in found else "is no parameter of its class"
            raise ValueError(f"{name}: {key!r} {problem}")
        if layout(found[key]) != layout(wanted[key]):
            raise ValueError(
                f"{name}: expected {key!r} to be {layout(wanted[key])}, got {layout(found[key])}"
            )
    ties = first_names(wanted)
    for key, first in first_names(found).items():
        if first != ties[key]:
            problem = f"{key!r} and {first!r} are one parameter; share the module that holds it instead"
            raise ValueError(f"{name}: {problem}")
