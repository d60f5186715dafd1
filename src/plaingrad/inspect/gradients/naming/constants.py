"""Small constants of forward, such as eps, put to zero; and constant factors put to one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from plaingrad.inspect.gradients.naming.change import Change
from plaingrad.inspect.gradients.naming.tape import Backward, Operation, Slot, Tape

SMALL = 0.1
ADDING = ("add", "radd", "sub", "rsub", "clamp", "clamp_min", "maximum", "max")


def without_constants(tape: Tape) -> Iterator[tuple[Change, str, Tape, dict[int, Backward] | None]]:
    """Each small constant put to zero: the changed tape, or only one operation's gradient as on it."""
    for operation in tape.operations:
        for constant, args in _zeroed(tape, operation):
            where = f"`{operation.name}` ({operation.site.text})"
            words = f"the {constant:g} of {{}} is forgotten in backward"
            changed = tape.with_constant(operation, args)
            yield Change(1, "missing-constant", words, operation.__class__.backward), where, changed, None
            at = tape.operations.index(operation)
            pairs = [(id(o), _as_in(c)) for o, c in zip(tape.operations, changed.operations)][at + 1 :]
            few = [pairs[k : k + count] for count in (1, 2, 3) for k in range(len(pairs) - count + 1)]
            for some in few:
                yield Change(1.5, "missing-constant", words, some[0][1]), where, tape, dict(some)


def without_factors(tape: Tape) -> Iterator[tuple[Change, str, Tape]]:
    """Each constant factor put to one, wherever forward multiplies or divides by it."""
    alike: dict[float, list[int]] = {}
    for at, operation in enumerate(tape.operations):
        for arg in operation.args if operation.name in ("mul", "div") else ():
            if isinstance(arg, (int, float)) and arg != 1:
                alike.setdefault(arg, []).append(at)
    for constant, numbers in alike.items():
        changed = tape
        for at in numbers:
            operation = changed.operations[at]
            args = tuple(1.0 if isinstance(arg, (int, float)) else arg for arg in operation.args)
            changed = changed.with_constant(operation, args)
        words = f"the factor {constant:g} of {{}} is forgotten in backward"
        where = f"`{tape.operations[numbers[0]].name}` ({tape.operations[numbers[0]].site.text})"
        yield Change(2, "missing-factor", words, Operation.backward), where, changed


def _as_in(other: Operation) -> Backward:
    return lambda _, grads: other.backward(grads)


def _zeroed(tape: Tape, operation: Operation) -> Iterator[tuple[float, Any]]:
    """Arguments with a small constant replaced by zero."""
    if operation.name not in ADDING:
        return
    args = operation.args
    for k, arg in enumerate(args):
        value = arg
        if isinstance(arg, Slot) and arg.number not in operation.operands:
            tensor = tape.values[arg.number]
            value = float(tensor) if tensor.ndim == 0 and tensor.is_floating_point() else None
        if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < abs(value) <= SMALL:
            yield float(value), (*args[:k], 0.0, *args[k + 1 :])
