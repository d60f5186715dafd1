"""Wrong gradients of products and quotients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

import torch
from torch import Tensor

from plaingrad.inspect.gradients.naming.change import Change, fitted
from plaingrad.inspect.gradients.naming.tape import Backward, Operation


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


def of_product(operation: Operation) -> Iterator[Change]:
    for k in (0, 1):
        yield Change(
            1.2, "missing-factor", "the other factor of {} is left out", _two(lambda g, x, o: g * 1, k)
        )
        words = "the gradient of a factor of {} is multiplied by that factor itself, not by the other one"
        yield Change(1.3, "swapped-factors", words, _two(lambda g, x, o: g * x, k))
        words = "a factor of {} is multiplied by the product itself instead of by the other factor"
        yield Change(2.55, "wrong-derivative-argument", words, _two(lambda g, x, o: g * x * o, k))
        yield Change(
            2.3, "wrong-derivative", "{}: divided by the other factor", _two(lambda g, x, o: g / o, k)
        )
        yield Change(
            2.3, "wrong-derivative", "{}: the other factor is squared", _two(lambda g, x, o: g * o * o, k)
        )
    words = "the two gradients of {} have their factors exchanged"
    yield Change(1.25, "swapped-factors", words, _both(lambda g, x, o: g * x))


def of_quotient(operation: Operation) -> Iterator[Change]:
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


def of_power() -> Iterator[Change]:
    """Wrong gradients of a power and of its exponent."""
    formulas: dict[str, tuple[str, int, Callable[[Tensor, Tensor, Tensor], Tensor]]] = {
        "the logarithm of the base is left out": ("missing-factor", 1, lambda g, p, x: g * x**p),
        "the power is left out": ("missing-factor", 1, lambda g, p, x: g * torch.log(x)),
        "it is that of the base": ("wrong-derivative", 1, lambda g, p, x: g * p * x ** (p - 1)),
        "the exponent is not put in front": ("missing-factor", 0, lambda g, x, p: g * x ** (p - 1)),
        "the exponent is not lessened by one": ("wrong-derivative", 0, lambda g, x, p: g * p * x**p),
    }
    for text, (kind, k, formula) in formulas.items():
        words = f"in the gradient of the {('base', 'exponent')[k]} of {{}}, {text}"
        yield Change(1.4, kind, words, _two(formula, k))


def of_matrix_product(operation: Operation) -> Iterator[Change]:
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
                right = grad[k]
                if g is None or right is None:
                    return grad
                x = op.inputs[k if own else 1 - k].detach()
                g, x = (g.mT if flip_g else g), (x.mT if flip_x else x)
                wrong = g @ x if first else x @ g
                grad[k] = wrong if wrong.shape == op.inputs[k].shape else right * torch.nan
                return grad

            if own:
                words = "the gradient of an operand of {} is the product with that operand, not the other"
                yield Change(1.5, "swapped-factors", words, formula)
            else:
                words = (
                    "in the gradient of an operand of {} a matrix is transposed that should not be, or is not"
                )
                yield Change(1.2, "transposed", words, formula)
