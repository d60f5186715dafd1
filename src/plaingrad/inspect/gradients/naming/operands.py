"""Other tensors in the place of an operand, factors that are missing, other functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from plaingrad.inspect.gradients.naming.calls import Call
from plaingrad.inspect.gradients.naming.candidate import same
from plaingrad.inspect.gradients.naming.constants import SMALL
from plaingrad.inspect.gradients.naming.pool import Pool, Rounds
from plaingrad.inspect.gradients.naming.repair import Repair

FUNCTIONS = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "exp": torch.exp,
    "log": torch.log,
    "sin": torch.sin,
    "cos": torch.cos,
    "sqrt": torch.sqrt,
    "square": torch.square,
    "sinh": torch.sinh,
    "cosh": torch.cosh,
    "sign": torch.sign,
}


def other_functions(name: str) -> Iterator[Repair]:
    """Another function of the same argument."""
    for other, function in FUNCTIONS.items():
        if other != name:

            def run(call: Call, function: Callable[[Tensor], Tensor] = function) -> Any:
                return function(call.args[0])

            yield Repair(2.3, "wrong-derivative", f"`{name}` stands where `{other}` belongs", run)


SUMS = ("sum", "mean")


def _of_round(others: Rounds, call: Call) -> Tensor:
    return others[call.round if len(others) > 1 else 0]


def other_factors(name: str, pool: Mapping[str, Rounds]) -> Iterator[Repair]:
    """A factor or a divisor more, of the result, or of what is summed."""
    for text, others in pool.items():

        def times(call: Call, others: Rounds = others) -> Any:
            result = call.run()
            product = result * _of_round(others, call)
            # A sum may be spread over its axes again by the factor that it lacks.
            return product if name in SUMS and product.ndim == result.ndim else _unbroadcast(product, result)

        def over(call: Call, others: Rounds = others) -> Any:
            result = call.run()
            return _unbroadcast(result / _of_round(others, call), result)

        def inside(call: Call, others: Rounds = others) -> Any:
            x = call.args[0]
            return call.having(_unbroadcast(x * _of_round(others, call), x), *call.args[1:])

        yield Repair(2.4, "missing-factor", f"a factor is left out: {text}", times)
        yield Repair(2.5, "missing-factor", f"a divisor is left out: {text}", over)
        if name in SUMS:
            yield Repair(2.4, "missing-factor", f"a factor is left out of what is summed: {text}", inside)


def _unbroadcast(product: Tensor, factor: Tensor) -> Tensor:
    if product.shape != factor.shape:
        raise ValueError("another shape")
    return product


ELEMENTWISE = (
    "sigmoid",
    "tanh",
    "exp",
    "log",
    "sqrt",
    "rsqrt",
    "sin",
    "cos",
    "pow",
    "sign",
    "abs",
    "square",
    "rsub",
    "lt",
    "gt",
    "le",
    "ge",
    "cosh",
    "sinh",
    "erf",
    "reciprocal",
    "mul",
    "div",
    "where",
)


def other_operands(call: Call, pool: Pool, count: int) -> Iterator[Repair]:
    """Another tensor in the place of an operand.

    Args:
        call: the call.
        pool: the other tensors.
        count: the number of rounds in which the call runs.
    """
    tensors = pool.of_rounds(count)
    for k, x in enumerate(call.args):
        if not isinstance(x, Tensor):
            continue
        for text, others in tensors.items():
            if others[0].dtype != x.dtype or not _fits(others[0], x):
                continue
            other = others[0].expand(x.shape)
            if torch.equal(other, x):
                continue

            def run(c: Call, k: int = k, others: Rounds = others) -> Any:
                other = _of_round(others, c).expand(c.args[k].shape)
                return c.function(*(other if a is c.args[k] else a for a in c.args), **c.kwargs)

            product = call.name in ("mul", "div")
            swapped = product and pool.knows(x) and not pool.follows(x, text)
            kind = "swapped-factors" if swapped else "wrong-derivative-argument"
            price = 2.2 if swapped else 2.15 if product else 1.2 if call.name in ELEMENTWISE else 2.0
            if product and pool.is_output(x) and pool.is_leaf(text):
                price = 2.05
            words = f"operand {k + 1} of `{call.name}` should be {text}"
            more = (other - x).reshape(-1)
            if len(more) and 0 < float(more[0].abs()) <= SMALL and same(more, more[:1].expand_as(more), 1e-9):
                kind, words = "missing-constant", f"the {float(more[0]):g} that forward adds is forgotten"
            elif product and same(other * other, x, 1e-9):
                kind, words = "wrong-derivative", f"operand {k + 1} should be its root, {text}"
            elif product and not pool.is_leaf(text) and (factor := _factor_between(x, other, tensors)):
                kind, words = "missing-factor", f"a factor is left out of operand {k + 1}: {factor}"
            yield Repair(price, kind, words, run)


def _factor_between(x: Tensor, product: Tensor, pool: Mapping[str, Rounds]) -> str:
    """The tensor that turns one into the other as a factor or divisor, in words; empty if there is none."""
    for text, (factor, *_) in pool.items():
        if factor.dtype == x.dtype and _fits(factor, x):
            if same(x * factor, product, 1e-9):
                return text
            if same(x / factor, product, 1e-9):
                return f"one over {text}"
    return ""


def _fits(other: Tensor, x: Tensor) -> bool:
    """True if a tensor has the shape of another one, or is that one's with ones."""
    return other.ndim == x.ndim and all(a in (1, b) for a, b in zip(other.shape, x.shape))


def operands_changed(call: Call) -> Iterator[Repair]:
    """A function of an operand in its place, as the exponential where the logarithm stands."""
    for k, x in enumerate(call.args):
        if isinstance(x, Tensor) and x.is_floating_point():
            for text, function in NEAR.items():

                def run(c: Call, k: int = k, function: Callable[[Tensor], Tensor] = function) -> Any:
                    return c.function(*c.args[:k], function(c.args[k]), *c.args[k + 1 :], **c.kwargs)

                words = f"operand {k + 1} of `{call.name}` should be {text}"
                yield Repair(2.7, "wrong-derivative-argument", words, run)


NEAR: dict[str, Callable[[Tensor], Tensor]] = {
    "its exponential": torch.exp,
    "its logarithm": torch.log,
    "one over it": torch.reciprocal,
    "1 more": lambda x: x + 1,
    "1 less it": lambda x: 1 - x,
}
"""Functions of a tensor that often belong in its place."""
