"""Networks from descriptions, within limits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from torch import Tensor

from plaingrad import nn
from plaingrad.errors import InputError
from plaingrad.module import Module, ModuleError
from plaingrad.nn.container.base import Container
from plaingrad.nn.container.graph import Graph
from plaingrad.saving.arguments import brief, check, construct, parts
from plaingrad.saving.graphs import build_graph
from plaingrad.saving.own import build_own, by_name

DEEPEST = 64
LONGEST_NAME = 100
MOST_MODULES = 10_000
MOST_NUMBERS = 10**9  # in all parameters and buffers together

# The classes that a description may name; nothing else is ever called.
CLASSES: dict[str, type[Module]] = {
    name: layer
    for name in nn.__all__
    if issubclass(layer := getattr(nn, name), Module)
    and layer.forward is not Module.forward  # neither Loss nor a mere collection
}


def build(description: Any, device: str | None = None, classes: Iterable[type[Module]] = ()) -> Module:
    """The network of a description, with parameters as its constructors draw them.

    Nothing is allocated before the whole description is known to be sound. Only the classes of
    `plaingrad.nn` are called.

    Args:
        description: what `describe` gave.
        device: where parameters and buffers shall live; ``"meta"`` for shapes alone.
        classes: classes of your own that it may name as well, whose constructors are called with its
            arguments, on the CPU.

    Raises:
        ValueError: it is no description; it names a class or an argument that there is not; an argument is of
            the wrong type or out of its range; or there are too many levels, modules or parameters.
    """
    own = by_name(classes, CLASSES)
    skeleton = Builder(make, "meta", own).network(description)
    return skeleton if device == "meta" else Builder(make, device, own).network(description)


@dataclass(frozen=True)
class Path:
    """The position of a module in a network.

    Attributes:
        names: the names that lead to it.
        around: the containers around it, each with the name inside it, for messages.
    """

    names: tuple[str, ...] = ()
    around: tuple[str, ...] = ()

    @property
    def dotted(self) -> str:
        return ".".join(self.names)

    def inside(self, container: str, name: str) -> Path:
        return Path((*self.names, name), (*self.around, f"{container}[{name}]"))

    def refuse(self, kind: str, problem: object) -> InputError:
        around = ".".join(self.around)
        return InputError(f"{around + ' ' if around else ''}{kind}: {problem}")


Make = Callable[[type[Module], dict[str, Any] | None, dict[str, Any], str | None], Any]
"""Makes a module of a class of plaingrad.nn from its children (None for a layer), arguments and a device."""


@dataclass(frozen=True)
class Built:
    """A module that has been built.

    Attributes:
        module: the module.
        modules: how many it is with all below it, those that are used again counted again.
        levels: how many there are below it.
    """

    module: Any
    modules: int
    levels: int


class Builder:
    """Makes modules from descriptions, within limits.

    Whatever is done with a network later walks it position by position, so what is used again counts again.

    Args:
        make: makes a module.
        device: where tensors shall live.
        own: classes besides those of plaingrad.nn, by name.
    """

    def __init__(
        self, make: Make, device: str | None, own: Mapping[str, type[Module]] = MappingProxyType({})
    ) -> None:
        self.make, self.device, self.own = make, device, own
        self._built: dict[str, Built] = {}
        self._modules = self._numbers = 0

    def network(self, description: Any) -> Any:
        """The network of a description."""
        frozen: Any = []
        tied: Any = {}
        if type(description) is dict:
            description = dict(description)
            frozen = description.pop("frozen", [])
            tied = description.pop("tied", {})
        module = self._module(description, Path()).module
        _tie(module, tied)
        parameters = dict(module.named_parameters())
        if type(frozen) is not list or not all(type(name) is str and name in parameters for name in frozen):
            raise InputError(f"architecture: expected frozen to be names of parameters, got {brief(frozen)}")
        for name in frozen:
            parameters[name].requires_grad = False
        return module

    def _module(self, description: Any, path: Path) -> Built:
        if type(description) is not dict:
            kind = type(description).__name__
            raise path.refuse("architecture", f"expected a module's class and arguments, got a {kind}")
        if "shared" in description:
            return self._shared(description, path)
        self._count(1, len(path.names))
        named = description.get("class")
        if type(named) is str and named in self.own:
            return self._module_of_own_class(description, path)
        name, layer = _class(description, path)
        is_container = issubclass(layer, Container)
        children = {
            key: self._module(child, path.inside(name, key))
            for key, child in _named(name, description.get("children", []), path).items()
        }
        arguments, is_frozen = _frozen_table(name, description.get("arguments", {}))
        takes_modules = is_container or bool(parts(layer))
        inside = {key: child.module for key, child in children.items()} if takes_modules else None
        try:
            module: Any
            if layer is Graph:
                module = build_graph(inside or {}, arguments, self.device)
            else:
                parsed = check(layer, arguments, self.device)
                self._count(_layers(parsed) * max([1, *(child.modules for child in children.values())]), 0)
                module = self.make(layer, inside, parsed, self.device)
        except ModuleError as error:
            raise path.refuse(name, error.problem) from None
        except (ValueError, TypeError) as error:
            raise path.refuse(name, str(error).partition("\n")[0]) from None
        except (RuntimeError, ArithmeticError):  # PyTorch's, of sizes below 0 or beyond all memory
            expected = f"sizes that tensors can have, got {brief(arguments)}"
            raise path.refuse(name, f"expected {expected}") from None
        if is_frozen:
            module.weight.requires_grad = False
        if isinstance(module, Graph):
            self._numbers += sum(field.value.numel() for _, field in module.own_values())
        elif not is_container:
            self._numbers += sum(value.numel() for value in module.state_dict().values())
        if self._numbers > MOST_NUMBERS:
            raise path.refuse(name, f"expected at most {MOST_NUMBERS:,} parameters up to here, got more")
        built = Built(
            module,
            1 + sum(child.modules for child in children.values()),
            max((1 + child.levels for child in children.values()), default=0),
        )
        self._built[path.dotted] = built
        return built

    def _module_of_own_class(self, description: dict[str, Any], path: Path) -> Built:
        name = description["class"]
        try:
            module = build_own(self.own[name], description)
        except InputError as error:
            raise path.refuse(name, error) from None
        paths = [each for each, _ in module.named_modules()]
        levels = max(0 if not each else 1 + each.count(".") for each in paths)
        self._count(len(paths) - 1, len(path.names) + levels)
        self._built[path.dotted] = built = Built(module, len(paths), levels)
        return built

    def _shared(self, description: dict[str, Any], path: Path) -> Built:
        first = description["shared"]
        if type(first) is not str or first not in self._built or len(description) > 1:
            raise path.refuse("shared", f"expected the path of a module before it, got {first!r:.60}")
        built = self._built[first]
        self._count(built.modules, len(path.names) + built.levels)
        return built

    def _count(self, modules: int, levels: int) -> None:
        self._modules += modules
        if self._modules > MOST_MODULES:
            raise InputError(f"architecture: expected at most {MOST_MODULES:,} modules, got more")
        if levels > DEEPEST:
            raise InputError(f"architecture: expected at most {DEEPEST} levels, got more")


def _tie(module: Any, tied: Any) -> None:
    """Make parameters one with others, by the names of both."""
    own = dict(module.named_parameters())
    names = [*tied, *tied.values()] if type(tied) is dict else [None]
    if not all(type(name) is str and name in own for name in names):
        raise InputError(f"architecture: expected tied to be names of parameters, got {brief(tied)}")
    for name, first in tied.items():
        kinds = [(tensor.shape, tensor.dtype) for tensor in (_tensor(own[name]), _tensor(own[first]))]
        if kinds[0] != kinds[1]:
            raise InputError(
                f"architecture: expected {name!r} to be as {first!r}, got another shape or dtype"
            )
        path, _, field = name.rpartition(".")
        setattr(module.get_submodule(path), field, own[first])


def _tensor(parameter: Any) -> Tensor:
    """The value of a parameter, ours or torch's."""
    return parameter if isinstance(parameter, Tensor) else parameter.value


def _layers(arguments: dict[str, Any]) -> int:
    """The number of layers that a constructor makes itself."""
    return sum(
        max(0, count)
        for name, count in arguments.items()
        if name.startswith("num_") and name.endswith("layers")
    )


def _class(description: dict[str, Any], path: Path) -> tuple[str, type[Module]]:
    name = description.get("class")
    if type(name) is not str or name not in CLASSES:
        hint = "; load(path, classes=[...]) takes classes of your own" if type(name) is str else ""
        raise path.refuse("architecture", f"expected a class of plaingrad.nn, got {name!r:.60}{hint}")
    has_children = issubclass(CLASSES[name], Container) or bool(parts(CLASSES[name]))
    allowed = ["class", "arguments"] + ["children"] * has_children
    for key in description:
        if key not in allowed:
            raise path.refuse(name, f"expected {', '.join(allowed)}; got {key!r:.60}")
    return name, CLASSES[name]


def _frozen_table(name: str, arguments: Any) -> tuple[Any, bool]:
    """Arguments as they are written today, and whether they said, as they once did, a table is frozen."""
    if name != "Embedding" or type(arguments) is not dict or type(arguments.get("_freeze")) is not bool:
        return arguments, False
    return {key: value for key, value in arguments.items() if key != "_freeze"}, arguments["_freeze"]


def _named(container: str, children: Any, path: Path) -> dict[str, Any]:
    """The descriptions of children, without their names, by them."""
    if type(children) is not list or not all(type(child) is dict for child in children):
        raise path.refuse(container, "expected a list of children, got something else")
    named: dict[str, Any] = {}
    for child in children:
        name = child.get("name")
        if type(name) is not str or name in named:
            raise path.refuse(container, f"expected a name of its own for each child, got {name!r:.60}")
        if len(name) > LONGEST_NAME or not name.isprintable():
            expected = f"names of at most {LONGEST_NAME} printable characters"
            raise path.refuse(container, f"expected {expected}, got {name!r:.60}")
        named[name] = {key: value for key, value in child.items() if key != "name"}
    return named


def make(
    layer: type[Module], children: dict[str, Any] | None, arguments: dict[str, Any], device: str | None
) -> Module:
    """A module of plaingrad."""
    if children is None or not issubclass(layer, Container):
        return construct(layer, layer, arguments, device, children)
    named_by_position = list(children) == [str(i) for i in range(len(children))]
    inside = children.values() if named_by_position else [children]
    return layer(*inside, **arguments)
