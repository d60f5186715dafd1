from __future__ import annotations

import re
from typing import Any

import pytest
import torch

from plaingrad import ModuleError, nn


@pytest.mark.parametrize("index", [-1, 5, 2**40])
@pytest.mark.parametrize("options", [{}, {"max_norm": 1.0}])
def test_an_index_outside_of_the_table(index: int, options: dict[str, Any]) -> None:
    net = nn.Sequential(nn.Embedding(5, 2, **options))
    before = net[0].weight.value.clone()  # type: ignore[union-attr]
    with pytest.raises(ModuleError, match=re.escape(f"expected indices from 0 to 4, got {index}")) as error:
        net(torch.tensor([[0, 1], [index, 2]]))
    assert str(error.value).startswith("Sequential[0] Embedding(5, 2")
    assert torch.equal(net[0].weight.value, before)  # type: ignore[union-attr]


@pytest.mark.usefixtures("without_annotations")
@pytest.mark.parametrize("dtype", [torch.float32, torch.int16, torch.bool])
def test_what_is_no_index(dtype: torch.dtype) -> None:
    with pytest.raises(ModuleError, match=f"expected indices of torch.int64 or torch.int32, got {dtype}"):
        nn.Embedding(5, 2)(torch.zeros(3, dtype=dtype))


def test_arguments_that_make_no_sense() -> None:
    with pytest.raises(ModuleError, match="sparse=True asks for sparse gradients; these are dense"):
        nn.Embedding(5, 2, sparse=True)
    for index in (5, -6):
        with pytest.raises(ModuleError, match=f"expected padding_idx from -5 to 4, got {index}"):
            nn.Embedding(5, 2, padding_idx=index)


def test_padding_starts_at_zero_and_stays_there() -> None:
    layer = nn.Embedding(4, 3, padding_idx=-1)
    assert layer.padding_idx == 3
    assert not layer.weight.value[3].any()
    assert layer.weight.value[:3].all()
    y = layer(torch.tensor([3, 0, 3]))
    assert not y[0].any()
    layer.backward(torch.full_like(y, float("inf")))
    assert not layer.weight.grad[3].any()


def test_an_empty_batch() -> None:
    layer = nn.Embedding(4, 3, padding_idx=0, max_norm=1.0, scale_grad_by_freq=True)
    y = layer(torch.zeros(2, 0, dtype=torch.int64))
    assert y.shape == (2, 0, 3)
    assert layer.backward(y) is None
    assert not layer.weight.grad.any()


def test_max_norm_shortens_only_what_is_looked_up() -> None:
    layer = nn.Embedding(3, 2, max_norm=1.0)
    layer.weight.value = torch.tensor([[3.0, 4.0], [0.1, 0.0], [3.0, 4.0]])
    y = layer(torch.tensor([0, 1, 0]))
    torch.testing.assert_close(y, torch.tensor([[0.6, 0.8], [0.1, 0.0], [0.6, 0.8]]))
    torch.testing.assert_close(layer.weight.value, torch.tensor([[0.6, 0.8], [0.1, 0.0], [3.0, 4.0]]))


@pytest.mark.parametrize("freeze", [True, False])
def test_a_given_table_is_copied_and_can_be_frozen(freeze: bool) -> None:
    table = torch.randn(4, 3, dtype=torch.float64)
    torch.manual_seed(0)
    layer = nn.Embedding.from_pretrained(table, freeze, padding_idx=1, scale_grad_by_freq=True)
    theirs = torch.nn.Embedding.from_pretrained(table, freeze, padding_idx=1, scale_grad_by_freq=True)
    assert torch.equal(torch.rand(1), torch.rand(1, generator=torch.Generator().manual_seed(0)))
    assert torch.equal(layer.state_dict()["weight"], theirs.state_dict()["weight"])
    x, dy = torch.tensor([0, 2, 1, 2]), torch.randn(4, 3, dtype=torch.float64)
    assert torch.equal(layer(x), theirs(x))
    assert layer.backward(dy) is None
    assert [p.requires_grad for p in layer.parameters()] == [p.requires_grad for p in theirs.parameters()]
    if not freeze:
        theirs(x).backward(dy)
        torch.testing.assert_close(layer.weight.grad, theirs.weight.grad)
    layer.weight.value += 1
    assert torch.equal(table, theirs.weight)


@pytest.mark.usefixtures("without_annotations")
def test_a_table_that_does_not_fit() -> None:
    with pytest.raises(ModuleError, match=r"expected a table \(5, 3\), got \(2, 2\)"):
        nn.Embedding(5, 3, _weight=torch.zeros(2, 2))
    with pytest.raises(ModuleError, match=r"expected a table \(num_embeddings, embedding_dim\), got \(3,\)"):
        nn.Embedding.from_pretrained(torch.zeros(3))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("options", [{}, {"scale_grad_by_freq": True}])
def test_what_many_rows_add_to_one_is_rounded_once(dtype: torch.dtype, options: dict[str, Any]) -> None:
    layer = nn.Embedding(3, 5, dtype=dtype, **options)
    dy = torch.rand(4096, 5, generator=torch.Generator().manual_seed(0)).to(dtype)
    layer(torch.ones(4096, dtype=torch.int64))
    layer.backward(dy)
    expected = dy.double().mean(0) if options else dy.double().sum(0)
    torch.testing.assert_close(layer.weight.grad[1].double(), expected, rtol=torch.finfo(dtype).eps, atol=0)
    assert not layer.weight.grad[[0, 2]].any()
