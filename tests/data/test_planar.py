import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from effort import draws
from plaingrad import data
from plaingrad.data import Dataset

BALANCED = [data.circles, data.moons, data.spirals, data.xor, data.checkerboard, data.gaussians]
EVERY = [data.disc, *BALANCED, data.plane]

every_set = pytest.mark.parametrize("make", EVERY, ids=lambda make: make.__name__)
counts = st.integers(1, 60)
seeds = st.integers(0, 2**63 - 1)
few = settings(max_examples=draws(20), deadline=None)


def radius(points: Tensor) -> Tensor:
    return points.square().sum(1).sqrt()


def off_circle(points: Tensor, centre: tuple[float, float], r: float) -> float:
    return float((radius(points - torch.tensor(centre)) - r).abs().max())


@every_set
@few
@given(n=counts, seed=seeds)
def test_shapes_types_and_names(make: Callable[..., Dataset], n: int, seed: int) -> None:
    found = make(n, seed=seed)
    assert found.inputs.shape == (n, 2)
    assert found.inputs.dtype == torch.float32
    assert found.feature_names == ["x1", "x2"]
    if make is data.plane:
        assert (found.targets.shape, found.targets.dtype) == ((n, 1), torch.float32)
    else:
        assert (found.targets.shape, found.targets.dtype) == ((n,), torch.int64)
        assert 0 <= found.targets.min() <= found.targets.max() < len(found.class_names)


@every_set
@few
@given(n=counts, seed=seeds)
def test_a_seed_decides_every_bit_and_leaves_the_global_generator_alone(
    make: Callable[..., Dataset], n: int, seed: int
) -> None:
    before = torch.get_rng_state()
    first, second = make(n, 0.1, seed), make(n, 0.1, seed)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first.inputs, second.inputs)
    assert torch.equal(first.targets, second.targets)
    assert not torch.equal(make(n, 0.1, (seed + 1) % 2**63).inputs, first.inputs)


@every_set
def test_without_a_seed_the_global_generator_decides(make: Callable[..., Dataset]) -> None:
    torch.manual_seed(3)
    first, second = make(20), make(20)
    torch.manual_seed(3)
    assert torch.equal(make(20).inputs, first.inputs)
    assert not torch.equal(first.inputs, second.inputs)


@pytest.mark.parametrize("make", BALANCED, ids=lambda make: make.__name__)
@few
@given(n=counts, seed=seeds)
def test_classes_are_balanced_within_one(make: Callable[..., Dataset], n: int, seed: int) -> None:
    found = make(n, seed=seed)
    frequency = torch.bincount(found.targets, minlength=len(found.class_names))
    assert frequency.max() - frequency.min() <= 1


@pytest.mark.parametrize("make", [data.spirals, data.gaussians], ids=lambda make: make.__name__)
@few
@given(n=counts, classes=st.integers(1, 6), seed=seeds)
def test_any_number_of_classes(make: Callable[..., Dataset], n: int, classes: int, seed: int) -> None:
    found = make(n, seed=seed, classes=classes)
    frequency = torch.bincount(found.targets, minlength=classes)
    assert len(frequency) == len(found.class_names) == classes
    assert frequency.max() - frequency.min() <= 1


def test_the_classes_of_the_disc_are_equally_likely() -> None:
    found = data.disc(200_000, seed=0)
    inside = radius(found.inputs - 0.5) < 1 / math.sqrt(2 * math.pi)
    assert torch.equal(found.targets, inside.long())
    assert abs(found.targets.double().mean() - 0.5) < 4 * 0.5 / math.sqrt(200_000)
    assert 0 <= found.inputs.min() < 1e-4
    assert 1 - 1e-4 < found.inputs.max() < 1


def test_circles_lie_on_their_radii() -> None:
    found = data.circles(100, noise=0, seed=0)
    assert off_circle(found.inputs[found.targets == 0], (0, 0), 1) < 1e-6
    assert off_circle(found.inputs[found.targets == 1], (0, 0), 0.5) < 1e-6


def test_moons_are_half_circles_about_their_centres() -> None:
    found = data.moons(100, noise=0, seed=0)
    upper, lower = found.inputs[found.targets == 0], found.inputs[found.targets == 1]
    assert off_circle(upper, (0, 0), 1) < 1e-6
    assert off_circle(lower, (1, 0.5), 1) < 1e-6
    assert upper[:, 1].min() >= 0
    assert lower[:, 1].max() <= 0.5


def test_spirals_wind_by_their_radius() -> None:
    found = data.spirals(100, noise=0, seed=0, classes=3)
    r = radius(found.inputs)
    angle = 2 * math.pi * (1.5 * r + found.targets / 3)
    assert 0.1 <= r.min() < r.max() <= 1.0001
    torch.testing.assert_close(found.inputs, r[:, None] * torch.stack([angle.cos(), angle.sin()], 1))


def test_xor_is_told_by_the_signs() -> None:
    found = data.xor(500, seed=0)
    assert torch.equal(found.targets == 1, found.inputs.prod(1) < 0)
    assert len({tuple(row) for row in found.inputs.sign().tolist()}) == 4


def test_checkerboard_fields_alternate_and_all_occur() -> None:
    found = data.checkerboard(2000, seed=0)
    field = (found.inputs * 4).floor()
    assert torch.equal(found.targets, field.sum(1).long() % 2)
    assert {tuple(row) for row in field.tolist()} == {(i, j) for i in range(4) for j in range(4)}


def test_gaussians_surround_their_centres() -> None:
    found = data.gaussians(40_000, noise=0.3, seed=0, classes=4)
    for k, centre in enumerate([(1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0)]):
        cloud = found.inputs[found.targets == k]
        torch.testing.assert_close(cloud.mean(0), torch.tensor(centre), atol=0.02, rtol=0)
        torch.testing.assert_close(cloud.std(0), torch.full((2,), 0.3), atol=0.02, rtol=0)


def test_noise_moves_points_after_they_got_their_class() -> None:
    quiet, loud = data.disc(2000, 0.0, seed=1), data.disc(2000, 0.1, seed=1)
    assert torch.equal(quiet.targets, loud.targets)
    assert abs((loud.inputs - quiet.inputs).std() - 0.1) < 0.01


def test_the_plane_is_the_one_that_is_promised() -> None:
    exact, noisy = data.plane(2000, 0.0, seed=1), data.plane(2000, 0.5, seed=1)
    x1, x2 = exact.inputs.T
    torch.testing.assert_close(exact.targets[:, 0], 1 + 2 * x1 - x2)
    assert abs((noisy.targets - exact.targets).std() - 0.5) < 0.05


@every_set
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "expected a whole number n of at least 1, got 0"),
        ({"n": 3.5}, "expected a whole number n of at least 1, got 3.5"),
        ({"seed": 3.5}, "expected a whole number or None as seed, got 3.5"),
        ({"noise": -0.1}, "expected noise of at least 0, got -0.1"),
        ({"noise": math.nan}, "expected noise of at least 0, got nan"),
    ],
)
def test_bad_arguments_are_refused(
    make: Callable[..., Dataset], arguments: dict[str, float], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{make.__name__}: {message}$"):
        make(**arguments)


def test_no_classes_are_refused() -> None:
    with pytest.raises(ValueError, match="gaussians: expected a whole number of at least 1 classes, got 0"):
        data.gaussians(classes=0)
