"""Each way in which the derivative of one operation goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

import torch
from torch import Tensor

from plaingrad.inspect.gradients.naming.change import Change
from plaingrad.inspect.gradients.naming.elementwise import (
    LEFT_OUT,
    is_elementwise,
    of_constant_factor,
    of_function,
)
from plaingrad.inspect.gradients.naming.products import of_matrix_product, of_power, of_product, of_quotient
from plaingrad.inspect.gradients.naming.selections import SELECTIONS, of_selection
from plaingrad.inspect.gradients.naming.softmaxes import of_softmax
from plaingrad.inspect.gradients.naming.tape import Backward, Operation

LARGEST_JACOBIAN = 100  # rows
COPYING = ("repeat_interleave", "repeat", "tile", "expand", "expand_as", "broadcast_to", "interpolate")


def changes(operation: Operation, dys: list[Tensor]) -> Iterator[Change]:
    """All wrong backwards of an operation but those that scale or drop an edge."""
    yield from _upstream(operation, dys)
    if len(operation.inputs) == 1 and operation.name in ("mul", "div"):
        yield from of_constant_factor()
    elif operation.name in SELECTIONS:
        yield from of_selection(operation)
    elif len(operation.inputs) == 1 and is_elementwise(operation):
        yield from of_function(operation)
    elif operation.name in ("pow", "rpow") and len(operation.inputs) == 2:
        yield from of_power()
    elif operation.name in ("mul", "multiply") and len(operation.inputs) == 2:
        yield from of_product(operation)
    elif operation.name in ("div", "truediv") and len(operation.inputs) == 2:
        yield from of_quotient(operation)
    elif operation.name in ("matmul", "mm", "bmm") and len(operation.inputs) == 2:
        yield from of_matrix_product(operation)
    elif operation.name in ("amax", "amin", "max", "min") and len(operation.inputs) == 1:
        words = "the gradient of {} goes to every element, not only to the largest or smallest"
        yield Change(1.5, "missing-factor", words, _to_every_element)
    elif len(operation.inputs) == 1:
        yield FORWARDS
    if operation.name in ("getitem", "index_select", "embedding", "gather", "take"):
        yield Change(
            0.5,
            "duplicates-lost",
            "where {} repeats an index, only one of its gradients counts; add them all, with index_add_",
            _of_one_copy(last=True),
        )
    elif operation.name in COPYING and len(operation.inputs) == 1:
        for last in (False, True):
            words = "of the copies that {} takes of an element only one has a gradient; sum over all of them"
            yield Change(0.96, "not-summed", words, _of_one_copy(last))


def of_steps(folded: Operation) -> Iterator[Change]:
    """All wrong backwards of a function that is computed in several steps."""
    if _is_linear(folded):
        yield FORWARDS
    else:
        whole = is_elementwise(folded)
        changes = of_function(folded) if whole else chain([LEFT_OUT, DIAGONAL], of_softmax(folded))
        yield from (replace(change, price=change.price + 0.1) for change in changes)


def _by_the_diagonal(op: Operation, grads: list[Tensor | None]) -> list[Tensor | None]:
    (g,) = grads
    size = op.outputs[0].numel()
    if g is None or size > LARGEST_JACOBIAN:
        return [None]
    units = torch.eye(size, dtype=g.dtype, device=g.device).view(size, *g.shape)
    columns = [op.backward([unit])[0] for unit in units]
    diagonal = [0.0 if each is None else each.reshape(-1)[k] for k, each in enumerate(columns)]
    return [g * torch.tensor(diagonal, dtype=g.dtype, device=g.device).view(g.shape)]


DIAGONAL = Change(
    1.2,
    "missing-term",
    "of the Jacobian of {} only the diagonal is left: each output depends on other inputs too",
    _by_the_diagonal,
)


def _is_linear(operation: Operation) -> bool:
    """True if the derivative is the same for other numbers."""
    x, y = operation.inputs[0].detach(), operation.outputs[0]
    g = torch.linspace(1, 2, y.numel(), dtype=y.dtype, device=y.device).view(y.shape)
    (here,), (there,) = operation.backward([g]), operation.at([0.7 * x - 0.1], [g])
    return here is not None and there is not None and torch.allclose(here, there)


def _upstream(operation: Operation, dys: list[Tensor]) -> Iterator[Change]:
    """The upstream gradient left out of the gradient of one operand, or that of the output instead."""
    for k in range(len(operation.inputs)):

        def ones(op: Operation, grads: list[Tensor | None], k: int = k) -> list[Tensor | None]:
            own = op.backward(grads)
            other = op.backward([None if g is None else torch.ones_like(g) for g in grads])
            return [other[j] if j == k else g for j, g in enumerate(own)]

        words = "in one term, that of {}, the upstream gradient is left out"
        yield Change(1.8, "missing-upstream", words, ones)

        def direct(op: Operation, grads: list[Tensor | None], k: int = k) -> list[Tensor | None]:
            own = op.backward(grads)
            dy = next((d for d in dys if grads[0] is not None and d.shape == grads[0].shape), None)
            other = own if dy is None else op.backward([dy, *([None] * (len(grads) - 1))])
            return [other[j] if j == k else g for j, g in enumerate(own)]

        words = "the gradient of the output reaches {} as it is, without the derivatives after it"
        yield Change(2.6, "missing-derivative", words, direct)


def _to_every_element(op: Operation, grads: list[Tensor | None]) -> list[Tensor | None]:
    """The gradient of a maximum, spread over all among which it was taken."""
    x, g = op.inputs[0], grads[0]
    if g is None:
        return [None]
    if g.ndim < x.ndim and g.ndim:
        axes = op.args[1] if len(op.args) > 1 else op.kwargs.get("dim", -1)
        for axis in sorted(k % x.ndim for k in ((axes,) if isinstance(axes, int) else axes)):
            g = g.unsqueeze(axis)
    return [g.expand_as(x)]


def _forwards(op: Operation, grads: list[Tensor | None]) -> list[Tensor | None]:
    """The operation itself in the place of its transpose, as of a running sum."""
    (g,) = grads
    if g is None or g.shape != op.inputs[0].shape:
        raise ValueError("another shape")
    other = Operation(op.function, op.args, op.kwargs, op.site, op.operands, op.results)
    return [*other.run({**op.passed, op.operands[0]: g})]


FORWARDS = Change(
    1,
    "transposed",
    "the upstream gradient goes through {} forwards, as the input does, not back through its transpose",
    _forwards,
)


def _of_one_copy(last: bool) -> Backward:
    """The gradient of elements that are picked or copied, in which one with an index wins."""

    def backward(op: Operation, grads: list[Tensor | None]) -> list[Tensor | None]:
        (right,) = op.backward(grads)
        (g,) = grads
        if g is None or right is None:
            return [right]
        x = op.inputs[0]
        # Which element each one came from: the operation picks from numbers as it does from values.
        numbers = torch.arange(float(x.numel()), dtype=x.dtype).view(x.shape).to(x.device)
        other = Operation(op.function, op.args, op.kwargs, op.site, op.operands, op.results)
        (picked,) = other.run({**op.passed, op.operands[0]: numbers})
        wrong = torch.zeros(x.numel(), dtype=x.dtype, device=x.device)
        pairs = list(zip(picked.reshape(-1).long().tolist(), g.reshape(-1)))
        for index, value in pairs if last else reversed(pairs):
            wrong[index] = value
        return [wrong.view(x.shape)]

    return backward
