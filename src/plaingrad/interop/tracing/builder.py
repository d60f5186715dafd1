"""The nodes of a graph while they are made of a traced network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from plaingrad.errors import InputError
from plaingrad.module import Module
from plaingrad.nn.container.graph import substituted
from plaingrad.parameter import Buffer, Parameter


class Name(str):
    """The name of a node or an input, unlike a string that is a constant.

    Attributes:
        value: what it is, if it follows from parameters and buffers alone; else None.
    """

    value: Any = None


class Attribute:
    """A parameter or buffer of the traced network, which becomes a node when it is used.

    Attributes:
        path: its dotted name.
        value: the tensor.
    """

    def __init__(self, path: str, value: Tensor) -> None:
        self.path = path
        self.value = value


@dataclass(frozen=True)
class ByMode:
    """A constant that is another one in evaluation than in training.

    Attributes:
        training: that in training.
        evaluation: that in evaluation.
    """

    training: Any
    evaluation: Any

    def __str__(self) -> str:
        return f"{self.training!r:.60} in training and {self.evaluation!r:.60} in evaluation"


class DeviceOf:
    """The device of a node's value, which is known when the network runs."""

    def __init__(self, name: Name) -> None:
        self.name = name


class Builder:
    """Collects the nodes of a `Graph`, with the parameters of the traced network in their places.

    Args:
        paths: the paths of the traced network, which other nodes are not named after.

    Attributes:
        nodes: the nodes by name, as `Graph` takes them.
        inputs: the names of the network's inputs.
        operations: the modules and parameters of the traced network by their paths.
    """

    def __init__(self, paths: Set[str]) -> None:
        self._paths = paths
        self.nodes: dict[str, tuple[Any, ...]] = {}
        self.inputs: list[str] = []
        self._base = "node"
        self.operations: dict[str, Module | Parameter | Buffer] = {}
        self._parameters: dict[Tensor, Parameter] = {}
        self._names: dict[str, Name] = {}  # of the nodes of parameters and buffers

    def begin(self, base: str) -> None:
        """Name the nodes that follow after this operation of the traced network."""
        self._base = base

    def add(self, operation: Module | str, *uses: Any, **options: Any) -> Name:
        """Add a node for a module or the path of one, and return its name."""
        taken = {*self.nodes, *self.inputs, *(() if isinstance(operation, str) else self._paths)}
        name, count = self._base, 1
        while name in taken:
            name, count = f"{self._base}_{count}", count + 1
        arguments = tuple(self.use(each) for each in uses)
        named = {key: self.use(each) for key, each in options.items()}
        self.nodes[name] = (operation, *arguments, named) if named else (operation, *arguments)
        return Name(name)

    def use(self, value: Any) -> Any:
        """An argument as a node has it: attributes become nodes, and constants must be such as a graph takes.

        Raises:
            ValueError: there is a constant that a graph cannot hold.
        """
        if isinstance(value, Attribute):
            return self._value_of(value)
        if isinstance(value, (tuple, list)):
            return type(value)(self.use(each) for each in value)
        if isinstance(value, slice):
            return slice(*map(self.use, (value.start, value.stop, value.step)))
        if value is None or value is ... or isinstance(value, (Name, bool, int, float)):
            return value
        if isinstance(value, ByMode):
            raise InputError(f"expected one constant for both modes, got {value}")
        raise InputError(f"expected numbers and results of operations, got {value!r:.60}")

    def module(self, path: str, make: Callable[[], Module], theirs: Iterable[tuple[str, Tensor]]) -> str:
        """The path of the traced network, under which there is a module now.

        Args:
            path: the path.
            make: makes the module, when it is used first.
            theirs: the parameters that it has in the traced network, by name.
        """
        if path not in self.operations:
            self.operations[path] = self._sharing(make(), theirs)
        self.begin(path)
        return path

    def _sharing(self, module: Module, theirs: Iterable[tuple[str, Tensor]]) -> Module:
        """Replace parameters that stand in another module already by those, and return the module.

        Args:
            module: whose parameters have the names of theirs.
            theirs: the parameters of the traced network that it came from.
        """
        ours = dict(module.named_parameters())
        for name, tensor in theirs:
            if name in ours:
                own = self._parameters.setdefault(tensor, ours[name])
                if own is not ours[name]:
                    path, _, field = name.rpartition(".")
                    setattr(module.get_submodule(path), field, own)
        return module

    def _value_of(self, attribute: Attribute) -> Name:
        path, tensor = attribute.path, attribute.value
        if path not in self.operations:
            value = tensor.detach().cpu().clone()
            if isinstance(tensor, torch.nn.Parameter):
                own = self._parameters.setdefault(tensor, Parameter(value))
                own.frozen = not tensor.requires_grad
                self.operations[path] = own
            else:
                self.operations[path] = Buffer(value)
            before, self._base = self._base, path
            self._names[path] = self.add(path)
            self._base = before
        return self._names[path]


def constant(value: Any, what: str) -> Any:
    """An argument that must depend neither on the input nor on the mode.

    Raises:
        ValueError: it does.
    """
    if isinstance(value, ByMode):
        raise InputError(f"expected one {what} for both modes, got {value}")

    def refuse(name: str) -> Any:
        if isinstance(name, Name):
            raise InputError(f"expected {what} to be a constant, got the result of {str(name)!r}")
        return name

    return substituted(value, refuse)
