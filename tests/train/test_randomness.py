from __future__ import annotations

import pytest
import torch

from plaingrad.train.randomness import seeded

CPU = torch.device("cpu")


@pytest.mark.parametrize("seed", [0, 1, 2**63 - 1])
def test_order_and_modules_draw_from_different_streams(seed: int) -> None:
    with seeded(seed, CPU) as (order, _):
        assert not torch.equal(torch.randperm(100, generator=order), torch.randperm(100))


def test_a_seed_gives_both_streams_and_leaves_the_global_one_alone() -> None:
    before = torch.get_rng_state()
    draws = []
    for _ in range(2):
        with seeded(3, CPU) as (order, masks):
            draws.append((torch.rand(4, generator=order).tolist(), torch.rand(4).tolist(), masks))
        assert torch.equal(torch.get_rng_state(), before)
    assert draws[0] == draws[1]


def test_without_a_seed_the_global_generator_governs() -> None:
    def drawn() -> tuple[list[float], int]:
        with torch.random.fork_rng([]):
            torch.manual_seed(5)
            with seeded(None, CPU) as (order, masks):
                return torch.rand(4, generator=order).tolist(), masks

    assert drawn() == drawn()
