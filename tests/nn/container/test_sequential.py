from __future__ import annotations

import re
from collections import OrderedDict
from types import ModuleType
from typing import Any

import pytest
import torch

from plaingrad import ModuleError, nn


def nested(library: ModuleType) -> Any:
    block = OrderedDict(wide=library.Linear(4, 6), act=library.ReLU(), narrow=library.Linear(6, 4))
    return library.Sequential(
        library.Linear(3, 4), library.Sequential(block), library.Sequential(library.Linear(4, 2, bias=False))
    )


@pytest.fixture
def net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))


def test_it_is_a_list_of_modules(net: nn.Sequential) -> None:
    modules = list(net)
    assert len(net) == 5
    assert [net[i] for i in range(5)] == modules
    assert [net[-i] for i in range(1, 6)] == modules[::-1]
    for wrong in (5, -6):
        with pytest.raises(IndexError):
            net[wrong]


@pytest.mark.parametrize(
    "cut", [slice(1, 3), slice(None, -1), slice(None, None, 2), slice(3, None), slice(2, 2)]
)
def test_a_slice_shares_modules_and_keeps_names(net: nn.Sequential, cut: slice) -> None:
    theirs = torch.nn.Sequential(
        torch.nn.Linear(5, 4), torch.nn.ReLU(), torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2)
    )
    part = net[cut]
    assert type(part) is nn.Sequential
    assert list(part) == list(net)[cut]
    assert list(part.state_dict()) == list(theirs[cut].state_dict())


def test_append_returns_the_network_and_names_by_position() -> None:
    net = nn.Sequential()
    assert net.append(nn.Linear(3, 2)) is net
    net.append(nn.ReLU()).append(nn.Linear(2, 1))
    assert list(net.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert net(torch.zeros(4, 3)).shape == (4, 1)


def test_append_to_a_slice_replaces_nothing(net: nn.Sequential) -> None:
    part = net[3:].append(nn.Linear(2, 1)).append(nn.ReLU()).append(nn.ReLU())
    assert [name for name, _ in part.named_children()] == ["3", "4", "2", "5", "6"]
    assert len(part) == 5
    assert len(net) == 5


def test_nested_names_and_weights_are_those_of_torch() -> None:
    ours, theirs = nested(nn), nested(torch.nn)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert [name for name, _ in ours.named_parameters()] == [name for name, _ in theirs.named_parameters()]
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(7, 3)
    torch.testing.assert_close(ours(x), theirs(x))


def test_a_shared_module_is_one_set_of_parameters_at_two_places() -> None:
    shared, same = nn.Linear(3, 3), torch.nn.Linear(3, 3)
    ours, theirs = nn.Sequential(shared, nn.ReLU(), shared), torch.nn.Sequential(same, torch.nn.ReLU(), same)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert [name for name, _ in ours.named_parameters()] == ["0.weight", "0.bias"]
    ours.load_state_dict(theirs.state_dict())
    x, dy = torch.randn(5, 3), torch.randn(5, 3)
    ours(x)
    ours.backward(dy)
    theirs(x).backward(dy)
    torch.testing.assert_close(shared.weight.grad, same.weight.grad)


def test_an_empty_one_gives_back_its_input() -> None:
    x = torch.randn(2, 3)
    net = nn.Sequential()
    assert net(x) is x
    assert net.backward(x) is x
    assert repr(net) == "Sequential()"


def test_repr_shows_the_tree() -> None:
    net = nn.Sequential(
        nn.Linear(3, 4), nn.Sequential({"act": nn.ReLU(), "out": nn.Linear(4, 1, bias=False)})
    )
    assert repr(net) == (
        "Sequential(\n"
        "  (0): Linear(3, 4)\n"
        "  (1): Sequential(\n"
        "    (act): ReLU()\n"
        "    (out): Linear(4, 1, bias=False)\n"
        "  )\n"
        ")"
    )
    assert net.signature() == "Sequential(Linear, Sequential)"


def message(problem: str) -> str:
    return f"^{re.escape(problem)}$"


def test_errors_name_the_position(net: nn.Sequential) -> None:
    wrong = nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(5, 4))
    came = "expected input (*, 5) of torch.float32, got (8, 2) of torch.float32"
    with pytest.raises(ModuleError, match=message(f"Sequential[2] Linear(5, 4): {came}")):
        wrong(torch.zeros(8, 3))
    with pytest.raises(ModuleError, match=message(f"Sequential[tail].Sequential[2] Linear(5, 4): {came}")):
        nn.Sequential({"tail": wrong})(torch.zeros(8, 3))
    net(torch.zeros(8, 5))
    came = "expected output gradient (8, 2) of torch.float32, got (8, 3) of torch.float32"
    with pytest.raises(ModuleError, match=message(f"Sequential[0].Sequential[4] Linear(3, 2): {came}")):
        nn.Sequential(net).backward(torch.zeros(8, 3))


@pytest.mark.parametrize(
    ("modules", "problem"),
    [
        ((nn.ReLU(), 3), "expected a Module at position 1, got 3"),
        ((nn.ReLU,), "expected a Module at position 0, got <class"),
        (({"a": nn.ReLU(), "b": None},), "expected a Module at position b, got None"),
        (({"a.b": nn.ReLU()},), "expected a name without dots, got 'a.b'"),
        (({"": nn.ReLU()},), "expected a name without dots, got ''"),
    ],
)
@pytest.mark.usefixtures("without_annotations")
def test_what_is_no_module_is_refused(modules: tuple[Any, ...], problem: str) -> None:
    with pytest.raises(ModuleError, match=re.escape(problem)):
        nn.Sequential(*modules)
    with pytest.raises(ModuleError, match="expected a Module"):
        nn.Sequential().append(3)  # type: ignore[arg-type]


def test_a_subclass_may_hold_more_than_its_sequence() -> None:
    class WithHead(nn.Sequential):
        def __init__(self) -> None:
            super().__init__(nn.Linear(3, 4))
            self.head = nn.Linear(4, 2)

    net = WithHead().eval()
    assert [name for name, _ in net.named_parameters()] == ["0.weight", "0.bias", "head.weight", "head.bias"]
    assert not net.head.training
    assert len(net) == 1
