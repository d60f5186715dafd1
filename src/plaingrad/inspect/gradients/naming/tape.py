"""The forward as a tape: its operations in order, and gradients that run back along them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from plaingrad.contract.nest import tensors
from plaingrad.inspect.gradients.naming.opened import OPENED
from plaingrad.inspect.gradients.naming.source import CallSite, call_site, function_name
from plaingrad.inspect.gradients.tested import ModuleUnderTest, doubled

Backward = Callable[["Operation", list[Tensor | None]], list[Tensor | None]]
"""The gradients of an operation's operands, from those of its results."""

LONGEST = 400  # operations; a longer forward is not worth the time


class Untraceable(Exception):
    """The forward changes tensors in a way that the tape cannot follow."""


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
        self, dys: Sequence[Tensor | None], changes: Mapping[int, Backward] | None = None
    ) -> dict[str, Tensor]:
        """The gradient of every leaf.

        Args:
            dys: the upstream gradients.
            changes: for some operations, by ``id``, another backward.
        """
        grads: dict[int, Tensor] = {}

        def add(slot: int, grad: Tensor | None) -> None:
            if grad is not None:
                grads[slot] = grads[slot] + grad if slot in grads else grad

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


class Recorder(TorchFunctionMode):
    """Writes each operation of a forward on a tape."""

    def __init__(self, leaves: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.slots: dict[int, int] = {}
        self.values: dict[int, Tensor] = {}
        self.alive: list[Tensor] = []
        self.operations: list[Operation] = []
        self.live: set[int] = set()
        self.leaves = {name: self.slot(x) for name, x in leaves.items()}
        self.live.update(self.leaves.values())

    def slot(self, x: Tensor) -> int:
        """The slot of a tensor; a new one if it has none."""
        if id(x) not in self.slots:
            self._new(x)
        return self.slots[id(x)]

    def _new(self, x: Tensor) -> None:
        number = len(self.alive)
        self.alive.append(x)  # so that no other tensor gets its id
        self.slots[id(x)] = number
        self.values[number] = x.detach().clone()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        opened = OPENED.get(function_name(func))
        if opened is not None:
            with self:
                try:
                    return opened(*args, **kwargs)
                except TypeError:  # called with arguments that the open form does not know
                    pass
        before = [(x, x._version) for x in tensors([args, kwargs])]
        packed = [self._packed(args), self._packed(kwargs)]
        returned = func(*args, **kwargs)
        results = [x for x in tensors(returned)] if isinstance(returned, (Tensor, tuple, list)) else []
        self._record(func, packed, before, results)
        return returned

    def _packed(self, nest: Any) -> Any:
        if type(nest) is dict:
            return {k: self._packed(v) for k, v in nest.items()}
        if type(nest) in (tuple, list):
            return type(nest)(self._packed(v) for v in nest)
        return Slot(self.slot(nest)) if isinstance(nest, Tensor) else nest

    def _record(self, func: Any, packed: list[Any], before: list[Any], results: list[Tensor]) -> None:
        changed = [x for x, version in before if x._version != version]
        slots = [s for s in _slots(packed)]
        operands = list(dict.fromkeys(s for s in slots if s in self.live and _real(self.values[s])))
        if changed:
            if any(self._shares(x) for x in changed) or len(results) != 1 or results[0] is not changed[0]:
                raise Untraceable
            if operands:
                self._replaced(func, packed, operands, results[0])
            return
        if not operands or not results or function_name(func) in ("detach", "data"):
            return
        fresh = [x for x in results if id(x) not in self.slots]
        if len(fresh) != len(results):
            return  # returned as it came, as by a contiguous() without effect
        if len(self.operations) == LONGEST:
            raise Untraceable
        self._append(func, packed, operands, results)

    def _shares(self, x: Tensor) -> bool:
        storage = x.untyped_storage().data_ptr()
        return any(y is not x and y.untyped_storage().data_ptr() == storage for y in self.alive)

    def _replaced(self, func: Any, packed: list[Any], operands: list[int], x: Tensor) -> None:
        name = getattr(func, "__name__", "")
        other = getattr(Tensor, name.rstrip("_"), None) if name.endswith("_") else None
        if other is None or name.startswith("__"):
            raise Untraceable
        self._append(other, packed, operands, [x])

    def _append(self, func: Any, packed: list[Any], operands: list[int], results: list[Tensor]) -> None:
        for x in results:
            self._new(x)
        numbers = [self.slots[id(x)] for x in results]
        self.live.update(k for k, x in zip(numbers, results) if x.is_floating_point())
        self.operations.append(Operation(func, packed[0], packed[1], call_site(), operands, numbers))


def _slots(nest: Any) -> list[int]:
    if isinstance(nest, Slot):
        return [nest.number]
    entries = nest.values() if type(nest) is dict else nest if type(nest) in (tuple, list) else ()
    return [number for entry in entries for number in _slots(entry)]


def _real(x: Tensor) -> bool:
    return x.is_floating_point()


def _differentiable(operation: Operation, tape: Tape) -> bool:
    """True if an operation has a derivative; raises if it does not give the same again, as a random one."""
    operation.passed = tape.values
    again = operation.run(tape.values)
    if not any(y.requires_grad for y in operation.outputs):
        return False
    if not all(torch.allclose(y, tape.values[k], equal_nan=True) for y, k in zip(again, operation.results)):
        raise Untraceable
    return True


def recorded(under_test: ModuleUnderTest) -> Tape | None:
    """The tape of a module's forward; None if it cannot be followed."""
    inputs = doubled(under_test.inputs)
    leaves = {n: x for n, x, real in zip(under_test.names, inputs, under_test.differentiable) if real}
    leaves |= {name: parameter.value for name, parameter in under_test.parameters.items()}
    recorder = Recorder(leaves)
    try:
        with recorder:
            outputs = under_test.forward(inputs)
        numbers = [recorder.slots.get(id(y)) for y in outputs]
        tape = Tape(recorder.leaves, recorder.operations, numbers, recorder.values)
        tape.operations = [operation for operation in tape.operations if _differentiable(operation, tape)]
        return tape
    except (Untraceable, RuntimeError, TypeError, ValueError, LookupError):
        return None
    finally:
        under_test.zero_grad()
