"""What would not be trained is refused at the first use, by the name of its field."""

from __future__ import annotations

import pickle
from collections import deque
from dataclasses import dataclass
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from plaingrad import Buffer, Module, ModuleError, Parameter, nn


@dataclass
class Pair:
    """A collection of two."""

    first: Any
    second: Any


class Holding(Module):
    """Holds something in a field."""

    def __init__(self, field: Any) -> None:
        self.field = field

    def forward(self, x: Tensor) -> Tensor:
        return x


class Sharing(Module):
    """Holds modules in fields, and lists of them besides."""

    def __init__(self) -> None:
        self.a, self.b, self.scale = nn.Linear(2, 2), nn.Linear(2, 2), Parameter(torch.ones(2))
        self.both, self.parameters_by_name = [self.a, (self.b,)], {"scale": self.scale}


USES = {
    "forward": lambda module: module.forward(torch.zeros(1)),
    "parameters": lambda module: module.parameters(),
    "state_dict": lambda module: module.state_dict(),
    "zero_grad": lambda module: module.zero_grad(),
    "train": lambda module: module.train(),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
@pytest.mark.parametrize(
    ("field", "problem"),
    [
        (
            [nn.Linear(2, 2)],
            "a Linear in a plain collection, where it would not be trained or saved; use nn.Mod",
        ),
        ({"a": (nn.ReLU(),)}, "a ReLU in a plain collection"),
        ((Parameter(torch.ones(1)),), "a Parameter in a plain collection, .*; use nn.ParameterList or Param"),
        ([Buffer(torch.ones(1))], "a Buffer in a plain collection"),
        (deque([nn.Linear(2, 2)]), "a Linear in a plain collection"),
        (MappingProxyType({"a": nn.Linear(2, 2)}), "a Linear in a plain collection"),
        (SimpleNamespace(layers=[nn.Linear(2, 2)]), "a Linear in a plain collection"),
        ({nn.Linear(2, 2): 1}, "a Linear in a plain collection"),
        ({"a": nn.Linear(2, 2)}.values(), "a Linear in a plain collection"),
        (Pair(None, Parameter(torch.ones(1))), "a Parameter in a plain collection"),
        (torch.nn.Parameter(torch.ones(1)), "a parameter of torch.nn, .* use plaingrad.Parameter"),
        (torch.nn.Parameter(torch.ones(1), requires_grad=False), "a parameter of torch.nn"),
        ([torch.nn.Linear(2, 2)], "a Linear of torch.nn, .* use plaingrad.interop.from_torch"),
        (torch.ones(1, requires_grad=True), "a tensor that requires grad"),
        (Buffer(torch.nn.Parameter(torch.ones(1))), "a parameter of torch.nn"),
        (Buffer(torch.ones(1, requires_grad=True)), "a tensor that requires grad"),
    ],
)
def test_what_would_not_be_trained_is_refused(field: Any, problem: str, use: Any) -> None:
    with pytest.raises(ModuleError, match=rf"^Holding\(.*\): field 'field' holds {problem}"):
        use(Holding(field))
    inside = nn.Sequential(nn.Identity(), Holding(field))
    with pytest.raises(ModuleError, match=rf"^Sequential\[1\] Holding\(.*\): field 'field' holds {problem}"):
        use(inside)


@pytest.mark.parametrize(
    "field",
    [
        [1, "a", None],
        torch.ones(2),
        [torch.ones(2)],
        {1: torch.ones(1)},
        nn.ModuleList([nn.ReLU()]),
        Buffer(torch.ones(1)),
    ],
)
def test_anything_else_is_taken(field: Any) -> None:
    for use in USES.values():
        use(Holding(field))


def test_a_list_of_what_fields_hold_is_taken() -> None:
    model = nn.Sequential(Sharing())
    assert [name for name, _ in model.named_parameters()] == [
        "0.scale",
        "0.a.weight",
        "0.a.bias",
        "0.b.weight",
        "0.b.bias",
    ]


def test_a_field_that_comes_later_is_looked_at_too() -> None:
    module = Holding(None)
    module.parameters()
    module.late = [nn.Linear(2, 2)]
    with pytest.raises(ModuleError, match="field 'late' holds"):
        module.parameters()


def test_a_module_that_holds_one_around_it_is_refused() -> None:
    child = Holding(None)
    parent = Holding(child)
    child.parent = parent
    with pytest.raises(ModuleError, match="field 'parent' holds a module around it"):
        parent.parameters()


# Collections


class Net(Module):
    def __init__(self) -> None:
        self.layers = nn.ModuleList([nn.Linear(2, 3), nn.Linear(3, 1)])
        self.heads = nn.ModuleDict({"a": nn.Linear(1, 1, bias=False)})
        self.scales = nn.ParameterList([Parameter(torch.ones(1)), Parameter(torch.ones(2))])
        self.named = nn.ParameterDict({"shift": Parameter(torch.zeros(1))})


def test_lists_and_dicts_belong_to_the_network() -> None:
    class Theirs(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = torch.nn.ModuleList([torch.nn.Linear(2, 3), torch.nn.Linear(3, 1)])
            self.heads = torch.nn.ModuleDict({"a": torch.nn.Linear(1, 1, bias=False)})
            self.scales = torch.nn.ParameterList([torch.ones(1), torch.ones(2)])
            self.named = torch.nn.ParameterDict({"shift": torch.zeros(1)})

    ours, theirs = Net(), Theirs()
    ours.load_state_dict(theirs.state_dict())
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert [n for n, _ in ours.named_modules()] == [n for n, _ in theirs.named_modules()]
    assert pickle.loads(pickle.dumps(ours)).layers[1].out_features == 1
    assert "(scales): ParameterList(\n    (0): Parameter(1,)" in repr(ours)


def test_a_module_list_is_a_list() -> None:
    a, b, c, d = (nn.Linear(1, size) for size in (1, 2, 3, 4))
    layers, plain = nn.ModuleList([a, b]), [a, b]
    for change in (
        lambda each: each.append(c),
        lambda each: each.insert(1, d),
        lambda each: each.__setitem__(0, c),
        lambda each: each.pop(),
        lambda each: each.extend([a, b]),
        lambda each: each.__delitem__(slice(1, 3)),
        lambda each: each.__iadd__([d]),
    ):
        change(layers)
        change(plain)
        assert list(layers) == plain
        assert [name for name, _ in layers.named_children()] == [str(i) for i in range(len(plain))]
    assert list(layers[1:]) == plain[1:]
    assert layers[-1] is plain[-1]
    assert list(layers.__add__([a])) == [*plain, a]


def test_a_module_dict_is_a_dict() -> None:
    a, b = nn.ReLU(), nn.Tanh()
    layers = nn.ModuleDict([("a", a)])
    layers["b"] = b
    assert list(layers) == ["a", "b"]
    assert "b" in layers
    assert layers.pop("a") is a
    assert list(layers.items()) == [("b", b)]
    layers.clear()
    assert len(layers) == 0


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: nn.ModuleList().append(torch.nn.ReLU()),
        lambda: nn.ModuleDict({"a.b": nn.ReLU()}),
        lambda: nn.ParameterList().append(torch.ones(1)),
        lambda: nn.ParameterDict({"": Parameter(torch.ones(1))}),
    ],
)
def test_a_collection_refuses_what_does_not_belong_in_it(wrong: Any) -> None:
    with pytest.raises(ModuleError, match="expected a"):
        wrong()


def test_a_collection_may_hold_something_besides() -> None:
    class Stack(nn.ModuleList):
        def __init__(self) -> None:
            super().__init__([nn.ReLU()])
            self.extra, self.scale = nn.Linear(1, 1), Parameter(torch.ones(1))

    assert list(Stack().state_dict()) == ["scale", "extra.weight", "extra.bias"]


def test_a_refused_entry_leaves_the_list_as_it_was() -> None:
    layers = nn.ModuleList([nn.ReLU(), nn.Tanh()])
    with pytest.raises(ModuleError, match="expected a Module"):
        layers[0] = "x"
    assert [type(layer).__name__ for layer in layers] == ["ReLU", "Tanh"]


def test_a_field_that_was_replaced_is_looked_at_again() -> None:
    module = Holding(None)
    module.parameters()
    module.field = [nn.Linear(2, 2)]
    with pytest.raises(ModuleError, match="field 'field' holds"):
        module.parameters()


def test_collections_that_hold_themselves_are_looked_through_once() -> None:
    ring: dict[str, Any] = {"text": "a"}
    ring["ring"] = [ring]
    module = Holding(None)
    module.field = ring
    module.forward(torch.zeros(1))
    ring["layer"] = nn.Linear(2, 2)
    with pytest.raises(ModuleError, match="field 'field' holds a Linear in a plain collection"):
        module.parameters()


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("weight", Parameter(torch.ones(1)), "a Parameter assigned in __init__, got 'weight' shared by all"),
        ("layers", {"a": [nn.ReLU()]}, "a ReLU assigned in __init__, got 'layers' shared by all instances"),
        ("layer", nn.ReLU(), "a ReLU assigned in __init__, got 'layer' shared by all instances"),
        (
            "count",
            Buffer(torch.ones(1)),
            "a Buffer assigned in __init__, got 'count' shared by all",
        ),
        ("__slots__", ("weight",), "fields in __dict__, where they are found, got __slots__"),
    ],
)
def test_a_class_that_hides_what_it_would_train_is_refused(name: str, value: Any, problem: str) -> None:
    with pytest.raises(TypeError, match=f"^Hiding: expected {problem}"):
        type("Hiding", (Module,), {name: value})


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (torch.nn.Parameter(torch.ones(1)), r"a parameter of torch\.nn"),
        ([torch.nn.Linear(1, 1)], r"a Linear of torch\.nn"),
        ((torch.ones(1, requires_grad=True),), "a tensor that requires grad"),
    ],
)
def test_a_class_that_holds_what_pytorch_would_train_is_refused(value: Any, problem: str) -> None:
    with pytest.raises(TypeError, match=f"^Hiding: class attribute 'weights' holds {problem}"):
        type("Hiding", (Module,), {"weights": value})


def test_a_field_that_is_replaced_is_looked_at_again() -> None:
    module = Holding(nn.Linear(1, 1))
    module.forward(torch.zeros(1))
    module.field = torch.nn.Parameter(torch.ones(1))
    with pytest.raises(ModuleError, match=r"field 'field' holds a parameter of torch\.nn"):
        module.forward(torch.zeros(1))


@pytest.mark.parametrize("use", ["parameters", "state_dict"])
def test_a_list_that_has_grown_is_refused(use: str) -> None:
    module = Holding([])
    module.forward(torch.zeros(1))
    module.field.append(nn.Linear(1, 1))
    with pytest.raises(ModuleError, match="field 'field' holds a Linear in a plain collection"):
        USES[use](module)


class Counting(Module):
    """Holds modules of the network around it in a plain list, and notes something new in every forward."""

    def __init__(self, others: list[Module]) -> None:
        self.others, self.calls = others, 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        setattr(self, f"call_{self.calls}", x.shape)
        self.save(None, x)
        return x

    def backward(self, dy: Tensor) -> Tensor:
        self.restore(dy)
        return dy


def test_a_list_that_the_network_around_it_reaches_is_taken_at_every_step() -> None:
    layer = nn.Linear(2, 2)
    model = nn.Sequential(Holding(layer), Counting([layer]))
    for _ in range(3):
        model.forward(torch.ones(4, 2))
    inner = pickle.loads(pickle.dumps(model[1]))
    for alone in (inner, Counting([layer])):
        with pytest.raises(ModuleError, match="field 'others' holds a Linear in a plain collection"):
            alone.forward(torch.ones(4, 2))
    model[0].field = nn.Identity()
    with pytest.raises(ModuleError, match="field 'others' holds a Linear in a plain collection"):
        model.forward(torch.ones(4, 2))


def test_a_module_that_was_taken_out_is_looked_at_alone() -> None:
    model = nn.Sequential(Holding(Counting([])))
    model.forward(torch.ones(4, 2))
    taken, model[0].field = model[0].field, nn.ReLU()
    model[0].junk = [nn.Linear(1, 1)]
    taken.forward(torch.ones(4, 2))
    with pytest.raises(ModuleError, match="field 'junk' holds"):
        model.forward(torch.ones(4, 2))


@pytest.mark.parametrize("names", [("foo",), ("x", "foo"), "x", ["x"]])
def test_differentiable_names_arguments_of_forward(names: Any) -> None:
    with pytest.raises(
        TypeError, match="Scale: expected differentiable as a tuple of arguments of forward, x"
    ):
        type("Scale", (Module,), {"differentiable": names, "forward": lambda self, x, factor=1: x})
    kept: Any = type("Scale", (Module,), {"differentiable": ("x",), "forward": lambda self, x, factor=1: x})
    assert kept.differentiable == ("x",)
    type("Loose", (Module,), {"differentiable": ("y",), "forward": lambda self, **options: 1})
