"""The forward as a tape: its operations in order, and gradients that run back along them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from plaingrad.contract.nest import tensors
from plaingrad.inspect.gradients.naming.source import CallSite, function_name

Backward = Callable[["Operation", list[Tensor | None]], list[Tensor | None]]
"""The gradients of an operation's operands, from those of its results."""


@dataclass
class Operation:
    """One operation of forward.

    Attributes:
        function: PyTorch's function.
        args: its arguments, and
        kwargs: its keywords, with a `Slot` for each tensor.
        site: the call in the module's code.
        operands: the slots of the operands that have gradients, each once.
        results: the slots of its results.
    """

    function: Callable[..., Any]
    args: Any
    kwargs: Any
    site: CallSite
    operands: list[int]
    results: list[int]
    inputs: list[Tensor] = field(default_factory=list)
    outputs: list[Tensor] = field(default_factory=list)
    passed: dict[int, Tensor] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the function."""
        return function_name(self.function)

    def run(self, values: Mapping[int, Tensor]) -> list[Tensor]:
        """Compute the results from these values, and keep what gradients need."""
        leaves = {k: values[k].detach().requires_grad_() for k in self.operands}
        self.inputs = list(leaves.values())
        get = {**values, **leaves}
        with torch.enable_grad():
            returned = self.function(*filled_in(self.args, get), **filled_in(self.kwargs, get))
        self.outputs = list(tensors(returned))
        return [y.detach() for y in self.outputs]

    def backward(self, grads: list[Tensor | None]) -> list[Tensor | None]:
        """The right gradients of the operands."""
        used = [(y, g) for y, g in zip(self.outputs, grads) if g is not None and y.requires_grad]
        if not used:
            return [None] * len(self.inputs)
        return list(
            torch.autograd.grad(
                [y for y, _ in used],
                self.inputs,
                [g for _, g in used],
                retain_graph=True,
                allow_unused=True,
            )
        )

    def at(self, inputs: Sequence[Tensor], grads: list[Tensor | None]) -> list[Tensor | None]:
        """The gradients that this operation would have at other operands."""
        other = Operation(self.function, self.args, self.kwargs, self.site, self.operands, self.results)
        other.run({**self.passed, **dict(zip(self.operands, inputs))})
        return other.backward(grads)


@dataclass(frozen=True)
class Slot:
    """The number of a tensor on the tape."""

    number: int


def filled_in(nest: Any, values: Mapping[int, Tensor]) -> Any:
    """The arguments with the tensors in the slots."""
    if isinstance(nest, Slot):
        return values[nest.number]
    if type(nest) in (tuple, list):
        return type(nest)(filled_in(entry, values) for entry in nest)
    return {k: filled_in(v, values) for k, v in nest.items()} if type(nest) is dict else nest


class Tape:
    """The operations of one forward.

    Attributes:
        leaves: the slot of each differentiable input and parameter, by name.
        operations: in the order in which they ran.
        outputs: the slots of the outputs, None for one without a gradient.
        values: the tensor in each slot.
    """

    def __init__(
        self,
        leaves: dict[str, int],
        operations: list[Operation],
        outputs: list[int | None],
        values: dict[int, Tensor],
    ) -> None:
        self.leaves = leaves
        self.operations = operations
        self.outputs = outputs
        self.values = values

    @property
    def sites(self) -> dict[tuple[CallSite, str], list[Operation]]:
        """The operations by their place in the code; in a loop there are several at one."""
        sites: dict[tuple[CallSite, str], list[Operation]] = {}
        for operation in self.operations:
            if operation.operands:
                sites.setdefault((operation.site, operation.name), []).append(operation)
        return sites

    @property
    def constants(self) -> list[float]:
        """The numbers among the arguments of the operations."""
        return [arg for operation in self.operations for arg in operation.args if isinstance(arg, float)]

    def with_constant(self, changed: Operation, args: Any) -> Tape:
        """The tape of a forward in which one operation has other arguments."""
        values = dict(self.values)
        operations = []
        for operation in self.operations:
            own = args if operation is changed else operation.args
            copy = Operation(
                operation.function,
                own,
                operation.kwargs,
                operation.site,
                operation.operands,
                operation.results,
            )
            copy.passed = values
            values.update(zip(copy.results, copy.run(values)))
            operations.append(copy)
        return Tape(self.leaves, operations, self.outputs, values)

    def gradients(
        self,
        dys: Sequence[Tensor | None],
        changes: Mapping[int, Backward] | None = None,
        on_the_way: list[Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """The gradient of every leaf.

        Args:
            dys: the upstream gradients.
            changes: for some operations, by ``id``, another backward.
            on_the_way: gets the gradients of all tensors, and the terms of each.
        """
        grads: dict[int, Tensor] = {}
        every = [] if on_the_way is None else on_the_way

        def add(slot: int, grad: Tensor | None) -> None:
            if grad is not None:
                grads[slot] = grads[slot] + grad if slot in grads else grad
                every.extend([grad, grads[slot]])

        for number, dy in zip(self.outputs, dys):
            if number is not None:
                add(number, dy)
        for operation in reversed(self.operations):
            upstream = [grads.get(k) for k in operation.results]
            if not operation.operands or all(g is None for g in upstream):
                continue
            change = changes.get(id(operation)) if changes else None
            own = operation.backward(upstream) if change is None else change(operation, upstream)
            for slot, grad in zip(operation.operands, own):
                add(slot, grad)
        return {name: grads.get(k, torch.zeros_like(self.values[k])) for name, k in self.leaves.items()}
