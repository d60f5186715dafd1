from __future__ import annotations

import pytest
import scipy.sparse
import torch

from plaingrad.data import Dataset
from plaingrad.data.sparse import from_scipy


def numbers(n: int) -> Dataset:
    x = torch.arange(n, dtype=torch.float64)
    return Dataset(x.unsqueeze(1), x)


@pytest.mark.parametrize("contiguous", [False, True])
@pytest.mark.parametrize(("n", "size"), [(12, 3), (13, 3), (14, 3), (5, 5), (7, 1)])
def test_shares_are_disjoint_and_of_one_length(n: int, size: int, contiguous: bool) -> None:
    shares = [numbers(n).shard(rank, size, contiguous) for rank in range(size)]
    assert {len(share) for share in shares} == {n // size}
    samples = sorted(number for share in shares for number in share.targets.tolist())
    assert samples == list(range(n - n % size))
    assert all(torch.equal(share.inputs[:, 0], share.targets) for share in shares)


def test_consecutive_samples_are_a_view_and_others_take_turns() -> None:
    data = numbers(7)
    assert data.shard(1, 3).targets.tolist() == [1, 4]
    assert data.shard(1, 3, contiguous=True).targets.tolist() == [2, 3]
    view = data.shard(1, 3, contiguous=True).inputs
    assert view.untyped_storage().data_ptr() == data.inputs.untyped_storage().data_ptr()


def test_several_inputs_and_sparse_ones() -> None:
    x = from_scipy(scipy.sparse.eye(6))
    share = Dataset(x, torch.arange(6)).shard(1, 2)
    assert torch.equal(share.inputs.to_dense(), torch.eye(6, dtype=torch.float64)[1::2])
    share = Dataset({"a": torch.eye(6), "b": torch.ones(6, 1)}, torch.arange(6)).shard(0, 2)
    assert torch.equal(share.inputs["a"], torch.eye(6)[::2])


def test_torchrun_says_which_share(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    assert len(numbers(6).shard()) == 6
    monkeypatch.setenv("RANK", "1")
    assert len(numbers(6).shard()) == 6
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert numbers(6).shard().targets.tolist() == [1, 3, 5]
    assert numbers(6).shard(0).targets.tolist() == [0, 2, 4]
    assert numbers(6).shard(world_size=3).targets.tolist() == [1, 4]


@pytest.mark.parametrize(("rank", "size"), [("2", "2"), ("x", "2"), ("-1", "2"), ("0", "0")])
def test_variables_that_are_no_rank_are_refused(
    monkeypatch: pytest.MonkeyPatch, rank: str, size: str
) -> None:
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setenv("WORLD_SIZE", size)
    with pytest.raises(ValueError, match="RANK, WORLD_SIZE: expected a rank below"):
        numbers(6).shard()


@pytest.mark.parametrize(
    ("rank", "size", "message"),
    [
        (2, 2, "rank: expected an integer from 0 to 1, got 2"),
        (-1, 2, "rank: expected an integer"),
        (True, 2, "rank: expected an integer"),
        (0.0, 2, "rank: expected an integer"),
        (0, 0, "world_size: expected a positive integer"),
        (0, 7, "shard: expected at least one sample for each of 7 processes, got 6"),
    ],
)
def test_shares_that_there_are_not_are_refused(rank: object, size: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        numbers(6).shard(rank, size)  # type: ignore[arg-type]
