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
def rounds(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    return processes.run("rounds", tmp_path_factory.mktemp("rounds"))


@pytest.mark.parametrize("engine", ["eager", "native"])
def test_rounds_are_the_mean_of_what_each_process_trains(rounds: list[Any], engine: str) -> None:
    results = [result[engine] for result in rounds]
    expect_same(results)
    model, losses = simulated(engine)
    expect_close(results[0]["model"], model.state_dict())
    expect_close(results[0]["epochs"]["loss"], losses)
    assert results[0]["engine"] == engine
    assert results[0]["reason"] == "asked for, in each of 2 processes"


@pytest.fixture(scope="module")
def rounds_of_steps(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    return processes.run("rounds_of_steps", tmp_path_factory.mktemp("steps"))


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


def test_a_round_of_two_epochs(tmp_path: Path) -> None:
    results = processes.run("longer_rounds", tmp_path)
    expect_same(results)
    first, other = (result["seen"] for result in results)
    assert [torch.equal(a, b) for a, b in zip(first, other)] == [False, True, True]
    assert all(result["is_frozen"] for result in results)


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    return processes.run("steps", tmp_path_factory.mktemp("steps"))


@pytest.mark.parametrize("name", STEPS)
def test_a_shared_gradient_is_that_of_the_doubled_batch(steps: list[Any], name: str) -> None:
    results, alone = [result[name] for result in steps], step(name, alone=True)
    expect_same(results)
    for part in ("model", "optimizer"):
        expect_close(results[0][part], alone[part])
    columns = {"decay": ["loss", "penalty"], "weights": [], "ignored": []}
    for column in columns.get(name, ["loss"]):
        expect_close(results[0]["epochs"][column], alone["epochs"][column])


def test_schedules_and_callbacks_see_the_same_and_one_process_writes(tmp_path: Path) -> None:
    results = processes.run("plateau", tmp_path)
    expect_same(results)
    assert [result["files"] for result in results] == [["best.safetensors", "log.csv"], []]
    assert (tmp_path / "out0" / "log.csv").read_text().count("\n") == len(results[0]["epochs"]["loss"]) + 1
    assert results[0]["epochs"]["lr"][-1] < 0.5


def test_only_networks_that_all_have_are_the_best_or_written(tmp_path: Path) -> None:
    results = processes.run("best", tmp_path)
    for name in ("first", "last"):
        expect_same([result[name] for result in results])
        ran = len(results[0][name]["epochs"]["loss"])
        settled = {epoch for epoch in range(1, ran + 1) if epoch % 3 == 0 or epoch == 10}
        assert results[0][name]["best_epoch"] + 1 in settled
        assert {path.name for path in tmp_path.glob(f"{name}-*")} == {
            f"{name}-{epoch}.safetensors" for epoch in settled
        }


def test_all_end_after_the_same_epoch(tmp_path: Path) -> None:
    results = processes.run("stopped", tmp_path)
    for name, epochs in (("pressed", 2), ("stopped", 3)):
        assert [len(result[name]["epochs"]["loss"]) for result in results] == [epochs, epochs]
        expect_same([result[name] for result in results])
    assert [result["pressed"]["stopped"] for result in results] == ["interrupted in epoch 2"] * 2
    assert [result["stopped"]["stopped"] for result in results] == ["enough", "another process has stopped"]


def test_what_cannot_be_shared_is_refused_by_all(tmp_path: Path) -> None:
    first, other = processes.run("refused", tmp_path)
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


def test_processes_part_before_python_ends(tmp_path: Path) -> None:
    """A process that ends with its connections open ends with an abort, at times."""
    processes.run("parted", tmp_path)
    assert [(tmp_path / f"connected{rank}").read_text() for rank in range(2)] == ["False"] * 2


@pytest.mark.parametrize("scenario", ["lost", "silent"])
def test_a_process_that_loses_another_ends_with_one_line(scenario: str, tmp_path: Path) -> None:
    (code, text), (other, _) = processes.outcomes(scenario, tmp_path)
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
import os
from pathlib import Path
import torch
from train.ranks.scenarios import RANK, classes, network, train
from plaingrad import optim
from plaingrad.train.callbacks import Average, Callback, CSVLogger, EarlyStopping

class Die(Callback):
    def on_epoch_begin(self, epoch, logs):
        if epoch == 3 and RANK == DYING and not Path("died").exists():
            Path("died").write_text("in the fourth epoch")
            os._exit(3)
        with open(f"epochs-{RANK}", "a") as file:
            print(epoch, file=file)

model = network(normalised=True)
rule = optim.Adam(model.parameters(), lr=0.02)
logger, stopping = CSVLogger("log.csv"), EarlyStopping("loss", patience=9)
callbacks = [logger, stopping, Average(), Die()]
result = train(
    model, classes().shard(), rule, epochs=6, callbacks=callbacks, checkpoint="checkpoint", checkpoint_every=0
)
torch.save({**result, "best": stopping.best}, f"{RANK}.pt")
"""


def torchrun(folder: Path, dying: int) -> list[Any]:
    """The results of the script, one of whose processes may die, after which both are started again."""
    folder.mkdir()
    (folder / "script.py").write_text(SCRIPT.replace("DYING", str(dying)))
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--max-restarts", "1"]
    done = subprocess.run(
        [sys.executable, *command, "script.py"],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert not (folder / "checkpoint").exists()
    return [torch.load(folder / f"{rank}.pt", weights_only=False) for rank in range(2)]


@pytest.mark.parametrize("dying", [0, 1])
def test_torchrun_starts_it_again_and_it_goes_on(dying: int, tmp_path: Path) -> None:
    """No epoch that is complete in all processes is trained twice, and the bits are those of a whole run."""
    whole, resumed = torchrun(tmp_path / "whole", -1), torchrun(tmp_path / "parts", dying)
    assert (tmp_path / "parts" / "died").exists()
    epochs = [(tmp_path / "parts" / f"epochs-{rank}").read_text().split() for rank in range(2)]
    assert epochs[dying] == list("012345")
    assert epochs[1 - dying] in (list("012345"), list("0123345"))
    for result in (*whole, *resumed):
        result["epochs"].pop("seconds")
    expect_same([*whole, *resumed])
    log = (tmp_path / "parts" / "log.csv").read_text().splitlines()
    assert [line.partition(",")[0] for line in log] == ["epoch", *"123456"]
