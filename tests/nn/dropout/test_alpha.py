from __future__ import annotations

import pytest
import torch

from plaingrad import ModuleError, nn


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("name", ["AlphaDropout", "FeatureAlphaDropout"])
def test_the_same_seed_gives_the_numbers_of_torch(name: str, p: float) -> None:
    ours, theirs, x = getattr(nn, name)(p), getattr(torch.nn, name)(p), torch.randn(50, 3, 2)
    torch.manual_seed(7)
    y, after = ours(x), torch.rand(1)
    torch.manual_seed(7)
    torch.testing.assert_close(y, theirs(x))
    assert torch.equal(torch.rand(1), after), "drew more or fewer random numbers"


def test_mean_and_variance_stay() -> None:
    y = nn.AlphaDropout(0.3)(torch.randn(100_000))
    assert abs(y.mean()) < 0.02
    assert abs(y.var() - 1) < 0.02


def test_half_precision_is_rounded_once() -> None:
    x = torch.randn(100).half()
    torch.manual_seed(1)
    y = nn.AlphaDropout()(x)
    torch.manual_seed(1)
    kept = torch.empty(100).half().bernoulli_(0.5).double()
    s, a = 1.7580993408473766, (0.5 * (1 + 0.5 * 1.7580993408473766**2)) ** -0.5
    assert torch.equal(y, (a * (x.double() * kept - s * (1 - kept) + s * 0.5)).half())


def test_features_need_an_axis_of_channels() -> None:
    with pytest.raises(ModuleError, match=r"expected input \(batch, channels, \*\), got \(3,\)"):
        nn.FeatureAlphaDropout()(torch.ones(3))
    assert nn.FeatureAlphaDropout().eval()(torch.ones(3)).tolist() == [1, 1, 1]
