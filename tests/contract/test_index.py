from __future__ import annotations

import copy
import gc
import pickle
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch

from plaingrad import Parameter, nn
from plaingrad.module import Module


class Holder(Module):
    def __init__(self) -> None:
        self.first = nn.Linear(2, 3)
        self.listed = nn.ModuleList([nn.ReLU(), nn.Linear(3, 3)])
        self.named = nn.ModuleDict({"a": nn.Linear(3, 1), "b": nn.ReLU()})
        self.values = nn.ParameterList([Parameter(torch.zeros(2))])
        self.buffer = nn.BatchNorm1d(3)


def walked(module: Any, prefix: str = "") -> dict[str, Any]:
    """Modules and fields by path, without an index."""
    found = {prefix: module}
    found |= {f"{prefix}/{name}": field for name, field in module.named_fields()}
    for name, child in module.named_children():
        found |= walked(child, f"{prefix}.{name}" if prefix else name)
    return found


def indexed(module: Module) -> dict[str, Any]:
    found: dict[str, Any] = dict(module.named_modules())
    for name, field in module._named_state():
        path, _, own = name.rpartition(".")
        found[f"{path}/{own}"] = field
    return found


CHANGES: dict[str, Callable[[Any], Any]] = {
    "a new field": lambda m: setattr(m, "more", nn.Linear(1, 1)),
    "another module in a field": lambda m: setattr(m, "first", nn.Linear(2, 2, bias=False)),
    "another parameter below": lambda m: setattr(m.first, "weight", Parameter(torch.zeros(1, 1))),
    "a parameter that becomes None": lambda m: setattr(m.first, "bias", None),
    "a deleted module": lambda m: delattr(m, "first"),
    "a deleted parameter below": lambda m: delattr(m.listed[1], "bias"),
    "append": lambda m: m.listed.append(nn.PReLU()),
    "pop of the last": lambda m: m.listed.pop(),
    "no entries": lambda m: m.listed.__delitem__(slice(None)),
    "pop by name": lambda m: m.named.pop("a"),
    "clear": lambda m: m.named.clear(),
    "a parameter more": lambda m: m.values.append(Parameter(torch.ones(1))),
    "a parameter less": lambda m: m.values.pop(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_tree_is_walked_anew_after_a_change(change: Callable[[Any], Any]) -> None:
    inside = Holder()
    for root in (inside, nn.Sequential(inside), nn.Sequential(nn.Sequential(inside), inside)):
        before = indexed(root)
        assert before == walked(root)
    outer = nn.Sequential(inside), nn.Sequential(nn.Sequential(inside))
    before = [indexed(root) for root in outer]
    change(inside)
    assert [indexed(root) for root in outer] == [walked(root) for root in outer] != before


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_copy_has_an_index_of_its_own(copied: Callable[[Module], Module]) -> None:
    model = Holder()
    indexed(model)
    other = copied(model)
    assert indexed(other) == walked(other)
    assert not {id(field) for field in indexed(other).values()} & {
        id(field) for field in indexed(model).values()
    }


def test_an_index_does_not_keep_its_tree_alive() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    model.parameters()
    seen = weakref.ref(model)
    gc.disable()
    try:
        del model
        assert seen() is None
    finally:
        gc.enable()
