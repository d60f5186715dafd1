"""The architecture of a network as plain data."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from typing import Any

from plaingrad.errors import InputError, error_fields
from plaingrad.module import Module
from plaingrad.nn.container.base import Container
from plaingrad.nn.container.graph import Graph
from plaingrad.parameter import Buffer, Parameter
from plaingrad.saving.arguments import LEFT_OUT, brief, holds_state, parts, read, to_builtins
from plaingrad.saving.build import CLASSES, Builder, Make, Path, make
from plaingrad.saving.graphs import read_graph
from plaingrad.saving.own import by_name, describe_own


def describe(module: Module, *, own: bool = False) -> dict[str, Any]:
    """The architecture of a network as data that JSON can hold, without its parameters.

    A module is ``{"class": ..., "arguments": {...}}``. A container has a list of ``"children"`` as well, each
    with its ``"name"``. Where a module is used again stands ``{"shared": path}``, the dotted path of its
    first position. If parameters are frozen, the outermost module has a list of their names, ``"frozen"``;
    if some are one with another in another module, the name of that one for each of theirs, ``"tied"``.

    Args:
        module: made of the classes of `plaingrad.nn`, losses included; no subclasses of them.
        own: whether modules of other classes are described too, by the name of the class and the arguments
            of the constructor, which makes all that is in them.

    Raises:
        ValueError: a module is of another class, or is no longer what a constructor could make; the message
            names it.
    """
    if not own or not isinstance(module, Module):
        return describe_in(OURS, module)
    kinds = {type(each): None for each in module.modules()}
    classes = by_name((kind for kind in kinds if kind not in OURS.classes), CLASSES)
    return describe_in(replace(OURS, own=classes), module)


@dataclass(frozen=True)
class Library:
    """The origin of modules to be described.

    Attributes:
        common: fields that all modules have, or that change no result.
        classes: the name in plaingrad.nn of each class.
        children: the modules inside one, by name.
        state: its parameters and buffers by name.
        refusal: why a module cannot be described, as "expected ...", or None if it can.
        make: makes a module from its description.
        view: the module, or an object with the attributes that its arguments are read from.
        own: classes besides these, whose constructors make all that is in them, by name.
    """

    common: Set[str]
    classes: Mapping[type, str]
    children: Callable[[Any], Iterable[tuple[str, Any]]]
    state: Callable[[Any], Mapping[str, Any]]
    refusal: Callable[[Any], str | None]
    make: Make
    view: Callable[[Any], Any] = lambda module: module
    own: Mapping[str, type[Module]] = dataclasses.field(default_factory=dict)

    def modules(self, module: Any, path: str = "") -> Iterator[tuple[str, Any]]:
        """The modules of a network by their paths, those that are used again at each of their positions."""
        yield path, module
        for name, child in self.children(module):
            yield from self.modules(child, f"{path}.{name}" if path else name)


def describe_in(library: Library, module: Any) -> dict[str, Any]:
    """Describe a network of this library, and prove that the description does it justice.

    Raises:
        ValueError: as `describe` does.
    """
    description = _described(library, module, Path(), {})
    frozen = [name for name, parameter in module.named_parameters() if not parameter.requires_grad]
    if frozen:
        description["frozen"] = frozen
    skeleton = Builder(library.make, "meta", library.own).network(description)
    tied = _ties(library, module, skeleton)
    if tied:
        description["tied"] = tied
        skeleton = Builder(library.make, "meta", library.own).network(description)
    _expect_same(library, module, skeleton)
    return description


def _described(library: Library, module: Any, path: Path, seen: dict[int, str]) -> dict[str, Any]:
    if id(module) in seen:
        return {"shared": seen[id(module)]}
    seen[id(module)] = path.dotted
    if type(module) in library.own.values():
        with error_fields(argument=".".join(path.around) or None):
            return describe_own(module)
    problem = library.refusal(module)
    if problem is not None:
        raise path.refuse(type(module).__name__, problem)
    name = library.classes[type(module)]
    layer = CLASSES[name]
    arguments = read_graph(module) if layer is Graph else read(layer, library.view(module))
    description: dict[str, Any] = {"class": name, "arguments": arguments}
    if issubclass(layer, Container):
        children = dict(library.children(module))
        if len(children) != len(module):
            raise path.refuse(name, "expected no modules besides its children")
        description["children"] = [
            {"name": key, **_described(library, child, path.inside(name, key), seen)}
            for key, child in children.items()
        ]
    elif inside := _inside(layer, module):
        description["children"] = [
            {"name": key, **_described(library, child, path.inside(name, key), seen)}
            for key, child in inside.items()
        ]
    return description


def _ties(library: Library, module: Any, skeleton: Any) -> dict[str, str]:
    """The names of parameters that are one with another one without their modules being one, and its name."""
    by_module = first_names(library.state(skeleton))
    first = first_names(library.state(module))
    return {name: first[name] for name in first if first[name] != by_module.get(name, first[name])}


def _inside(layer: type, module: Any) -> dict[str, Any]:
    """The modules that a constructor takes, by its arguments; one that it copies is the first copy."""
    inside = {
        name: module.layers[0] if name.endswith("_layer") else getattr(module, name) for name in parts(layer)
    }
    return {name: child for name, child in inside.items() if child is not None}


def fields(module: Module) -> dict[str, Parameter | Buffer]:
    """The parameters and buffers of a network by their names in `Module.state_dict`."""
    return dict(module._named_state())


def _unknown(module: Module) -> str | None:
    return None if type(module) in OURS.classes else "expected a class of plaingrad.nn, got one of your own"


OURS = Library(
    common=vars(Module()).keys() | LEFT_OUT,
    classes={layer: name for name, layer in CLASSES.items()},
    children=lambda module: module.named_children(),
    state=fields,
    refusal=_unknown,
    make=make,
)


def first_names(held: Mapping[str, object]) -> dict[str, str]:
    """For each name, the first name of the same object."""
    first: dict[int, str] = {}
    return {name: first.setdefault(id(each), name) for name, each in held.items()}


def _expect_same(library: Library, module: Any, skeleton: Any) -> None:
    """Refuse a module that differs from what its description makes, other than in its numbers."""
    kind, got, expected = type(module).__name__, _parts(library, module), _parts(library, skeleton)
    for name in [*expected, *got]:
        if name not in got or name not in expected:
            problem = "is missing" if name not in got else "is no part of its class"
            raise InputError(f"{kind}: {name!r} {problem}")
        if got[name] != expected[name]:
            raise InputError(f"{kind}: expected {name!r} to be {expected[name]}, got {got[name]}")
    for (path, each), (_, other) in zip(library.modules(module), library.modules(skeleton)):
        for field in sorted({**vars(other), **vars(each)}.keys() - library.common):
            if not hasattr(other, field) or holds_state(getattr(other, field)):
                continue  # it is a note of one's own, or has been seen above
            now, before = to_builtins(getattr(each, field, None)), to_builtins(getattr(other, field))
            if not _is_same(now, before):
                field = f"{path}.{field}" if path else field
                raise InputError(f"{kind}: expected {field!r} to be {brief(before)}, got {brief(now)}")


def _is_same(now: Any, before: Any) -> bool:
    """True for equal data; one number stands for as many as there are axes."""
    one_for_all = [
        type(several) is list and bool(several) and several == [one] * len(several)
        for one, several in ((now, before), (before, now))
    ]
    return now == before or any(one_for_all)


def _parts(library: Library, module: Any) -> dict[str, str]:
    """The parameters, buffers and modules of a network by name, in words."""
    parts = {}
    for name, held in library.state(module).items():
        value = getattr(held, "value", held)
        parts[name] = f"a {type(held).__name__} {tuple(value.shape)} of {value.dtype}"
    return parts | {path: f"a {type(each).__name__}" for path, each in library.modules(module)}
