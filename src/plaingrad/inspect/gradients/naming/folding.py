"""Functions of one tensor that forward computes in several steps, taken as one operation each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from plaingrad.contract.nest import tensors
from plaingrad.inspect.gradients.naming.tape import Operation, Slot, Tape, filled_in

MOST_STEPS = 12

KNOWN: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "exp": torch.exp,
    "sqrt": torch.sqrt,
    "rsqrt": torch.rsqrt,
    "reciprocal": torch.reciprocal,
    "softplus": torch.nn.functional.softplus,
}
"""Functions that are recognised by their values, however they are written."""


def known_name(operation: Operation) -> str:
    """The name of the function that an operation computes from its operand."""
    x, y = operation.inputs[0].detach(), operation.outputs[0].detach()
    names = (name for name, function in KNOWN.items() if torch.allclose(function(x), y, equal_nan=True))
    return next(names, operation.name)


def folds(tape: Tape) -> Iterator[tuple[list[Operation], Tape]]:
    """The functions of several steps whose output has the shape of their input.

    Yields:
        One operation in the place of the steps, of a loop one for each round, and the tape with them.
    """
    makers = {slot: op for op in tape.operations for slot in op.results}
    alike: dict[Any, list[tuple[Operation, Operation]]] = {}
    for start, last in _pairs(tape):
        steps = _steps(makers, start, last)
        if 1 < len(steps) <= MOST_STEPS:
            folded = _as_one(tape, steps, start, last)
            alike.setdefault(tuple((op.site, op.name) for op in steps), []).append((last, folded))
    for pairs in alike.values():
        instead = {id(last): folded for last, folded in pairs}
        operations = [instead.get(id(op), op) for op in tape.operations]
        yield [folded for _, folded in pairs], Tape(tape.leaves, operations, tape.outputs, tape.values)


def _pairs(tape: Tape) -> Iterator[tuple[int, Operation]]:
    """Each operation with the slots of its result's shape through which all that it depends on goes."""
    through: dict[int, set[int]] = {slot: {slot} for slot in tape.leaves.values()}
    for operation in tape.operations:
        common = set.intersection(*(through.get(slot, {slot}) for slot in operation.operands))
        for slot in operation.results:
            through[slot] = common | {slot}
        if len(operation.results) == 1:
            shape = tape.values[operation.results[0]].shape
            yield from ((slot, operation) for slot in sorted(common) if tape.values[slot].shape == shape)


def _steps(makers: Mapping[int, Operation], start: int, last: Operation) -> list[Operation]:
    """The operations from a slot to a result, in order; if they are many, not all of them."""
    steps: dict[int, Operation] = {}
    open_ends = [last]
    while open_ends and len(steps) <= MOST_STEPS:
        operation = open_ends.pop()
        steps[min(operation.results)] = operation
        open_ends += [makers[k] for k in operation.operands if k != start and k in makers]
    return [steps[k] for k in sorted(steps)]


def _as_one(tape: Tape, steps: list[Operation], start: int, last: Operation) -> Operation:
    def function(x: Tensor) -> Tensor:
        values = {**tape.values, start: x}
        for step in steps:
            returned = step.function(*filled_in(step.args, values), **filled_in(step.kwargs, values))
            values.update(zip(step.results, tensors(returned)))
        return values[last.results[0]]

    function.__name__ = last.name
    folded = Operation(function, (Slot(start),), {}, last.site, [start], last.results)
    folded.passed = tape.values
    folded.run(tape.values)
    function.__name__ = known_name(folded)
    return folded
