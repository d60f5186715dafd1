"""Operations that overwrite their operand, as such that return a new one."""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import fx

from plaingrad.errors import InputError
from plaingrad.interop.tracing.source import location

# Of these the operators of tensors, such as ``+=``, work in the memory of the first operand.
AUGMENTED = ("add", "sub", "mul", "truediv", "floordiv", "pow", "and", "or", "xor")
OPERATORS = {getattr(operator, f"i{name}") for name in AUGMENTED}

# Functions and methods whose result has, or may have, the memory of their first operand.
SAME = {"contiguous", "to", "float", "double", "half", "bfloat16", "type_as", "detach"}
VIEWS = {
    *("view", "reshape", "flatten", "unflatten", "permute", "transpose", "swapaxes", "swapdims", "movedim"),
    *("t", "T", "mT", "squeeze", "unsqueeze", "expand", "expand_as", "view_as", "reshape_as", "getitem"),
    *("chunk", "split", "unbind", "select", "narrow", "values", "diagonal", "unfold", "tensor_split"),
}
ALIKE = (torch.nn.Identity, torch.nn.modules.dropout._DropoutNd)
RESHAPED = (torch.nn.Flatten, torch.nn.Unflatten)


class Overwriting:
    """Rewrites the steps of a network so that none overwrites its operand.

    What uses an overwritten tensor afterwards uses the result instead.

    Args:
        network: the traced network.
    """

    def __init__(self, network: torch.nn.Module) -> None:
        self.network = network
        self.tensors: dict[fx.Node, fx.Node] = {}  # to the first step that returned this tensor
        self.memories: dict[fx.Node, fx.Node] = {}  # to the first step with this memory
        self.numbers: set[fx.Node] = set()  # sizes, and what is computed from them alone

    def rewrite(self, graph: fx.Graph) -> None:
        """Have the steps use the results of those that overwrite.

        Raises:
            ValueError: a step overwrites a parameter or buffer, or the memory of a tensor of another shape
                that is used afterwards; the message names the place in the user's source.
        """
        order = {node: k for k, node in enumerate(graph.nodes)}
        for node in graph.nodes:
            operand = self._enter(node)
            if operand is None:
                continue
            if self.memories[operand].op == "get_attr":
                raise InputError(
                    f"{location(node)}: expected parameters and buffers that forward leaves as they are, "
                    f"got {str(self.memories[operand].target)!r} overwritten"
                )
            for other in list(self.memories):
                if self.memories[other] is self.memories[operand] and other is not node:
                    self._replace(other, operand, node, order)

    def _replace(self, other: fx.Node, operand: fx.Node, node: fx.Node, order: dict[fx.Node, int]) -> None:
        later = [user for user in other.users if order[user] > order[node]]
        if later and self.tensors[other] is not self.tensors[operand]:
            raise InputError(
                f"{location(node)}: expected an operation that leaves {other.name!r} as it is, which is "
                f"used again, got {node.name!r}, which overwrites its memory"
            )
        for user in later:
            user.replace_input_with(other, node)

    def _enter(self, node: fx.Node) -> fx.Node | None:
        """Note whose memory a step returns, and return the operand that it overwrites, if any."""
        operands = node.all_input_nodes
        first = operands[0] if operands else node
        name = self._name(node)
        is_size = name in ("size", "shape", "dim", "ndim", "numel")
        if is_size or (node.op == "call_function" and operands and self.numbers >= set(operands)):
            self.numbers.add(node)
        module = self.network.get_submodule(str(node.target)) if node.op == "call_module" else None
        overwrites = node.op.startswith("call") and first not in self.numbers and self._overwrites(node, name)
        is_same = overwrites or name in SAME or isinstance(module, ALIKE)
        is_view = is_same or name in VIEWS or isinstance(module, RESHAPED)
        self.tensors[node] = self.tensors[first] if is_same and operands else node
        self.memories[node] = self.memories[first] if is_view and operands else node
        return first if overwrites else None

    def _name(self, node: fx.Node) -> str:
        """The name of the function, method or attribute of a step."""
        if node.op == "call_function":
            return str(node.args[1] if node.target is getattr else getattr(node.target, "__name__", ""))
        return str(node.target) if node.op == "call_method" else ""

    def _overwrites(self, node: fx.Node, name: str) -> bool:
        if node.op == "call_module":
            return overwrites_input(self.network.get_submodule(str(node.target)))
        is_named = name.endswith("_") and not name.startswith("_") and name not in ("and_", "or_")
        return node.target in OPERATORS or is_named or node.kwargs.get("inplace", False) is True


def overwrites_input(module: Any) -> bool:
    """True if a module of torch.nn overwrites its input."""
    if isinstance(module, torch.nn.Sequential):
        for layer in module:
            if overwrites_input(layer):
                return True
            if not isinstance(layer, (*ALIKE, *RESHAPED)):
                return False
    return getattr(module, "inplace", False) is True
