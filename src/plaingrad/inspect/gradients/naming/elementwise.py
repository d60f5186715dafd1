"""Wrong derivatives of functions that are applied to each element."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from plaingrad.inspect.gradients.naming.change import Change
from plaingrad.inspect.gradients.naming.folding import known_name
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


BOUNDED = ("clamp", "clip", "hardtanh")

ONE_BOUND: dict[str, Local] = {
    "upper": lambda x, y: (y >= x).to(x.dtype),
    "lower": lambda x, y: (y <= x).to(x.dtype),
}
"""Derivatives of functions with two bounds that see one of them."""


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
    "1 for x > 0, else y": lambda x, y: torch.where(x > 0, 1, y),
}
"""Formulas that are near the right ones."""


def _local(factor: Local) -> Backward:
    def backward(op: Operation, grads: list[Tensor | None]) -> list[Tensor | None]:
        (g,) = grads
        return [None if g is None else g * factor(op.inputs[0].detach(), op.outputs[0].detach())]

    return backward


def _of_output(factor: Callable[[Tensor], Tensor]) -> Backward:
    return _local(lambda _, y: factor(y))


def _constant(number: float) -> Backward:
    return _local(lambda x, _: torch.full_like(x, number))


LEFT_OUT = Change(1, "missing-derivative", "the derivative of {} is left out", _constant(1))


def is_elementwise(operation: Operation) -> bool:
    """True if the derivative is a factor for each element, and not the same one for all."""
    if operation.name in ("neg", "clone", "to", "double"):
        return False
    (x,), y = operation.inputs, operation.outputs[0]
    if len(operation.outputs) > 1 or x.shape != y.shape:
        return False
    g = torch.arange(1.0, 1 + y.numel(), dtype=y.dtype).view(y.shape).to(y.device)
    (unit,) = operation.backward([torch.ones_like(y)])
    (scaled,) = operation.backward([g])
    if unit is None or scaled is None or not bool(unit.isfinite().all()):
        return False
    return torch.allclose(unit * g, scaled) and not torch.allclose(unit, unit.reshape(-1)[:1])


def of_function(operation: Operation) -> Iterator[Change]:
    argument = "wrong-derivative-argument"
    yield LEFT_OUT
    for number in (0.5, 2.0, 3.0):
        words = f"of the derivative of {{}} only the factor {number:g} is left"
        yield Change(1.6, "missing-factor", words, _constant(number))
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
    if operation.name in BOUNDED:
        for bound, factor in ONE_BOUND.items():
            words = f"of the bounds of {{}} only the {bound} one stops the gradient"
            yield Change(1.1, "wrong-derivative", words, _local(factor))
    own = known_name(operation)
    by_output = BY_OUTPUT.get(own)
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
        if name != own:
            yield Change(
                2.1, "wrong-derivative", f"the derivative of {{}} is that of `{name}`", _local(factor)
            )
    for name, factor_of_output in BY_OUTPUT.items():
        if name != own:
            words = f"the derivative of {{}} is that of `{name}`, written for its output"
            yield Change(2.1, "wrong-derivative", words, _of_output(factor_of_output))
    for formula, factor in SLIPS.items():
        words = f"the derivative of {{}} is written as {formula} (x its input, y its output)"
        yield Change(2.05, "wrong-derivative", words, _local(factor))
    unit = operation.backward([torch.ones_like(operation.outputs[0])])[0]
    if unit is not None:
        yield from _of_derivative()


def of_constant_factor() -> Iterator[Change]:
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
