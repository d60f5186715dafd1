"""Modules and containers under the calls of torch.nn: the same calls leave the same structure."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from effort import draws
from plaingrad import Buffer, ModuleError, Parameter, nn, optim

examples = settings(max_examples=draws(60), deadline=None)


def names(model: Any) -> list[Any]:
    """The names of a model's children and the sizes of what they hold: ours or torch's."""
    parameters = [(name, tuple(getattr(p, "value", p).shape)) for name, p in model.named_parameters()]
    return [[(name, type(child).__name__) for name, child in model.named_children()], parameters]


def sequential(library: Any, *sizes: int) -> Any:
    return library.Sequential(*(library.Linear(1, size) for size in sizes))


# A call on a chain of layers, of a layer of some size at some index.
Call = Callable[[Any, Any, int, int], Any]
CALLS: dict[str, Call] = {
    "append": lambda library, model, index, size: model.append(library.Linear(1, size)),
    "insert": lambda library, model, index, size: model.insert(index, library.Linear(1, size)),
    "extend": lambda library, model, index, size: model.extend(sequential(library, size, index + 3)),
    "extend by a list": lambda library, model, index, size: model.extend([library.Linear(1, size)]),
    "pop": lambda library, model, index, size: model.pop(index),
    "del": lambda library, model, index, size: model.__delitem__(index),
    "del slice": lambda library, model, index, size: model.__delitem__(slice(index, None, 2)),
    "set": lambda library, model, index, size: model.__setitem__(index, library.Linear(1, size)),
    "+": lambda library, model, index, size: model + sequential(library, size),
    "+=": lambda library, model, index, size: model.__iadd__(sequential(library, size)),
}
calls = st.lists(st.tuples(st.sampled_from(sorted(CALLS)), st.integers(-3, 3), st.integers(1, 9)), max_size=6)


@examples
@given(sizes=st.lists(st.integers(1, 9), max_size=4), chosen=calls)
def test_a_sequence_is_edited_as_in_torch(sizes: list[int], chosen: list[tuple[str, int, int]]) -> None:
    ours, theirs = sequential(nn, *sizes), sequential(torch.nn, *sizes)
    for name, index, size in chosen:
        try:
            expected = CALLS[name](torch.nn, theirs, index, size)
        except IndexError:
            with pytest.raises(IndexError):
                CALLS[name](nn, ours, index, size)
            continue
        found = CALLS[name](nn, ours, index, size)
        assert names(ours) == names(theirs), name
        assert (found is ours) == (expected is theirs)
        if isinstance(expected, torch.nn.Module):
            assert names(found) == names(expected)


def test_a_sequence_that_was_edited_trains() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh())
    model(torch.ones(1, 2))
    model.insert(1, nn.Linear(3, 4))
    model[2] = nn.ReLU()
    model += nn.Sequential(nn.Linear(4, 1))
    y = model(torch.ones(5, 2))
    assert model.backward(torch.ones_like(y)).shape == (5, 2)
    assert [name for name, _ in model.named_parameters()] == [
        f"{i}.{kind}" for i in (0, 1, 3) for kind in ("weight", "bias")
    ]


@pytest.mark.parametrize(
    "change",
    [
        lambda model: model.insert(0, torch.nn.ReLU()),
        lambda model: model.__setitem__(0, 3),
        lambda model: model.extend([nn.ReLU(), None]),
    ],
)
def test_what_is_no_module_is_refused_and_changes_nothing(change: Callable[[Any], Any]) -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh())
    before = names(model)
    with pytest.raises((ModuleError, TypeError)):  # the tests' check of annotations comes first
        change(model)
    assert names(model)[0][:2] == before[0]
    with pytest.raises(TypeError):
        operator.add(model, [nn.ReLU()])


def entry(library: Any, kind: str, size: int) -> Any:
    if kind == "ModuleDict":
        return library.Linear(1, size)
    return torch.nn.Parameter(torch.ones(size)) if library is torch.nn else Parameter(torch.ones(size))


def entries(library: Any, kind: str, keys: list[str]) -> Any:
    return getattr(library, kind)([(key, entry(library, kind, i + 1)) for i, key in enumerate(keys)])


DICT_CALLS: dict[str, Callable[[Any, str, Any, str, list[str]], Any]] = {
    "pop": lambda library, kind, box, key, keys: box.pop(key),
    "update": lambda library, kind, box, key, keys: box.update(entries(library, kind, keys)),
    "get": lambda library, kind, box, key, keys: box.get(key),
    "get other": lambda library, kind, box, key, keys: box.get(key, 3),
    "setdefault": lambda library, kind, box, key, keys: box.setdefault(key, entry(library, kind, 7)),
    "popitem": lambda library, kind, box, key, keys: box.popitem()[0],
    "copy": lambda library, kind, box, key, keys: box.copy(),
    "|": lambda library, kind, box, key, keys: box | entries(library, kind, keys),
    "|=": lambda library, kind, box, key, keys: box.__ior__(entries(library, kind, keys)),
    "reversed": lambda library, kind, box, key, keys: list(reversed(box)),
    "in": lambda library, kind, box, key, keys: key in box,
}
letters = st.sampled_from(["a", "b", "c", "d"])


@examples
@given(
    kind=st.sampled_from(["ModuleDict", "ParameterDict"]),
    keys=st.lists(letters, max_size=4, unique=True),
    chosen=st.lists(
        st.tuples(st.sampled_from(sorted(DICT_CALLS)), letters, st.lists(letters, max_size=2, unique=True)),
        max_size=6,
    ),
)
def test_a_dict_is_edited_as_in_torch(
    kind: str, keys: list[str], chosen: list[tuple[str, str, list[str]]]
) -> None:
    ours, theirs = entries(nn, kind, keys), entries(torch.nn, kind, keys)
    for name, key, others in chosen:
        if kind == "ModuleDict" and name not in ("pop", "update", "in"):
            continue  # torch has no more
        try:
            expected = DICT_CALLS[name](torch.nn, kind, theirs, key, others)
        except (KeyError, AttributeError):
            with pytest.raises(KeyError):
                DICT_CALLS[name](nn, kind, ours, key, others)
            continue
        found = DICT_CALLS[name](nn, kind, ours, key, others)
        assert list(ours) == list(theirs), name
        assert names(ours) == names(theirs)
        assert (found is ours) == (expected is theirs)
        if isinstance(expected, (torch.nn.ModuleDict, torch.nn.ParameterDict)):
            assert names(found) == names(expected)
        elif not isinstance(expected, (torch.nn.Module, torch.nn.Parameter)):
            assert found == expected


def test_a_dict_of_modules_has_a_dicts_methods_too() -> None:
    box = nn.ModuleDict({"a": nn.ReLU()})
    tanh = nn.Tanh()
    assert box.setdefault("b", tanh) is tanh
    assert box.setdefault("b", nn.ReLU()) is tanh
    assert box.get("c") is None
    assert list({"z": tanh} | box) == ["z", "a", "b"]
    assert box.copy()["b"] is tanh
    assert box.popitem() == ("b", tanh)
    assert list(box) == ["a"]


@pytest.mark.parametrize("name", ["training", "keys", "forward", "update", "a.b", ""])
def test_names_of_entries_that_torch_refuses_are_refused(name: str) -> None:
    with pytest.raises(KeyError):
        torch.nn.ModuleDict({name: torch.nn.ReLU()})
    with pytest.raises(ModuleError, match="expected a name"):
        nn.ModuleDict({name: nn.ReLU()})
    with pytest.raises(ModuleError, match="expected a name"):
        nn.ParameterDict({name: Parameter(torch.ones(1))})


def net(library: Any) -> Any:
    shared = library.Tanh()
    return library.Sequential(
        library.Linear(3, 4), library.Sequential(library.BatchNorm1d(4), shared), shared, shared
    )


def test_children_are_each_once() -> None:
    ours, theirs = net(nn), net(torch.nn)
    assert [type(c).__name__ for c in ours.children()] == [type(c).__name__ for c in theirs.children()]


@pytest.mark.parametrize("path", ["0.weight", "0.bias", "1.0.weight", "1.0.running_mean", "0.nothing", "2.x"])
def test_parameters_and_buffers_by_path(path: str) -> None:
    ours, theirs = net(nn), net(torch.nn)
    for method, kind in [("get_parameter", Parameter), ("get_buffer", Buffer)]:
        try:
            expected = getattr(theirs, method)(path)
        except AttributeError:
            with pytest.raises(ModuleError, match=f"expected a {kind.__name__} from"):
                getattr(ours, method)(path)
            continue
        found = getattr(ours, method)(path)
        assert isinstance(found, kind)
        assert found is dict([*ours.named_parameters(), *ours.named_buffers()])[path]
        assert found.value.shape == expected.shape


def test_a_module_freezes_as_in_torch() -> None:
    ours, theirs = net(nn), net(torch.nn)
    for each in (False, True):
        assert ours.requires_grad_(each) is ours
        theirs.requires_grad_(each)
        assert [p.requires_grad for p in ours.parameters()] == [p.requires_grad for p in theirs.parameters()]
    assert all(not p.frozen for p in ours.requires_grad_(False).requires_grad_().parameters())


@pytest.mark.parametrize("strict", [False, True])
def test_loading_says_which_names_do_not_fit(strict: bool) -> None:
    ours, theirs = net(nn), net(torch.nn)
    state = dict(ours.state_dict())
    expected = theirs.load_state_dict(state, strict=strict)
    assert ours.load_state_dict(state, strict=strict) == tuple(expected) == ([], [])
    state.pop("0.bias")
    state["extra"] = torch.ones(1)
    if not strict:
        expected = theirs.load_state_dict(state, strict=False)
        found = ours.load_state_dict(state, strict=False)
        assert found == tuple(expected)
        assert (found.missing_keys, found.unexpected_keys) == (["0.bias"], ["extra"])


@pytest.mark.parametrize("grouped", [False, True])
def test_an_optimizer_takes_named_parameters(grouped: bool) -> None:
    def trained(named: bool) -> list[torch.Tensor]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))
        parts = [model[0], model[1]] if grouped else [model]
        lists: list[Any] = [part.named_parameters() if named else part.parameters() for part in parts]
        given: Any = [{"params": each, "lr": 0.1 * (i + 1)} for i, each in enumerate(lists)]
        rule = optim.Adam(given if grouped else lists[0], lr=0.1)
        y = model(torch.ones(4, 3))
        model.backward(torch.ones_like(y))
        rule.step()
        return [p.value for p in model.parameters()]

    for a, b in zip(trained(True), trained(False)):
        assert torch.equal(a, b)
