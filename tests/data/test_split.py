import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from effort import draws
from plaingrad.data import Dataset, split

seeds = st.integers(0, 2**32 - 1)


def numbered(n: int, classes: int = 0) -> Dataset:
    targets = torch.arange(n) % classes if classes else torch.zeros(n, 1)
    return Dataset(torch.arange(n).view(-1, 1), targets, ["i"], [str(k) for k in range(classes)])


@settings(max_examples=draws(40), deadline=None)
@given(n=st.integers(2, 50), classes=st.integers(0, 5), size=st.floats(0.01, 0.99), seed=seeds)
def test_every_sample_is_in_one_part(n: int, classes: int, size: float, seed: int) -> None:
    data = numbered(n, classes)
    rest, drawn = split(data, size, seed)
    assert torch.cat([rest.inputs, drawn.inputs]).sort(0).values.tolist() == data.inputs.tolist()
    assert len(drawn) == min(max(1, round(size * n)), n - 1)
    for part in (rest, drawn):
        assert torch.equal(part.targets, data.targets[part.inputs[:, 0]])
    again = split(data, size, seed)
    assert torch.equal(again[1].inputs, drawn.inputs)


@settings(max_examples=draws(40), deadline=None)
@given(each=st.integers(5, 20), classes=st.integers(2, 5), seed=seeds)
def test_classes_keep_their_share(each: int, classes: int, seed: int) -> None:
    rest, drawn = split(numbered(each * classes, classes), 0.4, seed)
    for part in (rest, drawn):
        counts = torch.bincount(part.targets, minlength=classes).tolist()
        share = len(part) / classes
        assert all(math.floor(share) <= count <= math.ceil(share) for count in counts)


def test_another_seed_draws_others_and_none_follows_torch() -> None:
    data = numbered(100)
    assert not torch.equal(split(data, 0.5, 1)[1].inputs, split(data, 0.5, 2)[1].inputs)
    torch.manual_seed(1)
    first = split(data, 0.5)[1].inputs
    torch.manual_seed(1)
    assert torch.equal(split(data, 0.5)[1].inputs, first)


@pytest.mark.parametrize("size", [0.0, 1.0, -0.5, math.nan])
def test_a_size_that_is_no_fraction_is_refused(size: float) -> None:
    with pytest.raises(ValueError, match="split: expected a size between 0 and 1"):
        split(numbered(10), size)


def test_a_single_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="split: expected at least two samples, got one"):
        split(numbered(1), 0.5)


def test_a_class_with_one_sample_is_drawn_like_any_other() -> None:
    data = Dataset(torch.zeros(9, 1), torch.tensor([0] * 8 + [1]), ["i"], ["many", "one"])
    rest, drawn = split(data, 0.4, 0)
    assert (len(rest), len(drawn)) == (5, 4)
