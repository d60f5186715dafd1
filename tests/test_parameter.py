"""`Parameter`, `Buffer` and flat storage."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from plaingrad import Buffer, Parameter, flatten_parameters, nn, optim
from plaingrad.parameter import FlatStorage

shapes = st.lists(st.integers(0, 3), max_size=3)


def pickled(thing: Any) -> Any:
    return pickle.loads(pickle.dumps(thing))


both_ways = pytest.mark.parametrize("copied", [copy.deepcopy, pickled])


def random(*shape: int) -> Parameter:
    parameter = Parameter(torch.randn(shape))
    parameter.grad = torch.randn(shape)
    return parameter


def assert_flat(storage: FlatStorage, parameters: list[Parameter]) -> None:
    """The parameters are, in this order, all that is in the buffers, and change with them."""
    assert not storage.abandoned
    assert storage.parameters == parameters
    storage.value.copy_(torch.arange(len(storage.value)))
    storage.grad.copy_(-torch.arange(len(storage.grad)))
    assert torch.equal(torch.cat([value.reshape(-1) for value, _ in parameters]), storage.value)
    assert torch.equal(torch.cat([grad.reshape(-1) for _, grad in parameters]), storage.grad)
    assert all(parameter.storage is storage for parameter in parameters)


def test_a_parameter_is_a_pair_that_starts_without_gradient() -> None:
    value = torch.randn(2, 3)
    parameter = Parameter(value)
    first, second = parameter
    assert first is parameter.value
    assert first.data_ptr() == value.data_ptr()
    assert second is parameter.grad
    assert torch.equal(second, torch.zeros(2, 3))
    assert repr(parameter) == "Parameter(2, 3)"
    assert repr(Parameter(torch.tensor(1.0))) == "Parameter()"


def test_assigning_copies_in() -> None:
    parameter = random(2, 3)
    value, grad = parameter
    parameter.value = torch.ones(2, 3)
    parameter.grad = torch.full((2, 3), 2.0)
    assert parameter.value is value
    assert parameter.grad is grad
    assert torch.equal(value, torch.ones(2, 3))
    assert torch.equal(grad, torch.full((2, 3), 2.0))
    parameter.value -= 1
    parameter.grad *= 2
    assert torch.equal(value, torch.zeros(2, 3))
    assert torch.equal(grad, torch.full((2, 3), 4.0))


@pytest.mark.parametrize("wrong", [(3,), (2, 3, 1), ()])
def test_assigning_another_shape_is_refused_even_where_it_would_broadcast(wrong: tuple[int, ...]) -> None:
    parameter = random(2, 3)
    expected = re.escape(f"a parameter of shape (2, 3) cannot take a tensor of shape {wrong}")
    with pytest.raises(ValueError, match=expected):
        parameter.value = torch.zeros(wrong)
    with pytest.raises(ValueError, match=expected):
        parameter.grad = torch.zeros(wrong)


def test_a_buffer_is_replaced() -> None:
    buffer, new = Buffer(torch.zeros(2)), torch.ones(3)
    buffer.value = new
    assert buffer.value is new
    assert repr(buffer) == "Buffer(3,)"


@given(st.lists(shapes, min_size=1, max_size=4))
def test_flattening_keeps_values_gradients_and_shapes(sizes: list[list[int]]) -> None:
    parameters = [random(*size) for size in sizes]
    before = [(value.clone(), grad.clone()) for value, grad in parameters]
    storage = flatten_parameters(parameters)
    for (value, grad), (old_value, old_grad) in zip(parameters, before):
        assert torch.equal(value, old_value)
        assert torch.equal(grad, old_grad)
    assert_flat(storage, parameters)


def test_a_non_contiguous_value_is_flattened_in_order() -> None:
    parameter = Parameter(torch.arange(6.0).view(2, 3).T)
    assert flatten_parameters([parameter]).value.tolist() == [0, 3, 1, 4, 2, 5]
    assert parameter.value.tolist() == [[0, 3], [1, 4], [2, 5]]


def test_flattening_what_is_flat_changes_nothing() -> None:
    first, second = random(2), random(3)
    storage = flatten_parameters([first, second, first])
    assert flatten_parameters(iter([first, second])) is storage
    assert_flat(storage, [first, second])


@pytest.mark.parametrize("others", [[1, 0], [0], [0, 1, 2], [1, 2]])
def test_flattening_otherwise_abandons_the_old_storage(others: list[int]) -> None:
    parameters = [random(2), random(3), random(4)]
    old = flatten_parameters(parameters[:2])
    chosen = [parameters[i] for i in others]
    new = flatten_parameters(chosen)
    assert old.abandoned
    assert_flat(new, chosen)
    again = flatten_parameters(parameters[:2])
    assert again is not old
    assert new.abandoned
    assert_flat(again, parameters[:2])


def test_layers_work_in_flat_storage() -> None:
    layer = nn.Linear(3, 2)
    storage = flatten_parameters(layer.parameters())
    layer(torch.randn(4, 3))
    layer.backward(torch.ones(4, 2))
    assert storage.grad[6:].tolist() == [4, 4]
    storage.value.zero_()
    assert not layer(torch.randn(4, 3)).any()
    layer.zero_grad()
    assert not storage.grad.any()


def test_what_cannot_share_a_buffer() -> None:
    with pytest.raises(ValueError, match="there are no parameters to flatten"):
        flatten_parameters([])
    mixed = [random(2), Parameter(torch.zeros(2, dtype=torch.float64))]
    with pytest.raises(
        ValueError, match=r"one dtype and one device, got torch.float32 on cpu, torch.float64 on cpu"
    ):
        flatten_parameters(mixed)
    assert all(parameter.storage is None for parameter in mixed)


@both_ways
def test_a_copy_shares_nothing(copied: Callable[[Any], Any]) -> None:
    parameter = random(2, 3)
    twin = copied(parameter)
    assert twin.storage is None
    assert torch.equal(twin.value, parameter.value)
    assert torch.equal(twin.grad, parameter.grad)
    twin.value += 1
    twin.grad += 1
    assert not torch.equal(twin.value, parameter.value)
    assert not torch.equal(twin.grad, parameter.grad)


@both_ways
def test_a_copy_of_flat_parameters_stands_on_its_own(copied: Callable[[Any], Any]) -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    storage = flatten_parameters(model)
    twin = copied(model)
    for ours, theirs in zip(twin.parameters(), model.parameters()):
        assert torch.equal(ours.value, theirs.value)
        assert ours.storage is None
    assert_flat(flatten_parameters(twin.parameters()), twin.parameters())
    twin.zero_grad()
    assert_flat(storage, model.parameters())


@both_ways
@pytest.mark.parametrize("order", [1, -1])
def test_a_copy_of_a_model_and_its_optimizer_trains(copied: Callable[[Any], Any], order: int) -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    optimizer = optim.SGD(model.parameters(), lr=1.0)
    twin, its_optimizer = copied([model, optimizer][::order])[::order]
    for parameter in twin.parameters():
        parameter.value = torch.ones_like(parameter.value)
        parameter.grad = torch.ones_like(parameter.value)
    its_optimizer.step()
    assert not any(value.any() for value, _ in twin.parameters())
    assert any(value.any() for value, _ in model.parameters())


def test_a_pickle_holds_each_number_once() -> None:
    model = nn.Sequential(*[nn.Linear(40, 40) for _ in range(8)])
    apart = len(pickle.dumps(model))
    flatten_parameters(model)
    assert len(pickle.dumps(model)) < 1.1 * apart


def test_zeroing_a_storage_leaves_no_gradient() -> None:
    layer = nn.Linear(2, 2)
    storage = flatten_parameters(layer)
    layer.backward(layer.forward(torch.ones(1, 2)))
    assert all(parameter.has_grad for parameter in storage.parameters)
    storage.zero_grad()
    assert not any(parameter.has_grad or parameter._grad.any() for parameter in storage.parameters)


@pytest.mark.parametrize("use", [lambda p: p.value, lambda p: p.grad, lambda p: setattr(p, "grad", 0)])
def test_a_parameter_without_a_shape_has_neither_value_nor_gradient(use: object) -> None:
    parameter = Parameter.unshaped()
    for frozen in (False, True):
        parameter.frozen = frozen
        with pytest.raises(ValueError, match="this parameter has no shape yet"):
            use(parameter)  # type: ignore[operator]


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.complex64])
def test_a_parameter_holds_floating_point_numbers(dtype: torch.dtype) -> None:
    with pytest.raises(ValueError, match=f"expected a parameter of floating-point numbers, got {dtype}"):
        Parameter(torch.ones(2, dtype=dtype))
    with pytest.raises(ValueError, match="expected a parameter of floating-point numbers"):
        nn.Linear(2, 2, dtype=dtype)


def test_a_gradient_of_none_is_none_to_update_rules() -> None:
    parameter = random(3)
    parameter.grad = None
    assert not parameter.has_grad
    assert not parameter._grad.any()


@pytest.mark.parametrize("set_to_none", [True, False])
def test_zero_grad_takes_the_word_of_pytorch(set_to_none: bool) -> None:
    for zero in (
        lambda model: model.zero_grad(set_to_none=set_to_none),
        lambda model: model.weight.zero_grad(set_to_none=set_to_none),
        lambda model: optim.SGD(model.parameters(), lr=0.1).zero_grad(set_to_none=set_to_none),
    ):
        model, theirs = nn.Linear(2, 2, bias=False), torch.nn.Linear(2, 2, bias=False)
        model.weight.value = theirs.weight
        ours = optim.SGD(model.parameters(), lr=0.1, weight_decay=0.5)
        model.weight.grad += 1
        zero(model)
        ours.step()
        theirs.weight.grad = torch.ones(2, 2)
        rule = torch.optim.SGD(theirs.parameters(), lr=0.1, weight_decay=0.5)
        rule.zero_grad(set_to_none=set_to_none)
        rule.step()
        torch.testing.assert_close(model.weight.value, theirs.weight.detach())
