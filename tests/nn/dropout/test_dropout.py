from __future__ import annotations

import pytest
import torch

from plaingrad import ModuleError, nn


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_same_seed_drops_the_same_elements_as_torch(p: float, dtype: torch.dtype) -> None:
    x, dy = torch.randn(50, 3, dtype=dtype), torch.randn(50, 3, dtype=dtype)
    ours, theirs = nn.Dropout(p), torch.nn.Dropout(p)
    leaf = x.clone().requires_grad_()
    torch.manual_seed(7)
    y, after = ours(x), torch.rand(1)
    torch.manual_seed(7)
    with torch.enable_grad():
        expected = theirs(leaf)
    assert torch.equal(torch.rand(1), after), "drew more or fewer random numbers"
    assert torch.equal(y, expected)
    assert torch.equal(ours.backward(dy), torch.autograd.grad(expected, leaf, dy)[0])


def test_the_extremes() -> None:
    x = torch.tensor([1.0, float("inf"), -1e30])
    assert torch.equal(nn.Dropout(0.0)(x), x)
    assert torch.equal(nn.Dropout(1.0)(x[[0, 2]]), torch.zeros(2))
    for p in (0.0, 0.5, 1.0):
        assert nn.Dropout(p).eval()(x) is x


def test_about_p_of_the_elements_are_dropped_and_the_mean_stays() -> None:
    torch.manual_seed(0)
    y = nn.Dropout(0.25)(torch.ones(10_000))
    assert abs((y == 0).double().mean() - 0.25) < 0.02
    assert set(y.unique().tolist()) == {0.0, torch.tensor(1 / 0.75).item()}


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_what_is_no_probability(p: float) -> None:
    with pytest.raises(ModuleError, match=f"expected p between 0 and 1, got {p}"):
        nn.Dropout(p)
