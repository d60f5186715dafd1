"""A traced network as a graph."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

import torch
from torch import fx

from plaingrad.errors import InputError
from plaingrad.interop.tracing import functional
from plaingrad.interop.tracing.builder import Attribute, Builder, Name
from plaingrad.interop.tracing.operations import OPERATIONS
from plaingrad.module import Module, ModuleError
from plaingrad.nn.container.graph import Graph
from plaingrad.nn.loss.reduction import Loss

Convert = Callable[[torch.nn.Module], Module]

# The functions of PyTorch by their names, which some do not have themselves.
NAMES = {id(each): name for name, each in vars(torch.nn.functional).items() if callable(each)}


UNUSED = {"out", "dtype"}  # arguments of functions that are mostly None


class Tracer(fx.Tracer):
    """Traces code of one's own, down to the modules that plaingrad has.

    Args:
        is_known: whether plaingrad has a module, with all that is in it.
    """

    def __init__(self, is_known: Callable[[torch.nn.Module], bool]) -> None:
        super().__init__(param_shapes_constant=True)
        self.is_known = is_known
        self.record_stack_traces = True

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        """The parameter or buffer as an operand that is traced: of a parameter the shape is known."""
        if isinstance(attr_val, torch.Tensor) and not isinstance(attr_val, torch.nn.Parameter):
            for name, buffer in self.root.named_buffers():
                if buffer is attr_val:
                    return self.create_proxy("get_attr", name, (), {})
        return super().getattr(attr, attr_val, parameter_proxy_cache)

    def is_leaf_module(self, m: torch.nn.Module, module_qualified_name: str) -> bool:
        return self.is_known(m) or super().is_leaf_module(m, module_qualified_name)


def traced(network: torch.nn.Module, is_known: Callable[[torch.nn.Module], bool], convert: Convert) -> Graph:
    """The graph of a network whose forward is code of one's own.

    Args:
        network: the network.
        is_known: whether `plaingrad.nn` has a module, with all that is in it.
        convert: makes the module of `plaingrad.nn` for such a one.

    Raises:
        ValueError: the code cannot be traced, or does what plaingrad does not know; the message names the
            place in the user's source.
    """
    tracer = Tracer(is_known)
    try:
        graph = tracer.trace(network)
    except Exception as error:  # whatever the code says to operands that have no values
        where = _own_frame(traceback.extract_tb(error.__traceback__))
        raise InputError(f"expected a forward that does not depend on values, got {where}: {error}") from None
    return _Conversion(network, convert).run(graph)


class _Conversion:
    """One traced network on its way."""

    def __init__(self, network: torch.nn.Module, convert: Convert) -> None:
        self.network, self.convert = network, convert
        fields = dict([*network.named_modules(), *network.named_parameters(), *network.named_buffers()])
        self.build = Builder(fields.keys())
        self.values: dict[fx.Node, Any] = {}

    def run(self, graph: fx.Graph) -> Graph:
        outputs: Any = None
        for node in graph.nodes:
            args = fx.node.map_arg(node.args, self.values.__getitem__)
            keywords = fx.node.map_arg(node.kwargs, self.values.__getitem__)
            self.build.begin(node.name)
            try:
                if node.op == "output":
                    outputs = self.build.use(_builtin(args[0]))
                else:
                    self.values[node] = getattr(self, node.op)(node, *_builtin(args), **_builtin(keywords))
            except (ValueError, TypeError, ModuleError) as error:
                problem = error.problem if isinstance(error, (InputError, ModuleError)) else error
                raise InputError(f"{_location(node)}: {problem}") from None
        return Graph(self.build.inputs, self.build.nodes, outputs, self.build.operations)

    def placeholder(self, node: fx.Node, *default: Any) -> Name:
        self.build.inputs.append(str(node.target))
        return Name(node.target)

    def get_attr(self, node: fx.Node) -> Attribute:
        target = str(node.target)
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
        return self._operation(node, name, args, keywords)

    def call_method(self, node: fx.Node, *args: Any, **keywords: Any) -> Any:
        return self._operation(node, str(node.target), args, keywords)

    def _operation(self, node: fx.Node, name: str, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        keywords = {key: value for key, value in keywords.items() if key not in UNUSED or value is not None}
        if name in OPERATIONS:
            return OPERATIONS[name](self.build, *args, **keywords)
        if name in functional.CLASSES:
            _expect_target(node, functional.CLASSES[name])
            return functional.as_module(self.build, name, args, keywords)
        raise InputError(f"expected an operation that plaingrad knows, got {name!r}")


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


def _location(node: fx.Node) -> str:
    """The line of the user's source that an operation comes from, as far as it is known."""
    lines = [line.strip() for line in (node.stack_trace or "").splitlines() if line.strip()]
    files = [line for line in lines if line.startswith("File ") and "/torch/" not in line]
    return files[-1] if files else f"operation {node.name!r}"


def _own_frame(frames: traceback.StackSummary) -> str:
    """The last frame of a stack that is neither PyTorch's nor ours."""
    own = [
        frame
        for frame in frames
        if "/torch/" not in frame.filename and "plaingrad/interop" not in frame.filename
    ]
    return f"{own[-1].filename}, line {own[-1].lineno}, {own[-1].line!r}" if own else "its forward"
