"""One network on several processes: the test starts them and compares what each has in the end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from plaingrad import nn, optim
from plaingrad.errors import InputError
from plaingrad.train import fit_many
from plaingrad.train.callbacks import Average
from train.ranks import processes
from train.ranks.expectations import expect_close, expect_history_of_all, expect_same
from train.ranks.scenarios import STEPS, classes, descent, network, step, train


def simulated(engine: str) -> tuple[nn.Sequential, list[float]]:
    """Two networks, trained in turns and averaged after each epoch; and their mean losses."""
    models = [network(seed=0, normalised=True) for _ in range(2)]
    rules = [optim.Adam(model.parameters(), lr=0.01) for model in models]
    losses = []
    for _ in range(3):
        runs = [
            train(model, classes().shard(rank, 2), rule, epochs=1, shuffle=False, engine=engine)
            for rank, (model, rule) in enumerate(zip(models, rules))
        ]
        losses.append(sum(result["epochs"]["loss"][0] for result in runs) / 2)
        states = [model.state_dict() for model in models]
        mean = {name: ((x + states[1][name]).double() / 2).to(x.dtype) for name, x in states[0].items()}
        for model in models:
            model.load_state_dict(mean)
        vectors = [rule.segments[0][0].state for rule in rules]
        for name in ("exp_avg", "exp_avg_sq"):
            average = (vectors[0][name] + vectors[1][name]) / 2
            for vector in vectors:
                vector[name].copy_(average)
    return models[0], losses


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of two processes, with one for each scenario."""
    return tmp_path_factory.mktemp("together")


@pytest.fixture(scope="module")
def together(folder: Path) -> list[dict[str, Any]]:
    """The results of each scenario in each of the two processes, which start but once."""
    return processes.run("together", folder)


def of(together: list[dict[str, Any]], scenario: str) -> list[Any]:
    """The results of one scenario."""
    return [results[scenario] for results in together]


@pytest.fixture
def rounds(together: list[dict[str, Any]]) -> list[Any]:
    return of(together, "rounds")


@pytest.mark.parametrize("engine", ["eager", "native"])
def test_rounds_are_the_mean_of_what_each_process_trains(rounds: list[Any], engine: str) -> None:
    results = [result[engine] for result in rounds]
    expect_same(results)
    model, losses = simulated(engine)
    expect_close(results[0]["model"], model.state_dict())
    expect_close(results[0]["epochs"]["loss"], losses)
    assert results[0]["engine"] == engine
    assert results[0]["reason"] == "asked for, in each of 2 processes"


@pytest.fixture
def rounds_of_steps(together: list[dict[str, Any]]) -> list[Any]:
    return of(together, "rounds_of_steps")


@pytest.mark.parametrize("engine", ["eager", "native"])
def test_rounds_of_one_step_are_those_of_the_doubled_batch(rounds_of_steps: list[Any], engine: str) -> None:
    """For plain gradient descent, whose mean step is that of the mean gradient."""
    results = [result[engine, 1] for result in rounds_of_steps]
    expect_same(results)
    assert results[0]["engine"] == engine
    expect_close(results[0]["model"], descent(engine, batch_size=8)["model"])


@pytest.mark.parametrize("engine", ["eager", "native"])
def test_rounds_longer_than_an_epoch_end_with_it(rounds_of_steps: list[Any], engine: str) -> None:
    for result in rounds_of_steps:
        expect_close(result[engine, 99]["model"], result[engine, None]["model"], 0.0)


def test_rounds_of_three_steps_are_the_same_in_both_engines(rounds_of_steps: list[Any]) -> None:
    """Six steps an epoch: the first round ends in its middle, the second with it."""
    for engine in ("eager", "native"):
        expect_same([result[engine, 3] for result in rounds_of_steps])
    eager, native = (rounds_of_steps[0][engine, 3]["model"] for engine in ("eager", "native"))
    expect_close(native, eager)
    name = "0.weight"
    others = [rounds_of_steps[0]["eager", size]["model"][name] for size in (1, None)]
    assert all(not torch.allclose(eager[name], other, rtol=1e-6) for other in others)


def test_the_history_is_that_of_all(rounds: list[Any]) -> None:
    expect_history_of_all(rounds[0]["eager"], rows=46)


def test_a_round_of_two_epochs(together: list[dict[str, Any]]) -> None:
    results = of(together, "longer_rounds")
    expect_same(results)
    first, other = (result["seen"] for result in results)
    assert [torch.equal(a, b) for a, b in zip(first, other)] == [False, True, True]
    assert all(result["is_frozen"] for result in results)


@pytest.mark.parametrize("name", STEPS)
def test_a_shared_gradient_is_that_of_the_doubled_batch(together: list[dict[str, Any]], name: str) -> None:
    results, alone = [result[name] for result in of(together, "steps")], step(name, alone=True)
    expect_same(results)
    for part in ("model", "optimizer"):
        expect_close(results[0][part], alone[part])
    columns = {"decay": ["loss", "penalty"], "weights": [], "ignored": []}
    for column in columns.get(name, ["loss"]):
        expect_close(results[0]["epochs"][column], alone["epochs"][column])


def test_schedules_and_callbacks_see_the_same_and_one_process_writes(
    together: list[dict[str, Any]], folder: Path
) -> None:
    results = of(together, "plateau")
    expect_same(results)
    assert [result["files"] for result in results] == [["best.safetensors", "log.csv"], []]
    assert (folder / "plateau" / "out0" / "log.csv").read_text().count("\n") == len(
        results[0]["epochs"]["loss"]
    ) + 1
    assert results[0]["epochs"]["lr"][-1] < 0.5


def test_only_networks_that_all_have_are_the_best_or_written(
    together: list[dict[str, Any]], folder: Path
) -> None:
    results = of(together, "best")
    for name in ("first", "last"):
        expect_same([result[name] for result in results])
        ran = len(results[0][name]["epochs"]["loss"])
        settled = {epoch for epoch in range(1, ran + 1) if epoch % 3 == 0 or epoch == 10}
        assert results[0][name]["best_epoch"] + 1 in settled
        assert {path.name for path in (folder / "best").glob(f"{name}-*")} == {
            f"{name}-{epoch}.safetensors" for epoch in settled
        }


def test_all_end_after_the_same_epoch(together: list[dict[str, Any]]) -> None:
    results = of(together, "stopped")
    for name, epochs in (("pressed", 2), ("stopped", 3)):
        assert [len(result[name]["epochs"]["loss"]) for result in results] == [epochs, epochs]
        expect_same([result[name] for result in results])
    assert [result["pressed"]["stopped"] for result in results] == ["interrupted in epoch 2"] * 2
    assert [result["stopped"]["stopped"] for result in results] == ["enough", "another process has stopped"]


def test_what_cannot_be_shared_is_refused_by_all(together: list[dict[str, Any]]) -> None:
    first, other = of(together, "refused")
    batches = "Average: expected data, for every='step' or every_n_steps, got batches that come from outside"
    expected = {
        "network": "Average: expected the same networks in all processes, got others",
        "epochs": "Average: expected the same epochs and metrics in all processes, got others",
        "optimizer": "Average: expected the same optimizers in all processes, got others",
        "closure": "Average: expected an optimizer that makes one step of a gradient, got LBFGS",
        "every": "Average: expected the same arguments of Average in all processes, got others",
        "batches": batches,
        "long batches": batches,
        "updates": "Average: expected the same numbers of rows (data.shard() makes equal shares) in all "
        "processes, got others",
        "native": "engine 'native' cannot run this: Average is called before each update",
    }
    for result in (first, other):
        for name in ("diverged", "diverged in a round"):
            assert result.pop(name).startswith("TrainingDiverged: training diverged in epoch 1")
        assert result.pop("after all") == "trained"
        assert result == {name: f"InputError: {message}" for name, message in expected.items()}


@pytest.mark.usefixtures("together")
def test_processes_part_before_python_ends(folder: Path) -> None:
    """A process that ends with its connections open ends with an abort, at times."""
    assert [(folder / "parted" / f"connected{rank}").read_text() for rank in range(2)] == ["False"] * 2


@pytest.mark.parametrize("scenario", ["lost", "silent"])
def test_a_process_that_loses_another_ends_with_one_line(scenario: str, tmp_path: Path) -> None:
    (code, text), (other, _) = processes.outcomes(scenario, tmp_path, hang=scenario == "silent")
    assert other != 0
    assert code == 1
    line = text.strip().splitlines()[-1]
    assert "RanksLost: process 0 of 2 has lost another one, and ends (" in line
    assert ".cc:" not in line


def test_a_single_process_is_as_without(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    results = []
    for callbacks in ([], [Average()], [Average(every="step")]):
        model = network()
        rule = optim.SGD(model.parameters(), lr=0.1)
        result = train(model, classes().shard(), rule, engine="native", callbacks=callbacks)
        result["epochs"].pop("seconds")
        results.append(result)
    expect_same(results)
    assert results[1]["reason"] == results[0]["reason"]


@pytest.mark.parametrize("every", [0, -1, 1.5, True, "batch", None])
def test_other_rounds_are_refused(every: Any) -> None:
    with pytest.raises(ValueError, match="every"):
        Average(every)
    with pytest.raises(ValueError, match="every_n_steps"):
        Average(every_n_steps=0 if every is None else every)
    with pytest.raises(InputError, match=r"^Average: expected every or every_n_steps, got 2 and 10$"):
        Average(2, every_n_steps=10)
    with pytest.raises(ValueError, match="timeout"):
        Average(timeout=0)


def test_it_is_for_one_network() -> None:
    models = [network(), network()]
    rules = [optim.SGD(model.parameters(), lr=0.1) for model in models]
    options = {"loss": nn.CrossEntropyLoss(), "optimizers": rules, "epochs": 1, "batch_size": 4}
    with pytest.raises(InputError, match=r"^callbacks: expected none that joins processes, .* got Average$"):
        fit_many(models, classes(), callbacks=[[Average()], []], **options)  # type: ignore[arg-type]


SCRIPT = """
import torch
from train.ranks.scenarios import RANK, going_on

torch.save(going_on({0: 3, 1: 4}), f"{RANK}.pt")
"""


def torchrun(folder: Path, restarts: int) -> list[Any]:
    """The results of the script, whose processes all start again when one has died."""
    (folder / "script.py").write_text(SCRIPT)
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [sys.executable, *command, "--max-restarts", str(restarts), "script.py"],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert not (folder / "checkpoint").exists()
    return [torch.load(folder / f"{rank}.pt", weights_only=False) for rank in range(2)]


def test_torchrun_starts_it_again_and_it_goes_on(together: list[dict[str, Any]], tmp_path: Path) -> None:
    """Either process dies once, the second before its fifth epoch.

    No epoch that is complete in all processes is trained twice, and the bits are those of a whole run.
    """
    resumed = torchrun(tmp_path, restarts=2)
    assert all((tmp_path / f"died-{rank}").exists() for rank in range(2))
    epochs = [(tmp_path / f"epochs-{rank}").read_text().split() for rank in range(2)]
    # The one that did not die may have begun the epoch in which the other did.
    assert epochs[0] in (list("012345"), list("0123445"))
    assert epochs[1] in (list("012345"), list("0123345"))
    results = [*of(together, "whole"), *resumed]
    for result in results:
        result["epochs"].pop("seconds", None)
    expect_same(results)
    log = (tmp_path / "log.csv").read_text().splitlines()
    assert [line.partition(",")[0] for line in log] == ["epoch", *"123456"]
