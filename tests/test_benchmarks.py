"""The benchmarks' table can be built, and plaingrad does the same work there as PyTorch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from benchmarks.contenders import CONTENDERS, EAGER, JAX, OURS
from benchmarks.race import Result, load, strays
from benchmarks.steps import verdict
from benchmarks.workloads import WORKLOADS, Workload


def small(workload: Workload) -> tuple[Workload, np.ndarray, np.ndarray]:
    """The workload with thin layers and 50 rows of noise, which no whole number of batches fills."""
    sizes = (*(min(size, 7) for size in workload.sizes[:-1]), workload.sizes[-1])
    random = np.random.default_rng(0)
    x = random.standard_normal((50, sizes[0]), dtype=np.float32)
    y = random.integers(sizes[-1], size=50)
    targets = np.eye(sizes[-1], dtype=np.float32)[y] if workload.loss == "mse" else y
    return replace(workload, sizes=sizes, batch_size=min(workload.batch_size, 16)), x, targets


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda workload: workload.name)
def test_plaingrad_reaches_the_loss_of_pytorch(workload: Workload) -> None:
    work, x, y = small(workload)
    start, losses = work.start(), []
    for name in (OURS, EAGER):
        contender = load(name)(work, x, y, start)
        for _ in range(2):  # each time from the start
            contender.train(5, shuffle=False)
            losses.append(work.loss_of(contender.weights(), x, y))
    assert losses == pytest.approx([losses[0]] * 4, rel=1e-5)
    assert losses[0] < 0.999 * work.loss_of(start, x, y)


def test_work_is_counted_by_hand() -> None:
    work = replace(WORKLOADS[0], sizes=(2, 3, 4), batch_size=5)
    assert work.flops == 2 * 5 * (2 * 2 * 3 + 3 * 3 * 4)
    assert (work.steps(10), work.steps(11)) == (2, 3)


def test_other_work_is_found_and_never_meets_a_bar() -> None:
    found = {name: Result(loss=1.0) for name in CONTENDERS}
    for name, seconds in ((OURS, 1.0), (EAGER, 8.0), (JAX, 2.0)):
        found[name].timing.seconds.append(seconds)
    assert strays(found) == set()
    assert verdict(found, EAGER, 8) == "8 (8 to 8) / 8: met"
    assert verdict(found, JAX, 3) == "2 (2 to 2) / 3: **missed**"
    found[OURS].loss = 0.9
    assert strays(found) == {OURS}
    assert "missed" in verdict(found, EAGER, 8)
    found[OURS].loss = np.nan
    assert strays(found) == {OURS}
    found[OURS].failure = "ImportError"
    assert verdict(found, EAGER, 8) == "not measured / 8: **missed**"
