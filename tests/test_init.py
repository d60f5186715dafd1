"""The initialisers against torch.nn.init, bit for bit."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from effort import draws
from plaingrad import init, nn
from plaingrad.module import flatten_parameters
from plaingrad.parameter import Buffer, Parameter

examples = settings(max_examples=draws(30), deadline=None)
sizes = st.integers(1, 7)
seeds = st.integers(0, 2**32 - 1)
weights = st.lists(sizes, min_size=2, max_size=5)
matrices = st.lists(sizes, min_size=2, max_size=2)
anything = st.lists(sizes, max_size=4)
numbers = st.floats(-3, 3)
positive = st.floats(0.01, 3)
nonlinearities = st.sampled_from([*init.GAINS, "leaky_relu"])
kaiming = {"a": numbers, "mode": st.sampled_from(["fan_in", "fan_out"]), "nonlinearity": nonlinearities}


@st.composite
def truncation(draw: st.DrawFn) -> dict[str, float]:
    """Intervals that hold much or little of the distribution, left or right of its mean or around it."""
    mean, std = draw(numbers), draw(positive)
    low = draw(st.floats(-4, 3))
    high = low + draw(st.floats(0.05, 6))
    return {"mean": mean, "std": std, "a": mean + low * std, "b": mean + high * std}


ROWS: dict[str, tuple[st.SearchStrategy[list[int]], st.SearchStrategy[dict[str, Any]]]] = {
    "constant_": (anything, st.fixed_dictionaries({"val": numbers})),
    "ones_": (anything, st.just({})),
    "zeros_": (anything, st.just({})),
    "eye_": (matrices, st.just({})),
    "dirac_": (st.lists(sizes, min_size=3, max_size=5), st.just({})),
    "uniform_": (
        anything,
        st.just({}) | st.fixed_dictionaries({"a": st.floats(-3, 0), "b": st.floats(0, 3)}),
    ),
    "normal_": (anything, st.just({}) | st.fixed_dictionaries({"mean": numbers, "std": positive})),
    "trunc_normal_": (anything, st.just({}) | truncation()),
    "sparse_": (matrices, st.fixed_dictionaries({"sparsity": st.floats(0, 1)}, optional={"std": positive})),
    "xavier_uniform_": (weights, st.fixed_dictionaries({}, optional={"gain": positive})),
    "xavier_normal_": (weights, st.fixed_dictionaries({}, optional={"gain": positive})),
    "kaiming_uniform_": (weights, st.fixed_dictionaries({}, optional=kaiming)),
    "kaiming_normal_": (weights, st.fixed_dictionaries({}, optional=kaiming)),
    "orthogonal_": (weights, st.fixed_dictionaries({}, optional={"gain": numbers})),
}
every_function = pytest.mark.parametrize("name", ROWS)


def both(name: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    return getattr(init, name), getattr(torch.nn.init, name)


@pytest.mark.parametrize("name", [*ROWS, "calculate_gain"])
def test_arguments_and_defaults_are_those_of_torch(name: str) -> None:
    ours, theirs = (
        [(p.name, p.default) for p in inspect.signature(f).parameters.values()] for f in both(name)
    )
    assert ours == theirs


@pytest.mark.filterwarnings("ignore:mean is more than 2 std from:UserWarning")  # torch doubts its own method
@every_function
@examples
@given(data=st.data(), seed=seeds, dtype=st.sampled_from([torch.float32, torch.float64]), own=st.booleans())
def test_the_same_seed_gives_the_bits_of_torch(
    name: str, data: st.DataObject, seed: int, dtype: torch.dtype, own: bool
) -> None:
    size, arguments = data.draw(ROWS[name][0]), data.draw(ROWS[name][1])

    def filled(function: Callable[..., Any]) -> tuple[Tensor, Tensor]:
        torch.manual_seed(seed)
        generator = torch.Generator().manual_seed(seed + 1)
        extra = (
            {"generator": generator} if own and "generator" in inspect.signature(function).parameters else {}
        )
        x = torch.full(size, torch.nan, dtype=dtype)
        assert function(x, **arguments, **extra) is x
        return x, torch.rand(1, generator=generator if own else None)

    ours, theirs = map(filled, both(name))
    assert torch.equal(ours[0], theirs[0])
    assert torch.equal(ours[1], theirs[1]), "another number of random numbers was drawn"


@every_function
@examples
@given(data=st.data(), seed=seeds)
def test_a_parameter_is_filled_where_it_is_and_returned(name: str, data: st.DataObject, seed: int) -> None:
    size, arguments = data.draw(ROWS[name][0]), data.draw(ROWS[name][1])
    parameter = Parameter(torch.full(size, torch.nan))
    storage = flatten_parameters([parameter])
    torch.manual_seed(seed)
    assert getattr(init, name)(parameter, **arguments) is parameter
    torch.manual_seed(seed)
    assert torch.equal(storage.value.view(size), getattr(init, name)(torch.empty(size), **arguments))
    assert not parameter.grad.any()


def test_a_buffer_is_filled_too() -> None:
    buffer = Buffer(torch.zeros(3))
    assert init.ones_(buffer) is buffer
    assert torch.equal(buffer.value, torch.ones(3))


@examples
@given(channels=st.lists(sizes, min_size=2, max_size=4), kernel=sizes, groups=st.integers(1, 3))
def test_each_group_keeps_its_channels_as_in_torch(channels: list[int], kernel: int, groups: int) -> None:
    size = [groups * channels[0], *channels[1:], kernel]
    ours, theirs = (function(torch.empty(size), groups) for function in both("dirac_"))
    assert torch.equal(ours, theirs)


def test_every_function_of_torch_is_here() -> None:
    theirs = {
        name
        for name, value in vars(torch.nn.init).items()
        if inspect.isfunction(value) and value.__module__ == torch.nn.init.__name__ and name[0] != "_"
    }
    deprecated = {name for name in theirs if f"{name}_" in theirs}
    assert theirs - deprecated - set(init.__all__) == set()


@examples
@given(nonlinearity=nonlinearities, param=st.none() | numbers)
def test_gains_are_those_of_torch(nonlinearity: str, param: float | None) -> None:
    assert init.calculate_gain(nonlinearity, param) == torch.nn.init.calculate_gain(nonlinearity, param)


@examples
@given(inputs=sizes, outputs=sizes, seed=seeds)
def test_a_linear_layer_starts_as_torch_starts_it(inputs: int, outputs: int, seed: int) -> None:
    torch.manual_seed(seed)
    ours = nn.Linear(inputs, outputs).state_dict()
    torch.manual_seed(seed)
    for name, value in torch.nn.Linear(inputs, outputs).state_dict().items():
        assert torch.equal(ours[name], value)


@pytest.mark.parametrize("size", [(0, 3), (3, 0), (0, 0), (2, 0, 3)])
@pytest.mark.parametrize("name", [name for name in ROWS if name.startswith(("x", "k", "o", "u", "n", "t"))])
def test_nothing_to_fill_is_no_error(name: str, size: tuple[int, ...]) -> None:
    assert getattr(init, name)(torch.empty(size)).shape == size


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: init.eye_(torch.empty(3)), "eye_: expected a matrix, got shape (3,)"),
        (lambda: init.sparse_(torch.empty(2, 2, 2), 0.1), "sparse_: expected a matrix, got shape (2, 2, 2)"),
        (
            lambda: init.xavier_normal_(torch.empty(3)),
            "xavier_normal_: expected a weight (out, in, *kernel), got shape (3,)",
        ),
        (
            lambda: init.orthogonal_(Parameter(torch.empty(3))),
            "orthogonal_: expected a weight (out, in, *kernel), got shape (3,)",
        ),
        (
            lambda: init.dirac_(torch.empty(3, 3)),
            "dirac_: expected a weight (out, in, *kernel) of 1 equal groups along out and a kernel of 1 to 3 "
            "axes, got shape (3, 3)",
        ),
        (
            lambda: init.dirac_(torch.empty(4, 3, 2), groups=3),
            "dirac_: expected a weight (out, in, *kernel) of 3 equal groups along out and a kernel of 1 to 3 "
            "axes, got shape (4, 3, 2)",
        ),
        (
            lambda: init.kaiming_normal_(torch.empty(3, 3), mode="fan"),
            "kaiming_normal_: expected mode 'fan_in' or 'fan_out', got 'fan'",
        ),
        (
            lambda: init.trunc_normal_(torch.empty(3), a=1, b=0),
            "trunc_normal_: expected std > 0 and a <= b, got std=1.0, a=1, b=0",
        ),
        (
            lambda: init.trunc_normal_(torch.empty(3), std=0.0),
            "trunc_normal_: expected std > 0 and a <= b, got std=0.0, a=-2.0, b=2.0",
        ),
    ],
)
def test_what_cannot_be_filled_is_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011
        call()
    assert str(error.value) == message


def test_an_unknown_nonlinearity_is_refused_with_those_known() -> None:
    with pytest.raises(ValueError, match=r"expected one of conv1d, .*, tanh, got 'gelu'"):
        init.kaiming_uniform_(torch.empty(3, 3), nonlinearity="gelu")


def test_rows_or_columns_are_orthonormal() -> None:
    for size in ((3, 5), (5, 3), (4, 2, 3)):
        q = init.orthogonal_(torch.empty(size, dtype=torch.float64), gain=math.sqrt(2)).flatten(1)
        gram = q @ q.T if len(q) < q.shape[1] else q.T @ q
        torch.testing.assert_close(gram, 2 * torch.eye(min(q.shape), dtype=torch.float64))
