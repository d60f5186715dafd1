from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from torch.utils.data import DataLoader

from plaingrad import data
from plaingrad.data import Dataset
from plaingrad.errors import InputError


def numbered(n: int = 7) -> Dataset:
    return Dataset(torch.arange(2.0 * n).reshape(n, 2), torch.arange(n), ["a", "b"])


def test_an_integer_gives_one_sample() -> None:
    x, t = numbered()[2]
    assert x.tolist() == [4.0, 5.0]
    assert t == 2
    assert numbered()[-1][1] == 6
    assert numbered()[torch.tensor(3)][1] == 3
    for index in (7, -8):
        with pytest.raises(IndexError, match=rf"expected a sample from -7 to 6, got {index}"):
            numbered()[index]


@pytest.mark.parametrize("index", [slice(1, 5, 2), slice(None, None, -3), torch.tensor([3, 1]), [0, 0]])
def test_several_indices_give_a_data_set(index: object) -> None:
    part = numbered()[index]
    expected = torch.arange(7).numpy()[index]
    assert isinstance(part, Dataset)
    assert part.targets.tolist() == expected.tolist()
    assert part.inputs[:, 0].tolist() == (2 * expected).tolist()
    assert part.feature_names == ["a", "b"]


def test_it_iterates_over_its_samples() -> None:
    assert [int(t) for _, t in numbered()] == list(range(7))


def test_a_loader_of_pytorch_takes_it() -> None:
    sizes = [(tuple(x.shape), tuple(t.shape)) for x, t in DataLoader(numbered(), batch_size=3)]
    assert sizes == [((3, 2), (3,)), ((3, 2), (3,)), ((1, 2), (1,))]


def test_several_inputs_and_sparse_ones() -> None:
    several = Dataset({"a": torch.arange(3.0), "b": torch.ones(3, 2)}, (torch.arange(3), torch.zeros(3)))
    x, t = several[1]
    assert x["a"] == 1
    assert x["b"].tolist() == [1, 1]
    assert t[0] == 1
    sparse = Dataset.of((csr_array([[0.0, 2.0], [1.0, 0.0]]), [0, 1]))
    assert sparse[1][0].tolist() == [1.0, 0.0]


def test_batches_in_order() -> None:
    batches = list(numbered().batches(3))
    assert [t.tolist() for _, t in batches] == [[0, 1, 2], [3, 4, 5], [6]]
    assert batches[1][0][:, 0].tolist() == [6.0, 8.0, 10.0]


def test_shuffled_batches_have_every_sample_once() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first, again = (
        torch.cat([t for _, t in numbered(100).batches(8, shuffle=True, seed=1)]) for _ in range(2)
    )
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(first, again)
    assert sorted(first.tolist()) == list(range(100)) != first.tolist()
    one, two = (torch.cat([t for _, t in numbered(100).batches(8, shuffle=True)]) for _ in range(2))
    assert not torch.equal(one, two)


def test_inputs_and_targets_stay_together() -> None:
    for x, t in data.moons(50, seed=0).batches(7, shuffle=True, seed=3):
        assert len(x) == len(t)
    for x, t in numbered(50).batches(7, shuffle=True, seed=3):
        assert torch.equal(x[:, 0], 2.0 * t)


@pytest.mark.parametrize("size", [0, -1, 2.5])
def test_a_wrong_size_is_refused_at_once(size: object) -> None:
    with pytest.raises(InputError, match="size: expected"):
        numbered().batches(size)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [torch.tensor, np.array, list])
def test_a_mask_chooses_samples(kind: Any) -> None:
    part = numbered()[kind([False, True, True, False, False, False, True])]
    assert part.targets.tolist() == [1, 2, 6]
    assert part.inputs.tolist() == [[2, 3], [4, 5], [12, 13]]
    data = Dataset({"a": torch.arange(3.0)[:, None]}, torch.arange(3))
    assert data[kind([True, False, True])].inputs["a"].tolist() == [[0], [2]]


def test_a_mask_of_another_length_is_refused() -> None:
    with pytest.raises(IndexError, match=r"expected a mask \(7,\) for the samples, got \(2,\)"):
        numbered()[[True, False]]
    with pytest.raises(InputError, match="expected at least one sample, got none"):
        numbered()[[False] * 7]
