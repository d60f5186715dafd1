from __future__ import annotations

import pytest
import torch

from plaingrad import ModuleError, nn


def test_sizes_are_kept_as_a_tuple_that_is_not_empty() -> None:
    assert nn.RMSNorm(3).normalized_shape == (3,)
    assert nn.RMSNorm([2, 3]).normalized_shape == (2, 3)
    with pytest.raises(ModuleError, match="expected a normalized_shape of at least one axis"):
        nn.RMSNorm([])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_the_default_eps_is_that_of_torch(dtype: torch.dtype) -> None:
    x = torch.tensor([1e-3, -2e-3, 1e-3], dtype=dtype)
    torch.testing.assert_close(nn.RMSNorm(3, dtype=dtype)(x), torch.nn.RMSNorm(3, dtype=dtype)(x).detach())


def test_an_input_that_does_not_fit() -> None:
    with pytest.raises(ModuleError, match=r"expected input \(\*, 2, 3\) of torch.float32, got \(3, 2\)"):
        nn.RMSNorm([2, 3])(torch.ones(3, 2))
