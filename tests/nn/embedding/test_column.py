from __future__ import annotations

import re
from typing import Any

import pytest
import torch

from plaingrad import ModuleError, nn


def layer(dtype: torch.dtype = torch.float64) -> nn.ColumnEmbedding:
    torch.manual_seed(0)
    return nn.ColumnEmbedding(4, {3: (5, 2), 1: (3, 1)}, dtype=dtype)


X = torch.tensor([[0.5, 2, -1.5, 4], [0.25, 0, 3.5, 0], [1.0, 2, 0.0, 1]], dtype=torch.float64)


def test_columns_pass_first_and_vectors_follow_in_the_order_of_the_columns() -> None:
    module = layer()
    y = module(X)
    assert (module.passed, module.out_features) == ([0, 2], 5)
    assert list(module.state_dict()) == ["tables.1.weight", "tables.3.weight"]
    first, second = (table.weight.value for table in module.columns.values())
    wanted = torch.cat([X[:, [0, 2]], first[[2, 0, 2]], second[[4, 0, 1]]], 1)
    assert torch.equal(y, wanted)


def test_the_gradient_goes_to_what_passes_and_to_the_rows_looked_up() -> None:
    module = layer()
    dy = torch.randn(3, 5, dtype=torch.float64)
    module(X)
    dx = module.backward(dy)
    assert torch.equal(dx[:, [0, 2]], dy[:, :2])
    assert not dx[:, [1, 3]].any()
    first, second = (table.weight.grad for table in module.columns.values())
    torch.testing.assert_close(first, torch.stack([dy[1, 2:3], 0 * dy[0, 2:3], dy[0, 2:3] + dy[2, 2:3]]))
    assert torch.equal(second, torch.stack([dy[1, 3:], dy[2, 3:], *[0 * dy[0, 3:]] * 2, dy[0, 3:]]))


def test_a_table_of_codes_alone() -> None:
    module = nn.ColumnEmbedding(2, {0: (2, 3), 1: (2, 3)}, dtype=torch.float64)
    y = module(torch.ones(4, 2, dtype=torch.float64))
    assert y.shape == (4, 6)
    assert torch.equal(module.backward(y), torch.zeros(4, 2, dtype=torch.float64))


def test_an_empty_batch() -> None:
    module = layer()
    assert module(X[:0]).shape == (0, 5)
    assert module.backward(torch.zeros(0, 5, dtype=torch.float64)).shape == (0, 4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize(
    ("code", "told"),
    [
        (5.0, "5.0"),
        (-1.0, "-1.0"),
        (0.5, "0.5"),
        (1e30, "1.0000000150474662e+30|1e+30"),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        (float("-inf"), "-inf"),
    ],
)
def test_what_is_no_code_is_told_with_its_column(code: float, told: str, dtype: torch.dtype) -> None:
    net, x = nn.Sequential(layer(dtype), nn.Linear(5, 2, dtype=dtype)), X.to(dtype, copy=True)
    x[2, 3] = code
    with pytest.raises(ModuleError) as error:
        net(x)
    told_by = "Sequential[0] ColumnEmbedding(4, {3: (5, 2), 1: (3, 1)})"
    problems = [f"expected whole numbers from 0 to 4 in column 3, got {x} at [2, 3]" for x in told.split("|")]
    assert str(error.value) in [f"{told_by}: {problem}" for problem in problems]
    assert not any(module._saved for module in net.modules())


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((3, {}), "expected at least one column of codes, got none"),
        ((3, {3: (2, 2)}), "expected columns from 0 to 2, got 3"),
        ((3, {-1: (2, 2)}), "expected columns from 0 to 2, got -1"),
        ((3, {1: (0, 2)}), "expected (num_embeddings, embedding_dim) of column 1 positive, got (0, 2)"),
        ((3, {1: (2, 0)}), "expected (num_embeddings, embedding_dim) of column 1 positive, got (2, 0)"),
    ],
)
def test_arguments_that_make_no_sense(arguments: tuple[Any, ...], problem: str) -> None:
    with pytest.raises(ModuleError, match=re.escape(problem)):
        nn.ColumnEmbedding(*arguments)


@pytest.mark.usefixtures("without_annotations")
@pytest.mark.parametrize(
    "x",
    [torch.zeros(2, 3, dtype=torch.float64), torch.zeros(2, 4), torch.zeros(4, dtype=torch.int64)],
    ids=["columns", "dtype", "integers"],
)
def test_inputs_that_do_not_fit(x: torch.Tensor) -> None:
    with pytest.raises(ModuleError, match=r"expected input \(\*, 4\) of torch.float64, got"):
        layer()(x)


def test_the_tables_can_be_drawn_anew_and_moved() -> None:
    module = layer()
    before = [table.weight.value.clone() for table in module.columns.values()]
    module.reset_parameters()
    assert not any(torch.equal(a, table.weight.value) for a, table in zip(before, module.columns.values()))
    assert module.to(torch.float32)(X.float()).dtype == torch.float32
