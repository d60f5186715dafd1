"""The modules that have operators, and the values between them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from plaingrad.interop.onnx.graph import Graph
from plaingrad.module import Module, ModuleError
from plaingrad.nn import ModuleList

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Value:
    """A tensor in the graph, or a number that depends on the size of the batch.

    Attributes:
        name: its name.
        two: an example, of a batch of two samples of zeros; only its shape and dtype matter.
        three: the same for three samples.
    """

    name: str
    two: Any
    three: Any

    @property
    def dtype(self) -> torch.dtype:
        """The type of its elements."""
        if isinstance(self.two, Tensor):
            return self.two.dtype
        return torch.int64 if isinstance(self.two, int) else torch.float64


class Pair(NamedTuple):
    """The outputs of a module for batches of two samples and of three."""

    two: Any
    three: Any


OPERATORS: dict[type, Callable[..., Any]] = {}
"""For each module the function that adds its operators.

It is called with the graph, the module, the `Pair` of its outputs, and the arguments of forward, in which
each tensor is a `Value`; it returns the names of the outputs in their structure.
"""

COMPOSITES: dict[type, Callable[..., Any]] = {}
"""The same for modules of modules, called without a pair of outputs; they return values."""


def operators(*kinds: type[Module]) -> Callable[[F], F]:
    """Register a function for modules of these classes."""
    return _registering(OPERATORS, kinds)


def composite(*kinds: type[Module]) -> Callable[[F], F]:
    """Register a function for modules of modules."""
    return _registering(COMPOSITES, kinds)


def _registering(table: dict[type, Callable[..., Any]], kinds: tuple[type, ...]) -> Callable[[F], F]:
    def register(function: F) -> F:
        table.update(dict.fromkeys(kinds, function))
        return function

    return register


def of_one_input(table: dict[type, Callable[..., str]]) -> None:
    """Register functions for modules of one input, which take its name and an example of it."""
    for kind, function in table.items():
        OPERATORS[kind] = functools.partial(_with_one_input, function)


def _with_one_input(
    function: Callable[..., str], graph: Graph, module: Module, y: Pair, x: Value, *others: Any
) -> str:
    if any(each is not None for each in others):
        raise ModuleError(module, f"expected one input, got {1 + len(others)}")
    return function(graph, module, x.name, x.two)


def expect_operators(module: Module) -> None:
    """Refuse a network with a module that has no operators."""
    if type(module) in COMPOSITES:
        for key, child in module.named_children():
            inside(module, key, _expect_each if type(child) is ModuleList else expect_operators, child)
    elif type(module) not in OPERATORS:
        raise ModuleError(module, "expected a module for which ONNX has operators")


def _expect_each(modules: ModuleList) -> None:
    for key, child in modules.named_children():
        inside(modules, key, expect_operators, child)


def inside(parent: Module, key: str, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Call a function for the child of this name; if it refuses something, the name is added."""
    try:
        return function(*arguments, **options)
    except ModuleError as error:
        error.inside(parent, key)
        raise


def emit(graph: Graph, module: Module, *arguments: Any, **options: Any) -> Any:
    """Add the operators of a module, and those of the modules in it.

    Args:
        graph: the graph.
        module: the module.
        *arguments: those of its forward, tensors as values.
        **options: those by keyword.

    Returns:
        What forward does, tensors as values.

    Raises:
        ModuleError: there are no operators for it.
    """
    kind = type(module)
    if kind in COMPOSITES:
        return COMPOSITES[kind](graph, module, *arguments, **options)
    if kind not in OPERATORS:
        raise ModuleError(module, "expected a module for which ONNX has operators")
    y = Pair(
        *(
            module.forward(
                *(example(each, batch) for each in arguments),
                **{key: example(each, batch) for key, each in options.items()},
            )
            for batch in ("two", "three")
        )
    )
    if is_constant(y):
        return y.two
    return _values(OPERATORS[kind](graph, module, y, *arguments, **options), y)


def emit_child(graph: Graph, parent: Module, key: str, *arguments: Any, **options: Any) -> Any:
    """Add the operators of the child of this name."""
    child = dict(parent.named_children())[key]
    return inside(parent, key, emit, graph, child, *arguments, **options)


def example(nest: Any, batch: str) -> Any:
    """An argument with its example in place of each value."""
    if isinstance(nest, Value):
        return getattr(nest, batch)
    if isinstance(nest, (tuple, list)):
        return type(nest)(example(each, batch) for each in nest)
    if isinstance(nest, slice):
        return slice(*(example(each, batch) for each in (nest.start, nest.stop, nest.step)))
    return nest


def is_constant(y: Pair) -> bool:
    """True for numbers that do not depend on the batch."""
    return isinstance(y.two, (int, float, torch.Size)) and y.two == y.three


def sizes_of(module: Module, y: Pair) -> list[int]:
    """The sizes of an output, -1 for the one that depends on the batch.

    Raises:
        ModuleError: there are several such.
    """
    sizes = [a if a == b else -1 for a, b in zip(y.two.shape, y.three.shape)]
    if sizes.count(-1) > 1:
        raise ModuleError(module, f"expected one size that depends on the batch, got {tuple(sizes)}")
    return sizes


def _values(names: Any, y: Pair) -> Any:
    """The outputs as values: of these names, or as they are if there are values already."""
    if y.two is None or isinstance(names, (Value, int, float)):
        return y.two if names is None else names
    if isinstance(y.two, tuple):
        return tuple(_values(name, Pair(*each)) for name, *each in zip(names, y.two, y.three))
    if is_constant(y):
        return y.two
    return Value(names, y.two, y.three)
