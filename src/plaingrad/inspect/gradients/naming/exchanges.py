"""Tensors in the place of others throughout a backward, and gradients that skip a derivative on one path."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from plaingrad.inspect.gradients.naming.calls import Call
from plaingrad.inspect.gradients.naming.pool import Pool
from plaingrad.inspect.gradients.naming.repair import Repair

MULTIPLYING = ("mul", "div", "matmul", "mm", "einsum")


def everywhere(calls: Sequence[Call], pool: Pool) -> Iterator[tuple[list[int], Repair]]:
    """Another tensor of forward in all the calls that have this one."""
    single = {text: values[0] for text, values in pool.tensors.items() if len(values) == 1}
    for text, x in single.items():
        at = [k for k, call in enumerate(calls) if any(_equal(arg, x) for arg in call.args)]
        for other_text, other in single.items():
            if len(at) > 1 and other.shape == x.shape and not torch.equal(other, x):
                words = f"{text} stands where {other_text} belongs, in {len(at)} calls"
                yield at, Repair(2.25, "wrong-derivative-argument", words, _with_other(x, other))


def _equal(arg: Any, x: Tensor) -> bool:
    return isinstance(arg, Tensor) and arg.dtype == x.dtype and torch.equal(arg, x)


def _with_other(x: Tensor, other: Tensor) -> Any:
    return lambda call: call.having(*(other if _equal(arg, x) else arg for arg in call.args))


def later_gradients(calls: Sequence[Call], groups: Sequence[list[int]]) -> Iterator[tuple[list[int], Repair]]:
    """The products of a gradient and a derivative, in a call that has the gradient alone."""
    for group in groups:
        call = calls[group[0]]
        for k, x in enumerate(call.args if call.name in MULTIPLYING else ()):
            for other in _products_of(x, calls[: group[0]]) if isinstance(x, Tensor) else ():
                words = f"here the gradient goes on without the derivative of {other.site.text}"
                yield group, Repair(2.3, "missing-derivative", words, _with_latest(k, other))


def _products_of(x: Tensor, calls: Sequence[Call]) -> Iterator[Call]:
    """The calls that multiply a tensor, or one of these products, and keep its shape."""
    products = [x]
    for call in calls:
        result = call.result
        if call.name not in ("mul", "div") or not isinstance(result, Tensor) or result.shape != x.shape:
            continue
        if any(arg is product for arg in call.args for product in products):
            products.append(result)
            yield call


def _with_latest(k: int, other: Call) -> Any:
    def run(call: Call) -> Any:
        return call.having(*call.args[:k], call.latest[other.site, other.name], *call.args[k + 1 :])

    return run


def for_both_terms(calls: Sequence[Call], groups: Sequence[list[int]]) -> Iterator[tuple[list[int], Repair]]:
    """A derivative by which one term of a sum is multiplied, for the other term too."""
    products = {id(call.result): call for call in calls if call.name == "mul"}
    for group in groups:
        if calls[group[0]].name != "add":
            continue
        for k in (0, 1):
            terms = [products.get(id(calls[number].args[k])) for number in group]
            for j in (0, 1) if None not in terms else ():
                factors = [term.args[j] for term in terms if term is not None]
                words = "the derivative that multiplies one of these terms belongs to both"
                yield group, Repair(2.3, "missing-derivative", words, _with_factor(1 - k, factors))


def _with_factor(k: int, factors: Sequence[Any]) -> Any:
    def run(call: Call) -> Any:
        product = call.args[k] * factors[call.round]
        return call.having(*call.args[:k], product, *call.args[k + 1 :])

    return run
