"""Whatever the native engine trains becomes what the eager engine makes of it, to rounding."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from functools import partial

import pytest
import torch

from plaingrad import optim
from train.native.networks import (
    ACTIVATIONS,
    RULES,
    Made,
    Training,
    dense,
    disagreement,
    random_training,
)
from train.native.scripts import script

NETWORKS = int(os.environ.get("PLAINGRAD_NETWORKS", "60"))
DTYPES = (torch.float64, torch.float32)


@pytest.fixture(scope="module", autouse=True)
def quick_compiler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The compiler as it is, but for less optimisation, which takes a third of the time."""
    path = script(tmp_path_factory.mktemp("bin") / "cxx", f'exec {shutil.which("c++")} "$@" -O1')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CXX", str(path))
        yield


def expect_parity(training: Training, *dtypes: torch.dtype) -> None:
    """After one step and after 200."""
    for dtype in dtypes:
        for steps in (1, 200):
            found = disagreement(training, dtype, steps)
            worst = max(found, key=lambda name: found[name])
            assert found[worst] <= 1, f"{worst} after {steps} steps of {dtype}: {found[worst]:.3g}"


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations(activation: Made) -> None:
    layers = (*dense(3, 17, between=activation), activation, activation, *dense(17, 2))
    expect_parity(Training(layers, 3, 2), torch.float64)


@pytest.mark.parametrize("rule", RULES)
def test_rules(rule: tuple[type[optim.Optimizer], dict[str, object]]) -> None:
    kind, options = rule
    training = Training(dense(3, 17, 2), 3, 2, optimizer=partial(kind, **options), groups=({}, {"lr": 0.001}))
    expect_parity(training, torch.float64)


@pytest.mark.parametrize("seed", range(NETWORKS))
def test_random_networks(seed: int) -> None:
    training, dtype = random_training(seed)
    expect_parity(training, dtype)
