"""Each way in which the derivative of one operation goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

from plaingrad.inspect.gradients.naming.tape import Backward, Operation

Local = Callable[[Tensor, Tensor], Tensor]
"""A factor by which an elementwise backward multiplies, from input and output."""

BY_OUTPUT: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": lambda y: 1 - y * y,
    "sigmoid": lambda y: y * (1 - y),
    "exp": lambda y: y,
    "sqrt": lambda y: 0.5 / y,
    "rsqrt": lambda y: -0.5 * y**3,
    "reciprocal": lambda y: -y * y,
}
"""Derivatives written in the output, which learners feed with the input."""

OTHERS: dict[str, Local] = {
    "sigmoid": lambda x, _: torch.sigmoid(x) * (1 - torch.sigmoid(x)),
    "tanh": lambda x, _: 1 - torch.tanh(x) ** 2,
    "exp": lambda x, _: torch.exp(x),
    "log": lambda x, _: 1 / x,
    "sqrt": lambda x, _: 0.5 / torch.sqrt(x),
    "sin": lambda x, _: torch.cos(x),
    "cos": lambda x, _: -torch.sin(x),
    "square": lambda x, _: 2 * x,
    "relu": lambda x, _: (x > 0).to(x.dtype),
    "softplus": lambda x, _: torch.sigmoid(x),
    "reciprocal": lambda x, _: -1 / (x * x),
    "abs": lambda x, _: torch.sign(x),
}
"""Derivatives of other functions."""

SLIPS: dict[str, Local] = {
    "the function itself": lambda _, y: y,
    "1 - y": lambda _, y: 1 - y,
    "1 + y": lambda _, y: 1 + y,
    "1 + y^2": lambda _, y: 1 + y * y,
    "y (1 + y)": lambda _, y: y * (1 + y),
    "y^2": lambda _, y: y * y,
    "1 - y^3": lambda _, y: 1 - y**3,
    "sqrt(1 - y^2)": lambda _, y: torch.sqrt((1 - y * y).clamp(min=0)),
    "1 / y": lambda _, y: 1 / y,
    "x": lambda x, _: x,
    "1 / x": lambda x, _: 1 / x,
    "1 / x^2": lambda x, _: 1 / (x * x),
    "x^2": lambda x, _: x * x,
    "1 for x < 0": lambda x, _: (x < 0).to(x.dtype),
    "1 for x > 0": lambda x, _: (x > 0).to(x.dtype),
    "1 for y > 0": lambda _, y: (y > 0).to(y.dtype),
    "1 - x": lambda x, _: 1 - x,
}
"""Formulas that are near the right ones."""


@dataclass(frozen=True)
class Change:
    """A wrong backward of an operation.

    Attributes:
        price: that of the name that it would give.
        kind: the kind of mistake.
        words: an explanation, with a slot for the operation.
        backward: the wrong backward.
    """

    price: float
    kind: str
    words: str
    backward: Backward


def changes(operation: Operation, dys: list[Tensor]) -> Iterator[Change]:
    """All wrong backwards of an operation but those that scale or drop an edge."""
    yield from _upstream(operation, dys)
    if len(operation.inputs) == 1 and operation.name in ("mul", "div"):
        yield from _constant_factor()
    elif len(operation.inputs) == 1 and _elementwise(operation):
        yield from _unary(operation)
    elif operation.name in ("mul", "multiply") and len(operation.inputs) == 2:
        yield from _product(operation)
    elif operation.name in ("div", "truediv") and len(operation.inputs) == 2:
        yield from _quotient(operation)
    elif operation.name in ("matmul", "mm", "bmm") and len(operation.inputs) == 2:
        yield from _matrix_product(operation)
    elif operation.name in ("amax", "amin", "max", "min") and len(operation.inputs) == 1:
        words = "the gradient of {} goes to every element, not only to the largest or smallest"
        yield Change(1.5, "missing-factor", words, _to_every_element)
    if operation.name in ("getitem", "index_select", "embedding", "gather", "take"):
        yield Change(
            0.5,
            "duplicates-lost",
            "where {} repeats an index, only one of its gradients counts; add them all, with index_add_",
            _without_duplicates,
        )


def edge(operation: Operation, k: int, scale: float | None = None) -> Backward:
    """The backward with one operand's gradient left out, or scaled."""

    def backward(op: Operation, grads: list[Tensor | None]) -> list[Tensor | None]:
        own = op.backward(grads)
        if k < len(own) and own[k] is not None:
            own[k] = None if not scale else scale * own[k]  # type: ignore[operator]
        return own

    return backward


def fitted(grad: Tensor, shape: torch.Size) -> Tensor:
    """A gradient summed over the axes along which an operand of this shape was broadcast."""
    return grad.sum_to_size(shape) if grad.shape != shape else grad


def _elementwise(operation: Operation) -> bool:
    (x,), y = operation.inputs, operation.outputs[0]
    if len(operation.outputs) > 1 or x.shape != y.shape or operation.name in ("neg", "clone", "to", "double"):
        return False
    g = torch.arange(1.0, 1 + y.numel(), dtype=y.dtype).view(y.shape).to(y.device)
    (unit,) = operation.backward([torch.ones_like(y)])
    (scaled,) = operation.backward([g])
    if unit is None or scaled is None or not bool(unit.isfinite().all()):
        return False
    return torch.allclose(unit * g, scaled) and not torch.allclose(unit, unit.reshape(-1)[:1])


def _local(factor: Local) -> Backward:
    def backward(op: Operation, grads: list[Tensor | None]) -> list[Tensor | None]:
        (g,) = grads
        return [None if g is None else g * factor(op.inputs[0].detach(), op.outputs[0].detach())]

    return backward


def _unary(operation: Operation) -> Iterator[Change]:
    argument = "wrong-derivative-argument"
    yield Change(1, "missing-derivative", "the derivative of {} is left out", _local(lambda x, y: x * 0 + 1))
    yield Change(
        1,
        argument,
        "the derivative of {} is taken at its output instead of its input",
        lambda op, grads: op.at([op.outputs[0]], grads),
    )
    yield Change(
        1.5,
        argument,
        "the derivative of {} is taken at the upstream gradient instead of its input",
        lambda op, grads: op.at([grads[0]], grads),  # type: ignore[list-item]
    )
    by_output = BY_OUTPUT.get(operation.name)
    if by_output is not None:
        yield Change(
            1,
            argument,
            "the derivative of {} is written for its output, and gets its input",
            _local(lambda x, _: by_output(x)),
        )
        yield Change(
            1.5,
            argument,
            "the derivative of {} is written for its output, and gets the upstream gradient",
            lambda op, grads: [None if grads[0] is None else grads[0] * by_output(grads[0])],
        )
    for name, factor in OTHERS.items():
        if name != operation.name:
            yield Change(
                2.5, "wrong-derivative", f"the derivative of {{}} is that of `{name}`", _local(factor)
            )
    for formula, factor in SLIPS.items():
        words = f"the derivative of {{}} is written as {formula} (x its input, y its output)"
        yield Change(2.2, "wrong-derivative", words, _local(factor))
    unit = operation.backward([torch.ones_like(operation.outputs[0])])[0]
    if unit is not None:
        yield from _of_derivative()


def _constant_factor() -> Iterator[Change]:
    """A factor that has no gradient itself, such as a mask, left out or turned round."""
    words = "the other factor of {} is left out"
    yield Change(1.2, "missing-factor", words, _local(lambda x, y: x * 0 + 1))

    def opposite(op: Operation, grads: list[Tensor | None]) -> list[Tensor | None]:
        (unit,) = op.backward([torch.ones_like(op.outputs[0])])
        if unit is None or grads[0] is None:
            return [None]
        return [grads[0] * (unit.max() - unit)]

    words = "the mask of {} is turned round: 1 where it should be 0"
    yield Change(2.4, "wrong-derivative", words, opposite)


def _of_derivative() -> Iterator[Change]:
    """Changes of the right derivative as a number."""

    def changed(function: Callable[[Tensor], Tensor]) -> Backward:
        def backward(op: Operation, grads: list[Tensor | None]) -> list[Tensor | None]:
            (unit,) = op.backward([torch.ones_like(op.outputs[0])])
            if unit is None or grads[0] is None:
                return [None]
            return [grads[0] * function(unit)]

        return backward

    for words, function in (
        ("squared", torch.square),
        ("without its sign", torch.abs),
        ("one over the right one", torch.reciprocal),
        ("its root", lambda d: torch.sqrt(d.abs())),
    ):
        yield Change(2.4, "wrong-derivative", f"the derivative of {{}} is {words}", changed(function))


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


def _two(formula: Callable[[Tensor, Tensor, Tensor], Tensor], k: int) -> Backward:
    """The backward in which operand ``k`` gets a formula of g, that operand and the other one."""

    def backward(op: Operation, grads: list[Tensor | None]) -> list[Tensor | None]:
        own, (g,) = op.backward(grads), grads
        if g is None or own[k] is None:
            return own
        x, other = op.inputs[k].detach(), op.inputs[1 - k].detach()
        own[k] = fitted(formula(g, x, other).expand(op.outputs[0].shape), x.shape)
        return own

    return backward


def _both(formula: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Backward:
    first, second = _two(formula, 0), _two(formula, 1)
    return lambda op, grads: [first(op, grads)[0], second(op, grads)[1]]


def _product(operation: Operation) -> Iterator[Change]:
    for k in (0, 1):
        yield Change(
            1.2, "missing-factor", "the other factor of {} is left out", _two(lambda g, x, o: g * 1, k)
        )
        words = "the gradient of a factor of {} is multiplied by that factor itself, not by the other one"
        yield Change(1.3, "swapped-factors", words, _two(lambda g, x, o: g * x, k))
        yield Change(
            2, "missing-factor", "{}: both factors instead of the other", _two(lambda g, x, o: g * x * o, k)
        )
        yield Change(
            2.3, "wrong-derivative", "{}: divided by the other factor", _two(lambda g, x, o: g / o, k)
        )
        yield Change(
            2.3, "wrong-derivative", "{}: the other factor is squared", _two(lambda g, x, o: g * o * o, k)
        )
    words = "the two gradients of {} have their factors exchanged"
    yield Change(1.25, "swapped-factors", words, _both(lambda g, x, o: g * x))


def _quotient(operation: Operation) -> Iterator[Change]:
    yield Change(1.2, "missing-factor", "the divisor of {} is left out", _two(lambda g, a, b: g * 1, 0))
    yield Change(1.5, "wrong-derivative", "{}: times the divisor", _two(lambda g, a, b: g * b, 0))
    words = "in the gradient of the divisor of {}, "
    formulas: dict[str, tuple[str, Callable[[Tensor, Tensor, Tensor], Tensor]]] = {
        "the divisor is not squared": ("wrong-derivative", lambda g, b, a: -g * a / b),
        "the dividend is left out": ("missing-factor", lambda g, b, a: -g / (b * b)),
        "the square of the divisor is left out": ("missing-factor", lambda g, b, a: -g * a),
        "the sign and the dividend are left out": ("wrong-derivative", lambda g, b, a: g / (b * b)),
        "only one over the divisor is left": ("wrong-derivative", lambda g, b, a: g / b),
        "it is treated as a factor": ("wrong-derivative", lambda g, b, a: g * a),
        "the sign is turned and its square forgotten": ("wrong-derivative", lambda g, b, a: g * a / b),
    }
    for text, (kind, formula) in formulas.items():
        yield Change(1.8, kind, words + text, _two(formula, 1))


def _matrix_product(operation: Operation) -> Iterator[Change]:
    """Every product of g with an operand, transposed or not, that has the right shape."""
    if any(x.ndim < 2 for x in operation.inputs):
        return
    for k in (0, 1):
        for own, first, flip_g, flip_x in product((False, True), repeat=4):

            def formula(
                op: Operation,
                grads: list[Tensor | None],
                k: int = k,
                how: tuple[bool, ...] = (own, first, flip_g, flip_x),
            ) -> list[Tensor | None]:
                grad, (g,) = op.backward(grads), grads
                own, first, flip_g, flip_x = how
                if g is None or grad[k] is None:
                    return grad
                x = op.inputs[k if own else 1 - k].detach()
                g, x = (g.mT if flip_g else g), (x.mT if flip_x else x)
                wrong = g @ x if first else x @ g
                grad[k] = wrong if wrong.shape == op.inputs[k].shape else grad[k] * torch.nan  # type: ignore[operator]
                return grad

            if own:
                words = "the gradient of an operand of {} is the product with that operand, not the other"
                yield Change(1.5, "swapped-factors", words, formula)
            else:
                words = (
                    "in the gradient of an operand of {} a matrix is transposed that should not be, or is not"
                )
                yield Change(1.2, "transposed", words, formula)


def _to_every_element(op: Operation, grads: list[Tensor | None]) -> list[Tensor | None]:
    """The gradient of a maximum, spread over all among which it was taken."""
    x, g = op.inputs[0], grads[0]
    if g is None:
        return [None]
    if g.ndim < x.ndim and g.ndim:
        axis = op.args[1] if len(op.args) > 1 else op.kwargs.get("dim", -1)
        g = g.unsqueeze(axis if isinstance(axis, int) else axis[0])
    return [g.expand_as(x)]


def _without_duplicates(op: Operation, grads: list[Tensor | None]) -> list[Tensor | None]:
    """The gradient of rows that were picked, in which the last one with an index wins."""
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
    for index, value in zip(picked.reshape(-1).long().tolist(), g.reshape(-1)):
        wrong[index] = value
    return [wrong.view(x.shape)]
