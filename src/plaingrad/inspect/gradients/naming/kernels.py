"""Parameters that backward reads reversed, or with axes exchanged, such as the kernel of a convolution."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import combinations

import torch
from torch import Tensor

from plaingrad.inspect.gradients.naming.change import Change
from plaingrad.inspect.gradients.naming.tape import Backward, Operation, Tape, filled_in

MOST_AXES = 5


def otherwise_read(tape: Tape) -> Iterator[tuple[str, Change, dict[int, Backward]]]:
    """Each leaf, read in another way by the backwards of the operations that use it."""
    for name, slot in tape.leaves.items():
        for text, way in other_orders(tape.values[slot]):
            words = f"backward uses {name} {text}, which forward does not, or the other way round"
            yield name, Change(1.4, "transposed", words, Operation.backward), _reading(tape, slot, way)


def other_orders(x: Tensor) -> Iterator[tuple[str, Callable[[Tensor], Tensor]]]:
    """The ways to reverse axes of a tensor, or to exchange two, that leave its shape."""
    if not 0 < x.ndim <= MOST_AXES:
        return
    # The axes of a kernel are the last ones: all of them, all but the first, and so on.
    for first in range(x.ndim):
        axes = tuple(range(first, x.ndim))
        yield f"reversed along axis {' and '.join(map(str, axes))}", partial(torch.flip, dims=axes)
    for a, b in combinations(range(x.ndim), 2):
        if x.shape[a] == x.shape[b]:
            yield f"with axes {a} and {b} exchanged", partial(torch.transpose, dim0=a, dim1=b)


def _reading(tape: Tape, slot: int, way: Callable[[Tensor], Tensor]) -> dict[int, Backward]:
    """The backwards of the operations that have the leaf, or slices of it alone, among their operands."""
    values = {**tape.values, slot: way(tape.values[slot])}
    from_leaf, different = {slot}, {}
    for operation in tape.operations:
        if set(operation.operands) <= from_leaf:
            returned = operation.function(
                *filled_in(operation.args, values), **filled_in(operation.kwargs, values)
            )
            if isinstance(returned, Tensor):
                values[operation.results[0]] = returned
                from_leaf.add(operation.results[0])
        elif from_leaf & set(operation.operands):
            different[id(operation)] = _at([values[k] for k in operation.operands])
    return different


def _at(inputs: list[Tensor]) -> Backward:
    return lambda operation, grads: operation.at(inputs, grads)
