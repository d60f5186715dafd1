"""The recording of a forward on a tape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from plaingrad.contract.nest import tensors
from plaingrad.inspect.gradients.naming.opened import OPENED
from plaingrad.inspect.gradients.naming.source import call_site, function_name
from plaingrad.inspect.gradients.naming.tape import Operation, Slot, Tape
from plaingrad.inspect.gradients.tested import ModuleUnderTest, doubled

LONGEST = 400  # operations; a longer forward is not worth the time


class Untraceable(Exception):
    """The forward changes tensors in a way that the tape cannot follow."""


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


def _with_derivatives(tape: Tape) -> list[Operation]:
    """The operations that have a derivative, each with the operands that have one."""
    kept, alive = [], set(tape.leaves.values())
    for operation in tape.operations:
        operation.operands = [k for k in operation.operands if k in alive]
        if operation.operands and _differentiable(operation, tape):
            kept.append(operation)
            alive.update(operation.results)
    return kept


def _make_rounds_alike(tape: Tape) -> None:
    """Make operands of what other rounds of a loop have as such, like the zeros at which its state begins."""
    for rounds in tape.sites.values():
        slots = [_slots([each.args, each.kwargs]) for each in rounds]
        if len({len(each) for each in slots}) > 1:
            continue
        at = [k for k, some in enumerate(zip(*slots)) if any(s in o.operands for s, o in zip(some, rounds))]
        for operation, own in zip(rounds, slots):
            operands = list(dict.fromkeys(own[k] for k in at))
            if operands != operation.operands:
                operation.operands = operands
                operation.run(tape.values)


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
        tape.operations = _with_derivatives(tape)
        _make_rounds_alike(tape)
        return tape
    except (Untraceable, RuntimeError, TypeError, ValueError, LookupError):
        return None
    finally:
        under_test.zero_grad()
