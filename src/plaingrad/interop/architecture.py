"""The architecture of a network as plain data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from plaingrad.interop.arguments import read
from plaingrad.interop.builder import CLASSES, Place, build
from plaingrad.module import Module
from plaingrad.nn.container import Container
from plaingrad.parameter import Buffer, Parameter

# How many modules a class that is no container holds all the same: its arguments tell what they are.
INSIDE = {"ColumnEmbedding": 1}


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
    own = len(module) if issubclass(layer, Container) else INSIDE.get(name, 0)
    if len(children) != own:
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
