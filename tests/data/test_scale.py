import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from effort import draws
from plaingrad.data import Dataset, Scale, standardized

sizes = st.integers(2, 30)
seeds = st.integers(0, 2**32 - 1)


def random_dataset(n: int, columns: int, seed: int) -> Dataset:
    generator = torch.Generator().manual_seed(seed)
    scale = 10 ** (4 * torch.rand(columns, generator=generator) - 2)
    shift = 100 * torch.randn(columns, generator=generator)
    inputs = shift + scale * torch.randn(n, columns, generator=generator)
    return Dataset(inputs.double(), torch.zeros(n, dtype=torch.int64), [f"c{i}" for i in range(columns)])


@settings(max_examples=draws(50), deadline=None)
@given(n=sizes, other=sizes, columns=st.integers(1, 5), seed=seeds)
def test_the_training_set_decides(n: int, other: int, columns: int, seed: int) -> None:
    train, test = random_dataset(n, columns, seed), random_dataset(other, columns, seed + 1)
    scaled_train, scaled_test = standardized(train, test)
    zeros, ones = torch.zeros(columns).double(), torch.ones(columns).double()
    torch.testing.assert_close(scaled_train.inputs.mean(0), zeros, atol=1e-6, rtol=0)
    torch.testing.assert_close(scaled_train.inputs.std(0, correction=0), ones)
    mean, deviation = train.inputs.mean(0), train.inputs.std(0, correction=0)
    torch.testing.assert_close(scaled_test.inputs, (test.inputs - mean) / deviation)
    assert torch.equal(scaled_test.targets, test.targets)
    assert scaled_test.feature_names == test.feature_names


@settings(max_examples=draws(50), deadline=None)
@given(n=sizes, columns=st.integers(1, 5), seed=seeds)
def test_undo_is_the_inverse(n: int, columns: int, seed: int) -> None:
    samples = random_dataset(n, columns, seed).inputs
    scale = Scale.of(samples)
    torch.testing.assert_close(scale.undo(scale.apply(samples)), samples)


def test_a_constant_column_becomes_zero() -> None:
    train = Dataset(torch.tensor([[0.1, 1.0], [0.1, 2.0], [0.1, 4.0]]), torch.zeros(3, dtype=torch.int64))
    test = Dataset(torch.tensor([[0.6, 1.0]]), torch.zeros(1, dtype=torch.int64))
    scaled_train, scaled_test = standardized(train, test)
    assert scaled_train.inputs[:, 0].tolist() == [0, 0, 0]
    assert scaled_test.inputs[0, 0] == 0.5


def test_a_small_deviation_about_a_large_mean_survives_in_float32() -> None:
    samples = torch.tensor([[1e6], [1e6 + 1], [1e6 + 2]])
    found = Scale.of(samples).apply(samples)
    torch.testing.assert_close(found[:, 0], torch.tensor([-1.0, 0.0, 1.0]) * (3 / 2) ** 0.5)


def test_the_dtype_of_the_inputs_is_kept() -> None:
    data = Dataset(torch.tensor([[1.0], [2.0]]), torch.tensor([0, 1]))
    assert standardized(data)[0].inputs.dtype == torch.float32


@pytest.mark.parametrize("size", [4e306, 1e200, 1e-200, 1e-310])
def test_columns_of_any_scale_are_standardised(size: float) -> None:
    column = torch.tensor([[k * size] for k in range(40)], dtype=torch.float64)
    found = Scale.of(column).apply(column)
    expected = (torch.arange(40).double() - 19.5)[:, None] / (1599 / 12) ** 0.5
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


def test_a_deviation_too_small_for_a_float_gives_no_infinity() -> None:
    column = torch.zeros(100, 1, dtype=torch.float64)
    column[0] = 5e-324
    assert Scale.of(column).apply(column).isfinite().all()
