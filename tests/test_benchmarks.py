"""The benchmarks run from end to end, and all contenders do the same work there."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from benchmarks import contract, fann, layers
from benchmarks.contenders import CONTENDERS, EAGER, EAGER_ANY, JAX, JAX_EXPERT, OURS, PEERS, forms
from benchmarks.eager import ROWS, contenders
from benchmarks.markdown import judged
from benchmarks.measure import Timing
from benchmarks.peak import peak
from benchmarks.race import UNSUITED, Result, Results, strays
from benchmarks.steps import best, verdict
from benchmarks.workloads import WORKLOADS, Workload


@pytest.fixture(autouse=True)
def _as_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is given to torch.compile runs as it is written, for compiling takes minutes."""
    monkeypatch.setattr(torch, "compile", lambda function, **_: function)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize("name", CONTENDERS)
@pytest.mark.parametrize(
    "workload", [WORKLOADS[0], WORKLOADS[1], WORKLOADS[4]], ids=lambda workload: workload.name
)
def test_contenders_reach_the_same_loss(workload: Workload, name: str) -> None:
    try:
        load = CONTENDERS[name].load()
    except ImportError as error:
        pytest.skip(str(error))
    work = workload.small()
    (x, y), start = work.data(), work.start()
    expected = _losses(CONTENDERS[EAGER].load()(work, x, y, start), work, epochs=11)
    losses = _losses(load(work, x, y, start), work, epochs=11)
    assert losses == pytest.approx(expected, rel=1e-5)
    assert losses[0] < 0.999 * work.loss_of(start, x, y)


def _losses(contender: object, work: Workload, epochs: int) -> list[float]:
    """Reached twice, each time from the start."""
    x, y = work.data()
    losses = []
    for _ in range(2):
        contender.train(epochs, shuffle=False)
        losses.append(work.loss_of(contender.weights(), x, y))
        contender.train(1, shuffle=True)
    return losses


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize("name", CONTENDERS)
def test_shuffled_epochs_visit_all_the_data(name: str) -> None:
    """In a batch of everything the order does not matter, unless a sample is left out or comes twice."""
    try:
        load = CONTENDERS[name].load()
    except ImportError as error:
        pytest.skip(str(error))
    work = replace(WORKLOADS[3].small(), batch_size=50)
    (x, y), start = work.data(), work.start()
    contender, losses = load(work, x, y, start), []
    for shuffle in (False, True):
        contender.train(11, shuffle)
        losses.append(work.loss_of(contender.weights(), x, y))
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_eager_engine_reaches_the_loss_of_pytorch(row) -> None:
    losses = [train() for train in contenders(replace(row, epochs=1)).values()]
    assert losses == pytest.approx([losses[0]] * 4, rel=1e-4)


def test_fann_reaches_our_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    path = fann.ctypes.util.find_library("floatfann")
    if path is None:
        pytest.skip("FANN is not installed")
    monkeypatch.setattr(fann, "WORK", replace(fann.WORK, epochs=2))
    monkeypatch.setattr(fann, "EPOCHS", 1)
    monkeypatch.setattr(fann, "REPETITIONS", 1)
    _, losses = fann.compare(path)
    assert losses["FANN"] == pytest.approx(losses["plaingrad"], rel=0.01)


def test_work_is_counted_by_hand() -> None:
    work = replace(WORKLOADS[0], sizes=(2, 3, 4), batch_size=5)
    assert work.flops == 2 * 5 * (2 * 2 * 3 + 3 * 3 * 4)
    assert (work.steps(10), work.steps(11)) == (2, 3)


def test_the_peak_is_above_zero_and_made_of_whole_registers() -> None:
    gigaflops, lanes = peak()
    assert gigaflops > 0
    assert lanes in (4, 8, 16)


def _found(**seconds: float) -> Results:
    found = {name: Result(failure=UNSUITED) for name in CONTENDERS}
    for name, value in seconds.items():
        found[name] = Result(loss=1.0)
        found[name].timing.seconds.append(value)
    return found


def test_bars_are_held_against_the_best_form() -> None:
    found = _found(**{OURS: 1.0, EAGER: 8.0, EAGER_ANY: 6.0, JAX: 3.0, JAX_EXPERT: 4.0})
    assert verdict(found, "PyTorch", 6) == f"6 (6 to 6) / 6: met; {EAGER_ANY}"
    assert verdict(found, "PyTorch", 7) == f"6 (6 to 6) / 7: **missed**; {EAGER_ANY}"
    assert verdict(found, "JAX", 2) == f"3 (3 to 3) / 2: met; {JAX}"
    assert verdict(found, "JAX", None) == f"3 (3 to 3); {JAX}"
    assert verdict(found, "Numba", 7) == "not measured / 7: **missed**"


def test_other_work_is_found_and_is_never_best_nor_meets_a_bar() -> None:
    found = _found(**{OURS: 1.0, EAGER: 8.0, EAGER_ANY: 6.0, JAX: 2.0})
    assert strays(found) == set()
    found[EAGER_ANY].loss = 1.1
    assert strays(found) == {EAGER_ANY}
    assert best(found, "PyTorch") == EAGER
    found[JAX].loss = np.nan
    assert best(found, "JAX") is None
    found[OURS].loss = 0.9
    assert strays(found) == {OURS, EAGER_ANY, JAX}
    assert "missed" in verdict(found, "PyTorch", 8)
    found[OURS].failure = "ImportError"
    assert verdict(found, "PyTorch", 8) == "not measured / 8: **missed**"


def test_the_contract_is_timed_with_its_guard_and_without() -> None:
    for name, methods in contract.contenders().items():
        is_guarded = not name.endswith(("unguarded", "in a list"))
        assert [hasattr(method, "_is_guarded") for method in methods] == [is_guarded] * 2


def test_costs_of_the_contract_are_differences_within_a_repetition() -> None:
    microseconds = {
        "0 in a list": [1, 2, 70],
        "0 unguarded": [4, 5, 73],
        "3 in a list": [1, 80, 3],
        "3 unguarded": [10, 89, 12],
        "3": [12, 91, 0],
    }
    timings = {name: Timing([each * 1e-6 for each in values]) for name, values in microseconds.items()}
    assert contract.call(timings, "3") == pytest.approx(1)
    assert contract.tensor(timings, 3) == pytest.approx(2)
    assert contract.within(0.3, 0.3) == "0.30 / 0.3: met"
    assert contract.within(0.31, 0.3) == "0.31 / 0.3: **missed**"


def test_a_row_without_bar_has_no_verdict() -> None:
    assert judged((2.0, 1.0, 3.0), None) == "2 (1 to 3)"


def test_libraries_are_told_apart_and_the_usual_form_comes_first() -> None:
    assert {form for peer in PEERS for form in forms(peer)} == {*CONTENDERS} - {*forms("plaingrad")}
    assert (forms("PyTorch")[0], forms("JAX")[0]) == (EAGER, JAX)


def test_sections_run_from_end_to_end(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "BENCH_QUICK": str(tmp_path),
        "TORCHDYNAMO_DISABLE": "1",
        "OPENBLAS_CORETYPE": "Haswell",
    }
    sections = ["steps", "ratios", "products", "contract", "ceiling"]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *sections],
        env=environment, cwd=Path(__file__).parent.parent, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    results = (tmp_path / "RESULTS.md").read_text()
    assert "(other loss!)" not in results
    for title in ("Training steps", "Matrix products", "The contract", "Arithmetic"):
        assert f"## {title}" in results
    assert (tmp_path / "ratios.png").stat().st_size
    assert "[5 of 5, after" in done.stderr


@pytest.mark.parametrize("row", layers.ROWS, ids=lambda row: row.name)
def test_layers_do_the_same_work(row: layers.Row) -> None:
    small = replace(row, size=(2, *row.size[1:]))
    ours, theirs = (work().clone() for work in layers.contenders(small).values())
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4 * theirs.abs().max().item())
