"""Rows of the conformance table: functions of tensors, beside those of PyTorch."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor

from conformance.case import Arguments, Case, Inputs, normal, sizes
from plaingrad import Module, nn

Draw = Callable[[Arguments], st.SearchStrategy[Inputs]]

no_arguments: st.SearchStrategy[Arguments] = st.just({})


def row(
    ours: type[Module],
    function: Callable[..., Any],
    inputs: Draw,
    arguments: st.SearchStrategy[Arguments] = no_arguments,
) -> Case:
    """A row whose counterpart calls this function with the inputs, and the arguments by keyword."""

    class Twin(torch.nn.Module):
        def __init__(self, *positional: Any, **keywords: Any) -> None:
            super().__init__()
            self.keywords = keywords

        def forward(self, *x: Tensor) -> Any:
            return function(*x, **self.keywords)

    Twin.__init__.__signature__ = inspect.signature(ours.__init__)  # type: ignore[attr-defined]
    return Case(ours=ours, theirs=Twin, arguments=arguments, inputs=inputs)


def any_shape(_: Arguments) -> st.SearchStrategy[Inputs]:
    return st.one_of(st.tuples(normal()), st.tuples(normal(sizes, sizes)))


def positive(_: Arguments) -> st.SearchStrategy[Inputs]:
    return any_shape(_).map(lambda inputs: (inputs[0].abs() + 0.1,))


@st.composite
def spread(draw: st.DrawFn, count: int) -> Inputs:
    """So many tensors that spread over one shape."""
    full = draw(st.lists(sizes, min_size=1, max_size=3))
    return tuple(
        draw(normal(*[draw(st.sampled_from([1, size])) for size in full][draw(st.integers(0, 1)) :]))
        for _ in range(count)
    )


def several(_: Arguments) -> st.SearchStrategy[Inputs]:
    return st.integers(1, 3).flatmap(spread)


def two(_: Arguments) -> st.SearchStrategy[Inputs]:
    return spread(2)


@st.composite
def powers(draw: st.DrawFn, _: Arguments) -> Inputs:
    """A positive base and an exponent, whole in half of the cases."""
    base, exponent = draw(spread(2))
    return base.abs() + 0.1, exponent.round() if draw(st.booleans()) else exponent


@st.composite
def masked(draw: st.DrawFn, count: int, first: bool) -> Inputs:
    mask, *others = draw(spread(1 + count))
    return (mask > 0, *others) if first else (*others, mask > 0)


@st.composite
def matrices(draw: st.DrawFn, _: Arguments) -> Inputs:
    n, k, m = draw(sizes), draw(sizes), draw(sizes)
    batch = draw(st.lists(sizes, max_size=2))
    left = draw(st.sampled_from([[n, k], [k], [*batch, n, k], [*[1 for _ in batch], n, k]]))
    right = draw(st.sampled_from([[k, m], [k], [*batch, k, m]]))
    return draw(normal(*left)), draw(normal(*right))


EQUATIONS = {
    "ij,jk->ik": [(2, 3), (3, 4)],
    "bhqd,bhkd->bhqk": [(2, 3, 4, 2), (2, 3, 5, 2)],
    "i,j": [(3,), (4,)],
    "ij->j": [(2, 3)],
    "ij,k->": [(2, 3), (4,)],
    "...ij,...jk->...ik": [(5, 1, 2, 3), (4, 3, 2)],
    "ij,ij->i": [(3, 1), (3, 4)],
    "b i, b j, b k -> b k": [(2, 3), (2, 2), (2, 4)],
}


@st.composite
def operands(draw: st.DrawFn, arguments: Arguments) -> Inputs:
    return tuple(draw(normal(*size)) for size in EQUATIONS[arguments["equation"]])


axes = st.sampled_from([None, 0, -1, (0, 2), (1,), (-1, 0, 1)])
reductions = st.fixed_dictionaries({}, optional={"dim": axes, "keepdim": st.booleans()})


def deep(_: Arguments) -> st.SearchStrategy[Inputs]:
    return st.tuples(normal(sizes, sizes, sizes))


@st.composite
def alike(draw: st.DrawFn, arguments: Arguments, free: bool) -> Inputs:
    """Tensors of one shape; with another size each along the axis, if that is free."""
    size, count = [draw(sizes) for _ in range(3)], draw(st.integers(1, 3))
    drawn = []
    for _ in range(count):
        if free:
            size[arguments.get("dim", -1)] = draw(sizes)
        drawn.append(draw(normal(*size)))
    return tuple(drawn)


def along(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The function along all axes if it is told of none."""
    return lambda x, dim=None, **options: function(x, dim=range_of(x) if dim is None else dim, **options)


def range_of(x: Tensor) -> tuple[int, ...]:
    return tuple(range(x.ndim))


def norm(x: Tensor, p: float, dim: Any, keepdim: bool = False) -> Tensor:
    return torch.linalg.vector_norm(x, p, dim, keepdim)


def variance(x: Tensor, **options: Any) -> Tensor:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"var\(\): degrees of freedom")
        return torch.var(x, **options)


def multiplied(*factors: Tensor) -> Tensor:
    product = factors[0] + 0
    for factor in factors[1:]:
        product = product * factor
    return product


def dims(count: int) -> st.SearchStrategy[Any]:
    return st.permutations(range(count)).map(tuple)


INDICES = [0, -1, slice(None, None, 2), (..., None, 0), (slice(1), 0), (None, slice(None), slice(-1, None))]

CASES = [
    row(nn.Add, lambda *x: torch.stack(torch.broadcast_tensors(*x)).sum(0), several),
    row(nn.Multiply, multiplied, several),
    row(nn.Subtract, torch.sub, two),
    row(nn.Divide, torch.div, two, st.sampled_from([{}, {"rounding_mode": "floor"}])),
    row(nn.Power, torch.pow, powers),
    row(nn.MatMul, torch.matmul, matrices),
    row(
        nn.Einsum,
        lambda *x, equation: torch.einsum(equation, *x),
        operands,
        st.sampled_from([{"equation": equation} for equation in EQUATIONS]),
    ),
    row(nn.Negative, torch.neg, any_shape),
    row(nn.Abs, torch.abs, any_shape),
    row(nn.Exp, torch.exp, any_shape),
    row(nn.Log, torch.log, positive),
    row(nn.Log1p, torch.log1p, positive),
    row(nn.Sqrt, torch.sqrt, positive),
    row(
        nn.Clamp,
        torch.clamp,
        any_shape,
        st.sampled_from([{"min": -0.5}, {"max": 0.5}, {"min": -1, "max": 0.25}]),
    ),
    row(nn.Sum, along(torch.sum), deep, reductions),
    row(nn.Mean, along(torch.mean), deep, reductions),
    row(
        nn.Var,
        along(variance),
        deep,
        st.fixed_dictionaries(
            {"correction": st.sampled_from([0, 1])}, optional={"dim": axes, "keepdim": st.booleans()}
        ),
    ),
    row(
        nn.Norm,
        along(norm),
        deep,
        st.fixed_dictionaries(
            {"p": st.sampled_from([1.0, 2, 3.5, float("inf")])},
            optional={"dim": axes, "keepdim": st.booleans()},
        ),
    ),
    row(
        nn.Amax,
        along(torch.amax),
        deep,
        reductions,
    ),
    row(
        nn.Max,
        lambda x, **arguments: tuple(torch.max(x, **arguments)),
        deep,
        st.fixed_dictionaries({"dim": st.sampled_from([0, 1, -1])}, optional={"keepdim": st.booleans()}),
    ),
    row(nn.Where, torch.where, lambda _: masked(2, True)),
    row(
        nn.MaskedFill,
        lambda x, mask, value: x.masked_fill(mask, value),
        lambda _: masked(1, False),
        st.just({"value": -2.5}),
    ),
    row(
        nn.Concatenate,
        lambda *x, dim=-1: torch.cat(x, dim),
        lambda arguments: alike(arguments, True),
        st.sampled_from([{}, {"dim": 0}, {"dim": -2}]),
    ),
    row(
        nn.Stack,
        lambda *x, dim=0: torch.stack(x, dim),
        lambda arguments: alike(arguments, False),
        st.sampled_from([{}, {"dim": 1}, {"dim": -1}]),
    ),
    row(
        nn.Split,
        lambda x, split_size, dim=0: torch.split(x, split_size, dim),
        lambda _: st.tuples(normal(5, 3)),
        st.sampled_from([{"split_size": 2}, {"split_size": [1, 4]}, {"split_size": 2, "dim": -1}]),
    ),
    row(
        nn.Chunk,
        torch.chunk,
        deep,
        st.fixed_dictionaries({"chunks": st.integers(1, 3)}, optional={"dim": st.sampled_from([0, 1, -1])}),
    ),
    row(
        nn.Reshape,
        lambda x, sizes: x.reshape(sizes),
        lambda _: st.tuples(normal(4, 6)),
        st.sampled_from([{"sizes": (2, 3, -1)}, {"sizes": [24]}, {"sizes": (3, 8)}]),
    ),
    row(
        nn.Expand,
        lambda x, sizes: x.expand(sizes),
        lambda _: st.tuples(normal(3, 1)),
        st.sampled_from([{"sizes": (3, 4)}, {"sizes": [2, -1, 5]}]),
    ),
    row(nn.Permute, torch.permute, deep, st.fixed_dictionaries({"dims": dims(3)})),
    row(
        nn.Transpose,
        torch.transpose,
        deep,
        st.fixed_dictionaries({"dim0": st.integers(-3, 2), "dim1": st.integers(-3, 2)}),
    ),
    row(
        nn.Squeeze,
        torch.squeeze,
        lambda _: st.tuples(normal(1, sizes, 1)),
        st.sampled_from([{}, {"dim": 0}, {"dim": (0, -1)}, {"dim": 1}]),
    ),
    row(nn.Unsqueeze, torch.unsqueeze, deep, st.fixed_dictionaries({"dim": st.integers(-4, 3)})),
    row(
        nn.Select,
        lambda x, index=(): x[index],
        deep,
        st.sampled_from([{}, *({"index": index} for index in INDICES)]),
    ),
]
