"""Tracing of code of one's own by torch.fx."""

from __future__ import annotations

import inspect
import operator
import traceback
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import fx

from plaingrad.errors import InputError
from plaingrad.interop.tracing.overwriting import AUGMENTED, overwrites_input
from plaingrad.interop.tracing.source import own_frame


class Operand(fx.Proxy):
    """An operand that is traced, which knows ``x += y``, that overwrites x, from ``x = x + y``."""


def _augmented(name: str) -> Callable[[Operand, Any], fx.Proxy]:
    function = getattr(operator, f"i{name}")
    return lambda self, other: self.tracer.create_proxy("call_function", function, (self, other), {})


for _name in AUGMENTED:
    setattr(Operand, f"__i{_name}__", _augmented(_name))


class Tracer(fx.Tracer):
    """Traces code of one's own, down to the modules that plaingrad has.

    Args:
        is_known: whether plaingrad has a module, with all that is in it.
        inputs: the names of forward's arguments that stay inputs though they have a default.
    """

    def __init__(self, is_known: Callable[[torch.nn.Module], bool], inputs: Collection[str]) -> None:
        super().__init__(param_shapes_constant=True)
        self.is_known = is_known
        self.inputs = inputs
        self.record_stack_traces = True

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return Operand(node, self)

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        """The parameter or buffer as an operand that is traced: of a parameter the shape is known."""
        if isinstance(attr_val, torch.Tensor) and not isinstance(attr_val, torch.nn.Parameter):
            for name, buffer in self.root.named_buffers():
                if buffer is attr_val:
                    return self.create_proxy("get_attr", name, (), {})
        return super().getattr(attr, attr_val, parameter_proxy_cache)

    def is_leaf_module(self, m: torch.nn.Module, module_qualified_name: str) -> bool:
        if isinstance(m, torch.nn.Sequential) and overwrites_input(m):
            return False  # since the result of the layer that does may be used beside it
        return self.is_known(m) or super().is_leaf_module(m, module_qualified_name)

    def create_args_for_root(self, root_fn: Any, is_module: bool, concrete_args: Any = None) -> Any:
        """The forward and its arguments: an operand for each, but the default where there is one."""
        function, arguments = super().create_args_for_root(root_fn, is_module, concrete_args)
        defaults = {
            name: each.default
            for name, each in inspect.signature(root_fn).parameters.items()
            if each.default is not each.empty and name not in self.inputs
        }
        for k, argument in enumerate(arguments):
            if isinstance(argument, fx.Proxy) and argument.node.target in defaults:
                self.graph.erase_node(argument.node)
                arguments[k] = defaults[argument.node.target]
        return function, arguments


@contextmanager
def _in_mode(network: torch.nn.Module, mode: bool) -> Iterator[dict[str, torch.Tensor]]:
    """Have all modules in training or in evaluation, and leave all of them as they were.

    Yields:
        a dict, in the end with the tensors that torch.fx leaves in a network for those that its code makes.
    """
    tables = ("_parameters", "_buffers", "_modules")
    before = {
        module: (dict(vars(module)), {name: dict(vars(module)[name]) for name in tables})
        for module in network.modules()
    }
    own = dict[str, torch.Tensor]()
    try:
        for module in before:
            module.training = mode
        yield own
    finally:
        new = set(vars(network)) - set(before[network][0])
        own.update({name: vars(network)[name] for name in new})
        for module, (fields, entries) in before.items():
            vars(module).clear()
            vars(module).update(fields)
            for name, table in entries.items():
                fields[name].clear()
                fields[name].update(table)


def trace(
    network: torch.nn.Module,
    is_known: Callable[[torch.nn.Module], bool],
    inputs: Collection[str],
    mode: bool,
) -> tuple[fx.Graph, dict[str, torch.Tensor]]:
    """The steps of a network's forward in training or in evaluation, and the tensors that it makes itself.

    Raises:
        ValueError: the code cannot be traced; the message names the place in the user's source.
    """
    try:
        with _in_mode(network, mode) as own:
            graph = Tracer(is_known, inputs).trace(network)
    except Exception as error:  # whatever the code says to operands that have no values
        where = own_frame(traceback.extract_tb(error.__traceback__))
        raise InputError(f"expected a forward that does not depend on values, got {where}: {error}") from None
    return graph, own
