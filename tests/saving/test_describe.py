from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from conformance.case import Case
from conformance.table import CASES
from interop.rows import every_case, examples, outputs, row
from plaingrad import nn
from plaingrad.interop import build, describe
from plaingrad.module import Module, ModuleError, flatten_parameters
from plaingrad.parameter import Buffer, Parameter
from plaingrad.saving.arguments import arguments, holds_state
from plaingrad.saving.build import DEEPEST, MOST_MODULES


@every_case
@examples
@given(data=st.data())
def test_a_described_module_is_built_again(case: Case, data: st.DataObject) -> None:
    module, inputs = row(case, data)
    description = json.loads(json.dumps(describe(module), allow_nan=False))
    again = build(description)
    assert describe(again) == description
    again.load_state_dict(module.state_dict())
    for training in (True, False):
        found, wanted = (outputs(each.train(training), inputs) for each in (again, module))
        for y, expected in zip(found, wanted, strict=True):
            torch.testing.assert_close(y, expected, rtol=0, atol=0, equal_nan=True)


def test_the_calls_read_as_people_write_them() -> None:
    network = nn.Sequential(
        nn.Conv2d(3, 8, (3, 3), bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2), nn.Softmax(dim=-1)
    )
    assert repr(build(describe(network))) == repr(network)


def test_one_quantile_for_each_column_stays_one_for_each() -> None:
    assert build(describe(nn.QuantileLoss((0.5, 0.5)))).quantile == (0.5, 0.5)


def test_a_description_is_as_the_page_of_the_format_says() -> None:
    shared = nn.Linear(2, 2, dtype=torch.float64)
    network = nn.Sequential({"in": shared, "skip": nn.Residual(shared, nn.Dropout(0.1))})
    linear = {"in_features": 2, "out_features": 2, "bias": True, "dtype": "float64"}
    assert describe(network) == {
        "class": "Sequential",
        "arguments": {},
        "children": [
            {"name": "in", "class": "Linear", "arguments": linear},
            {
                "name": "skip",
                "class": "Residual",
                "arguments": {},
                "children": [
                    {"name": "0", "shared": "in"},
                    {"name": "1", "class": "Dropout", "arguments": {"p": 0.1}},
                ],
            },
        ],
    }
    again = build(describe(network))
    assert again[0] is again[1][0]
    assert list(again.state_dict()) == list(network.state_dict())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_dtypes_are_kept(dtype: torch.dtype) -> None:
    network = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.PReLU(3), nn.LayerNorm(3)).to(dtype)
    network = nn.Sequential(nn.Embedding(4, 2, dtype=dtype), network)
    kinds = [value.dtype for value in build(describe(network)).state_dict().values()]
    assert kinds == [value.dtype for value in network.state_dict().values()]


def test_a_frozen_table_stays_frozen() -> None:
    table = nn.Embedding.from_pretrained(torch.ones(3, 2), padding_idx=-1)
    again = build(describe(table))
    assert again.weight.frozen
    assert again.padding_idx == 2


def test_frozen_parameters_are_listed_and_stay_frozen() -> None:
    shared = nn.Linear(3, 3)
    tables = nn.ColumnEmbedding(3, {1: (4, 1), 0: (2, 1)})
    network = nn.Sequential({"in": tables, "skip": nn.Residual(shared, nn.BatchNorm1d(3)), "again": shared})
    assert "frozen" not in describe(network)
    tables.columns[1].freeze()
    shared.bias.frozen = network[1][1].weight.frozen = True
    description = describe(network)
    assert description["frozen"] == ["in.tables.1.weight", "skip.0.bias", "skip.1.weight"]
    again = build(json.loads(json.dumps(description)))
    assert [n for n, p in again.named_parameters() if p.frozen] == description["frozen"]
    assert describe(again) == description
    assert "frozen" not in describe(again.unfreeze())


@pytest.mark.parametrize("freeze", [True, False])
def test_a_table_that_was_described_as_frozen_among_the_arguments_is_frozen(freeze: bool) -> None:
    arguments = {"num_embeddings": 3, "embedding_dim": 2, "_freeze": freeze}
    table = {"name": "0", "class": "Embedding", "arguments": arguments}
    network = build({"class": "Sequential", "children": [table]})
    assert describe(network).get("frozen", []) == ["0.weight"] * freeze
    assert "_freeze" not in describe(network)["children"][0]["arguments"]


def test_notes_of_one_s_own_do_not_matter() -> None:
    assert describe(swapped(nn.ReLU(), "note", "first")) == describe(nn.ReLU())


CHANGED: dict[str, tuple[Callable[[], Module], str, Any]] = {
    "Dropout": (nn.Dropout, "p", 0.3),
    "Softplus": (nn.Softplus, "beta", 2.0),
    "BatchNorm1d": (lambda: nn.BatchNorm1d(3), "momentum", None),
    "LayerNorm": (lambda: nn.LayerNorm(3), "eps", 0.1),
    "Embedding": (lambda: nn.Embedding(3, 2), "max_norm", 0.5),
    "Hardtanh": (lambda: nn.Hardtanh(min_value=-2.0, max_value=2.0), "max_val", 3.0),
    "MaxPool2d": (lambda: nn.MaxPool2d(2), "ceil_mode", True),
    "QuantileLoss": (lambda: nn.QuantileLoss((0.1, 0.2)), "quantile", (0.3, 0.4)),
    "Parallel": (lambda: nn.Parallel(nn.ReLU()), "combine", "concat"),
}


@pytest.mark.parametrize("name", CHANGED)
def test_an_attribute_counts_as_it_is_now(name: str) -> None:
    make, field, value = CHANGED[name]
    assert getattr(build(describe(swapped(make(), field, value))), field) == value


@pytest.mark.parametrize("case", [case for case in CASES if not case.random], ids=repr)
@examples
@given(data=st.data())
def test_changed_attributes_are_kept_or_refused(case: Case, data: st.DataObject) -> None:
    module, inputs = row(case, data)
    other, _ = row(case, data)
    names = arguments(type(module)).keys() & vars(module).keys()
    name = data.draw(st.sampled_from(sorted(names or {"training"})))
    assume(not holds_state([getattr(module, name), getattr(other, name)]))
    setattr(module, name, getattr(other, name))
    state = copy.deepcopy(module.state_dict())  # which a forward may move
    try:
        expected = outputs(module, inputs)
    except (ModuleError, RuntimeError, TypeError):  # this value and the inputs do not go together
        return
    try:
        again = build(describe(module))
    except ValueError:
        return
    again.load_state_dict(state)
    for y, wanted in zip(outputs(again, inputs), expected, strict=True):
        torch.testing.assert_close(y, wanted, rtol=0, atol=0, equal_nan=True)


def test_parameters_in_one_buffer_are_described_alike() -> None:
    network = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    description = describe(network)
    flatten_parameters(network)
    assert describe(network) == description


class Own(nn.Linear):
    pass


def swapped(module: Module, name: str, value: object) -> Module:
    setattr(module, name, value)
    return module


def changed_inside(module: nn.ColumnEmbedding) -> Module:
    module.columns[0].max_norm = 1.0
    return module


def own_container() -> Module:
    return swapped(nn.Sequential(nn.ReLU()), "extra", nn.ReLU())


REFUSED: dict[str, tuple[Callable[[], Module], str]] = {
    "a class of one's own": (
        lambda: nn.Sequential(nn.ReLU(), nn.Residual({"mine": Own(3, 3)})),
        r"^Sequential\[1\]\.Residual\[mine\] Own: expected a class of plaingrad.nn, got",
    ),
    "a size that was changed": (
        lambda: swapped(nn.Linear(2, 3), "in_features", 4),
        r"expected 'weight' to be a Parameter \(3, 4\) of torch.float32, got a Parameter \(3, 2\)",
    ),
    "a parameter of one's own": (
        lambda: swapped(nn.ReLU(), "extra", Parameter(torch.ones(2))),
        "'extra' is no part of its class",
    ),
    "a parameter made a buffer": (
        lambda: swapped(nn.Linear(1, 1), "weight", Buffer(torch.ones(1, 1))),
        "got a Buffer",
    ),
    "a module beside a layer": (
        lambda: nn.Sequential(swapped(nn.ReLU(), "extra", nn.ReLU())),
        "Sequential: '0.extra' is no part of its class",
    ),
    "a module beside the children": (own_container, "expected no modules besides its children"),
    "an argument of a strange type": (
        lambda: swapped(nn.ELU(), "alpha", torch.ones(())),
        "ELU: expected alpha to be a number, got",
    ),
    "an argument that is not finite": (
        lambda: swapped(nn.ELU(), "alpha", float("nan")),
        "ELU: expected alpha to be a number, got 'nan'",
    ),
    "what was derived from an argument that was changed": (
        lambda: nn.Sequential(swapped(nn.Conv2d(1, 1, 3), "padding", (1, 1))),
        r"Sequential: expected '0\.margins' to be \[\"Margin\(axis=-2, .*, got \[\]",
    ),
    "an argument as no constructor leaves it": (
        lambda: swapped(nn.Embedding(3, 2), "padding_idx", -1),
        "Embedding: expected 'padding_idx' to be 2, got -1",
    ),
    "a layer inside a layer": (
        lambda: changed_inside(nn.ColumnEmbedding(1, {0: (3, 2)})),
        r"ColumnEmbedding: expected 'tables\.0\.max_norm' to be None, got 1\.0",
    ),
    "a method of one's own": (
        lambda: swapped(nn.ReLU(), "forward", torch.abs),
        "ReLU: expected 'forward' to be",
    ),
    "an integer dtype": (
        lambda: nn.CrossEntropyLoss(weight=torch.ones(3, dtype=torch.int64)),
        "expected weight to be the shape and dtype of a tensor or null, got",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_description_would_do_justice_to_is_refused(name: str) -> None:
    make, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        describe(make())


def nested(levels: int) -> Any:
    description: Any = {"class": "ReLU"}
    for _ in range(levels):
        description = {"class": "Sequential", "children": [{"name": "0", **description}]}
    return description


def test_limits_are_limits() -> None:
    assert sum(1 for _ in build(nested(DEEPEST)).modules()) == DEEPEST + 1
    with pytest.raises(ValueError, match="at most 64 levels"):
        build(nested(DEEPEST + 1))
    children = [{"name": str(i), "class": "ReLU"} for i in range(MOST_MODULES)]
    assert len(build({"class": "Sequential", "children": children[1:]})) == MOST_MODULES - 1
    with pytest.raises(ValueError, match="at most 10,000 modules"):
        build({"class": "Sequential", "children": children})


def test_a_recurrent_network_has_so_many_layers() -> None:
    arguments = {"input_size": 1, "hidden_size": 2, "num_layers": 3}
    assert len(build({"class": "GRU", "arguments": arguments}).parameters()) == 12
    with pytest.raises(
        ValueError, match="GRU: expected num_layers to be an integer up to 1,000, got 2000000000"
    ):
        build({"class": "GRU", "arguments": {**arguments, "num_layers": 2 * 10**9}})
