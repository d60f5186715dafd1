"""A traced network as a graph."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Collection
from typing import Any

import torch
from torch import fx

from plaingrad.errors import InputError
from plaingrad.interop.tracing import functional
from plaingrad.interop.tracing.builder import Attribute, Builder, ByMode, Name
from plaingrad.interop.tracing.operations import OPERATIONS
from plaingrad.interop.tracing.overwriting import Overwriting
from plaingrad.interop.tracing.source import location
from plaingrad.interop.tracing.tracer import trace
from plaingrad.module import Module, ModuleError
from plaingrad.nn.container.graph import Graph
from plaingrad.nn.loss.reduction import Loss

Convert = Callable[[torch.nn.Module], Module]

# The functions of PyTorch by their names, which some do not have themselves.
NAMES = {id(each): name for name, each in vars(torch.nn.functional).items() if callable(each)}


UNUSED = {"out", "dtype"}  # arguments of functions that are mostly None


def traced(
    network: torch.nn.Module,
    is_known: Callable[[torch.nn.Module], bool],
    convert: Convert,
    inputs: Collection[str] = (),
) -> Graph:
    """The graph of a network whose forward is code of one's own.

    Args:
        network: the network.
        is_known: whether `plaingrad.nn` has a module, with all that is in it.
        convert: makes the module of `plaingrad.nn` for such a one.
        inputs: the names of forward's arguments that stay inputs though they have a default.

    Raises:
        ValueError: the code cannot be traced, or does what plaingrad does not know; the message names the
            place in the user's source.
    """
    arguments = list(inspect.signature(network.forward).parameters)
    for name in inputs:
        if name not in arguments:
            raise InputError(f"expected inputs from the arguments of forward, {arguments}, got {name!r}")
    training, constants = trace(network, is_known, inputs, True)
    evaluation, others = trace(network, is_known, inputs, False)
    for graph in (training, evaluation):
        Overwriting(network).rewrite(graph)
    return _Conversion(network, convert, constants, others).run(training, evaluation)


class _Conversion:
    """One traced network on its way."""

    def __init__(
        self,
        network: torch.nn.Module,
        convert: Convert,
        constants: dict[str, torch.Tensor],
        others: dict[str, torch.Tensor],
    ) -> None:
        self.network, self.convert = network, convert
        self.constants, self.others = constants, others
        fields = dict([*network.named_modules(), *network.named_parameters(), *network.named_buffers()])
        self.build = Builder(fields.keys())
        self.values: dict[fx.Node, Any] = {}

    def run(self, training: fx.Graph, evaluation: fx.Graph) -> Graph:
        """The graph of a network from its traces in both modes, which differ in constants at most."""
        outputs: Any = None
        steps = itertools.zip_longest(training.nodes, evaluation.nodes)
        for node, other in steps:
            _expect_alike(node, other)
            args, keywords = (
                _merged(
                    _builtin(fx.node.map_arg(ours, self.values.__getitem__)),
                    _builtin(fx.node.map_arg(theirs, self.values.__getitem__)),
                )
                for ours, theirs in ((node.args, other.args), (node.kwargs, other.kwargs))
            )
            self.build.begin(node.name)
            try:
                if node.op == "output":
                    outputs = self.build.use(args[0])
                else:
                    value = getattr(self, node.op)(node, *args, **keywords)
                    if isinstance(value, Name) and node.op != "placeholder":
                        value.value = self._known(node)
                    self.values[node] = self.values[other] = value
            except (ValueError, TypeError, ModuleError) as error:
                problem = error.problem if isinstance(error, (InputError, ModuleError)) else error
                raise InputError(f"{location(node)}: {problem}") from None
        return Graph(self.build.inputs, self.build.nodes, outputs, self.build.operations)

    def _known(self, node: fx.Node) -> Any:
        """The result of an operation that follows from parameters and buffers alone."""
        before = {each: getattr(self.values[each], "value", None) for each in node.all_input_nodes}
        is_call = node.op in ("call_function", "call_method")
        if not is_call or not before or any(each is None for each in before.values()):
            return None
        args = fx.node.map_arg(node.args, before.__getitem__)
        keywords = fx.node.map_arg(node.kwargs, before.__getitem__)
        with torch.no_grad():
            if node.op == "call_method":
                return getattr(args[0], str(node.target))(*args[1:], **keywords)
            return node.target(*args, **keywords)  # type: ignore[operator]

    def placeholder(self, node: fx.Node, *default: Any) -> Name:
        self.build.inputs.append(str(node.target))
        return Name(node.target)

    def get_attr(self, node: fx.Node) -> Attribute:
        target = str(node.target)
        if target in self.constants:
            constant, other = self.constants[target], self.others[target]
            if constant.dtype != other.dtype or not torch.equal(constant, other):
                raise InputError("expected a tensor that is the same each time, got another one")
            return Attribute(target, constant)
        owner = self.network.get_submodule(target.rpartition(".")[0])
        return Attribute(target, getattr(owner, target.rpartition(".")[2]))

    def call_module(self, node: fx.Node, *args: Any, **keywords: Any) -> Name:
        target = str(node.target)
        theirs = self.network.get_submodule(target)
        parameters = theirs.named_parameters(remove_duplicate=False)
        path = self.build.module(target, lambda: self.convert(theirs), parameters)
        module = self.build.operations[path]
        _expect_target(node, type(module))
        return self.build.add(path, *args, **keywords)

    def call_function(self, node: fx.Node, *args: Any, **keywords: Any) -> Any:
        if node.target is getattr:
            return self._operation(node, args[1], args[:1], {})
        name = NAMES.get(id(node.target), getattr(node.target, "__name__", str(node.target)))
        if getattr(node.target, "__module__", None) == "math":  # of numbers such as sizes, not of tensors
            name = f"math.{name}"
        return self._operation(node, name, args, keywords)

    def call_method(self, node: fx.Node, *args: Any, **keywords: Any) -> Any:
        return self._operation(node, str(node.target), args, keywords)

    def _operation(self, node: fx.Node, name: str, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        keywords = {key: value for key, value in keywords.items() if key not in UNUSED or value is not None}
        if name not in OPERATIONS and name not in functional.CLASSES:
            name = name.removesuffix("_")  # of one that overwrites, which `Overwriting` has seen to
        if name in OPERATIONS:
            return OPERATIONS[name](self.build, *args, **keywords)
        if name in functional.CLASSES:
            _expect_target(node, functional.CLASSES[name])
            return functional.as_module(self.build, name, args, keywords)
        raise InputError(f"expected an operation that plaingrad knows, got {name!r}")


def _expect_alike(node: fx.Node | None, other: fx.Node | None) -> None:
    """Refuse a forward that does other things in evaluation than in training.

    Raises:
        ValueError: this step of one mode is not that of the other.
    """
    same = node is not None and other is not None and (node.op, node.target) == (other.op, other.target)
    if not same:
        steps = {"training": node, "evaluation": other}
        got = [f"{each.name!r} in {mode}" for mode, each in steps.items() if each is not None]
        where = next(location(each) for each in steps.values() if each is not None)
        raise InputError(f"{where}: expected the same steps in both modes, got {' and '.join(got)} alone")


def _merged(training: Any, evaluation: Any) -> Any:
    """The arguments of an operation, where those in both modes are not the same a `ByMode`."""
    if type(training) is type(evaluation) and isinstance(training, (list, tuple)):
        if len(training) == len(evaluation):
            return type(training)(map(_merged, training, evaluation))
    elif isinstance(training, dict) and isinstance(evaluation, dict) and training.keys() == evaluation.keys():
        return {key: _merged(each, evaluation[key]) for key, each in training.items()}
    is_same = training is evaluation or (type(training) is type(evaluation) and training == evaluation)
    return training if is_same else ByMode(training, evaluation)


def _expect_target(node: fx.Node, layer: type) -> None:
    """Refuse a loss whose target may have a gradient, which ours do not give.

    Raises:
        ValueError: the target is computed by the network, or something else uses it too.
    """
    if not issubclass(layer, Loss):
        return
    target = node.args[1] if len(node.args) > 1 else node.kwargs.get("target")
    while isinstance(target, fx.Node) and target.op.startswith("call") and len(target.users) == 1:
        target = target.all_input_nodes[0] if len(target.all_input_nodes) == 1 else None
    if not isinstance(target, fx.Node) or target.op.startswith("call") or len(target.users) > 1:
        raise InputError("expected a target that nothing else uses, since it has no gradient")


def _builtin(value: Any) -> Any:
    """The immutable collections of torch.fx as Python's own."""
    if isinstance(value, (list, tuple)):
        kind = list if isinstance(value, list) else tuple
        return kind(map(_builtin, value))
    if isinstance(value, dict):
        return {key: _builtin(each) for key, each in value.items()}
    if isinstance(value, slice):
        return slice(*map(_builtin, (value.start, value.stop, value.step)))
    return value
