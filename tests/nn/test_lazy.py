"""Layers that learn the size of their input."""

from __future__ import annotations

import copy
import inspect
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import plaingrad
from plaingrad import ModuleError, nn
from plaingrad.optim import SGD

ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "LazyLinear": (4,),
    **{f"LazyConv{axes}d": (4, 2, 1, 1, 1, 2) for axes in (1, 2, 3)},
    **{f"LazyConvTranspose{axes}d": (4, 2, 1, 0, 0, 2) for axes in (1, 2, 3)},
    **{f"LazyBatchNorm{axes}d": () for axes in (1, 2, 3)},
    **{f"LazyInstanceNorm{axes}d": (1e-5, 0.1, True, True) for axes in (1, 2, 3)},
}

pytestmark = pytest.mark.filterwarnings("ignore:Lazy modules are a new feature")

every_class = pytest.mark.parametrize("name", ARGUMENTS)


def first_input(name: str, dtype: torch.dtype = torch.float32) -> Tensor:
    axes = int(name[-2]) if name.endswith("d") else 0
    return torch.randn(3, 6, *[5] * axes, dtype=dtype)


def both(name: str) -> tuple[Any, Any]:
    return getattr(nn, name)(*ARGUMENTS[name]), getattr(torch.nn, name)(*ARGUMENTS[name])


def test_there_is_one_for_each_of_torch() -> None:
    assert set(ARGUMENTS) == {name for name in dir(torch.nn) if name.startswith("Lazy")}


@every_class
def test_arguments_and_defaults_are_those_of_torch(name: str) -> None:
    def arguments(kind: type) -> list[tuple[str, Any]]:
        return [(p.name, p.default) for p in inspect.signature(kind.__init__).parameters.values()]  # type: ignore[misc]

    assert arguments(getattr(nn, name)) == arguments(getattr(torch.nn, name))


@every_class
def test_after_the_first_input_it_is_the_other_class_with_the_bits_of_torch(name: str) -> None:
    (ours, theirs), x = both(name), first_input(name)
    torch.manual_seed(3)
    y = ours.forward(x)
    torch.manual_seed(3)
    right = theirs(x)
    assert type(ours) is getattr(nn, name.removeprefix("Lazy"))
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    parameters = dict(ours.named_parameters())
    for key, value in theirs.named_parameters():
        assert torch.equal(parameters[key].value, value), key
    torch.testing.assert_close(y, right)
    dy = torch.randn_like(y)
    right.backward(dy)
    ours.backward(dy)
    for key, value in theirs.named_parameters():
        torch.testing.assert_close(parameters[key].grad, value.grad, rtol=1e-4, atol=1e-5)


@every_class
def test_it_is_moved_and_frozen_before_its_first_input(name: str) -> None:
    ours = getattr(nn, name)(*ARGUMENTS[name]).to(torch.float64).freeze()
    y = ours.forward(first_input(name, torch.float64))
    assert y.dtype == torch.float64
    assert all(parameter.frozen for parameter in ours.parameters())
    assert all(value.dtype != torch.float32 for value in ours.state_dict().values())


@every_class
def test_a_state_dict_gives_the_shapes_too(name: str) -> None:
    x = first_input(name)
    known = getattr(nn, name)(*ARGUMENTS[name])
    known.forward(x)
    ours = getattr(nn, name)(*ARGUMENTS[name])
    ours.load_state_dict(known.state_dict())
    torch.testing.assert_close(ours.eval().forward(x), known.eval().forward(x), rtol=0, atol=0)
    assert ours.arguments() == known.arguments()


@every_class
def test_copies_learn_their_own_sizes(name: str) -> None:
    ours = getattr(nn, name)(*ARGUMENTS[name])
    other = copy.deepcopy(ours)
    other.forward(first_input(name))
    assert type(ours) is getattr(nn, name)


def test_what_needs_values_is_refused_by_name() -> None:
    network = nn.Sequential(nn.LazyLinear(8), nn.ReLU(), nn.LazyLinear(2))
    for use in (lambda: SGD(network.parameters(), 0.1), network.state_dict):
        with pytest.raises(ModuleError, match=r"expected a shape of '0\.weight', '0\.bias', '2\.weight'"):
            use()
    with pytest.raises(ModuleError, match=r"LazyLinear\(8\): expected a shape of 'weight', 'bias'"):
        plaingrad.save(network, "model")
    with pytest.raises(ModuleError, match=r"expected a first input with an axis -3, got \(5,\)"):
        nn.LazyConv2d(3, 2)(torch.randn(5))


def test_a_network_trains_and_is_saved_after_its_first_input(tmp_path: Path) -> None:
    network = nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(2))
    x = torch.randn(5, 1, 6, 6)
    network(x)
    network.zero_grad()
    plaingrad.save(network.eval(), tmp_path / "model")
    loaded = plaingrad.read_file(tmp_path / "model").module
    torch.testing.assert_close(loaded.forward(x), network.forward(x), rtol=0, atol=0)
