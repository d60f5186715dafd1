"""A run that was killed and is started anew ends in the bits of one that never was."""

from __future__ import annotations

import csv
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from optim.rules import NAMES
from plaingrad import fit, inspect, nn, optim
from plaingrad.errors import InputError
from plaingrad.native.lower.rules import RULES
from plaingrad.train import AveragedModel, TrainingDiverged, callbacks
from train.resume.runs import EPOCHS, Killed, Made, expect_equal, interrupted, mixed, outcome, points
from train.small import Noise

engines = pytest.mark.parametrize("engine", ["eager", "native"])
STEPS = EPOCHS * 4
SCHEDULES: dict[str, Callable[[Any], Any]] = {
    "StepLR": lambda o: optim.StepLR(o, 2),
    "MultiStepLR": lambda o: optim.MultiStepLR(o, [1, 4]),
    "ConstantLR": lambda o: optim.ConstantLR(o, 0.5, 3),
    "LinearLR": lambda o: optim.LinearLR(o, total_iters=4),
    "ExponentialLR": lambda o: optim.ExponentialLR(o, 0.8),
    "PolynomialLR": lambda o: optim.PolynomialLR(o, 5),
    "CosineAnnealingLR": lambda o: optim.CosineAnnealingLR(o, 5),
    "CosineAnnealingWarmRestarts": lambda o: optim.CosineAnnealingWarmRestarts(o, 2),
    "LambdaLR": lambda o: optim.LambdaLR(o, lambda epoch: 0.9**epoch),
    "MultiplicativeLR": lambda o: optim.MultiplicativeLR(o, lambda epoch: 0.9),
    "OneCycleLR": lambda o: optim.OneCycleLR(o, 0.05, total_steps=STEPS),
    "CyclicLR": lambda o: optim.CyclicLR(o, 0.001, 0.05, step_size_up=5, cycle_momentum=False),
    "ReduceLROnPlateau": lambda o: optim.ReduceLROnPlateau(o, patience=0, threshold=0.2),
    "SequentialLR": lambda o: optim.SequentialLR(
        o, [optim.ConstantLR(o, 0.1, 2), optim.ExponentialLR(o, 0.9)], [2]
    ),
    "ChainedScheduler": lambda o: optim.ChainedScheduler(
        [optim.ConstantLR(o, 0.1, 2), optim.ExponentialLR(o, 0.9)]
    ),
    "SWALR": lambda o: optim.SWALR(o, 0.001, anneal_epochs=3),
}


def test_every_schedule_has_a_row() -> None:
    classes = [each for each in vars(optim).values() if isinstance(each, type)]
    names = {each.__name__ for each in classes if issubclass(each, optim.Schedule)} - {"Schedule"}
    assert names == SCHEDULES.keys()


@engines
@pytest.mark.parametrize("name", [*NAMES, "LBFGS"])
def test_each_rule(name: str, engine: str, tmp_path: Path) -> None:
    if engine == "native" and getattr(optim, name) not in RULES:
        pytest.skip("the kernels do not know it")

    def rule(params: list[Any]) -> optim.Optimizer:
        kept = [each for each in params if name != "Muon" or each.value.ndim == 2]
        options = {"line_search_fn": "strong_wolfe", "max_iter": 3} if name == "LBFGS" else {"clip_norm": 1.0}
        return getattr(optim, name)(kept, lr=0.02, **options)

    def make() -> Made:
        return mixed(rule, engine=engine)

    expect_equal(interrupted(make, tmp_path / "run", 4), outcome(make()))


@engines
@pytest.mark.parametrize("name", list(SCHEDULES))
def test_each_schedule(name: str, engine: str, tmp_path: Path) -> None:
    def make() -> Made:
        return mixed(
            lambda params: optim.SGD(params, lr=0.05, momentum=0.9),
            engine=engine,
            schedule=SCHEDULES[name],
        )

    expect_equal(interrupted(make, tmp_path / "run", 1, 3), outcome(make()))


class Freezes(callbacks.Callback):
    """Changes the network and a rate in the middle of a run."""

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        if epoch == 2:
            self.run.model[0].freeze()
            self.run.optimizer.param_groups[0]["lr"] *= 0.5


class Anneals(callbacks.Callback):
    """Changes the fields of modules during a run."""

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        self.run.model[3].p *= 0.8
        if epoch == 1:
            self.run.loss.label_smoothing = 0.1


class Best(callbacks.Callback):
    """Remembers the best loss as a callback of one's own does, in fields."""

    def __init__(self) -> None:
        self.best, self.weights, self.losses = float("inf"), {}, []  # type: ignore[var-annotated]
        self.path = Path("no data")

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        self.losses.append(logs["val_loss"])
        if logs["val_loss"] < self.best:
            self.best = logs["val_loss"]
            self.weights = {name: value.clone() for name, value in self.run.model.state_dict().items()}


class Averages(callbacks.Callback):
    """Averages the networks of all epochs, in a network of its own."""

    def on_train_begin(self, logs: dict[str, float]) -> None:
        self.model, self.averaged = self.run.model, AveragedModel(self.run.model)

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        self.averaged.update_parameters(self.model)


CALLBACKS: dict[str, Callable[[Path], callbacks.Callback]] = {
    "Averages": lambda folder: Averages(),
    "EarlyStopping": lambda folder: callbacks.EarlyStopping(patience=2, restore_best_weights=True),
    "ModelCheckpoint": lambda folder: callbacks.ModelCheckpoint(
        folder / "best.safetensors", save_best_only=True
    ),
    "CSVLogger": lambda folder: callbacks.CSVLogger(folder / "log.csv"),
    "TensorBoard": lambda folder: callbacks.TensorBoard(folder / "board"),
    "Health": lambda folder: inspect.Health(8, every=2),
    "Freezes": lambda folder: Freezes(),
    "Anneals": lambda folder: Anneals(),
    "Best": lambda folder: Best(),
}


@engines
@pytest.mark.parametrize("name", list(CALLBACKS))
def test_each_callback(name: str, engine: str, tmp_path: Path) -> None:
    latest: list[callbacks.Callback] = []

    def made_in(folder: Path) -> Callable[[], Made]:
        folder.mkdir()

        def make() -> Made:
            latest[:] = [CALLBACKS[name](folder)]
            return mixed(engine=engine, callbacks=list(latest))

        return make

    whole = outcome(made_in(tmp_path / "whole")())
    expected = latest[0]
    expect_equal(interrupted(made_in(tmp_path / "parts"), tmp_path / "run", 2, 4), whole)
    expect_equal(remembered(latest[0]), remembered(expected))
    for path in (tmp_path / "whole").glob("*.safetensors"):
        same = (tmp_path / "parts" / path.name).read_bytes()
        assert without_times(path.read_bytes()) == without_times(same)


def remembered(callback: callbacks.Callback) -> Any:
    """The state of a callback but for times."""
    return {name: value for name, value in callback.state_dict().items() if name != "seconds"}


def without_times(content: bytes) -> bytes:
    """A file of a model behind its header, which names the seconds of the epoch."""
    return content[8 + int.from_bytes(content[:8], "little") :]


def test_frames_of_the_plane(tmp_path: Path) -> None:
    def make() -> Made:
        frames[:] = [inspect.BoundaryFrames(2, resolution=5)]
        made = mixed(callbacks=list(frames), validation=None)
        made["model"] = nn.Sequential(nn.Linear(2, 2)).to(torch.float64)
        made["optimizer"] = optim.SGD(made["model"].parameters(), lr=0.1)
        x, t = points()
        return made | {"train": (x[:, :2].contiguous(), t)}

    frames: list[inspect.BoundaryFrames] = []
    whole = outcome(make())
    expected = frames[0].state_dict()
    expect_equal(interrupted(make, tmp_path / "run", 3), whole)
    expect_equal(frames[0].state_dict(), expected)


@pytest.mark.parametrize("append", [False, True])
def test_rows_after_the_checkpoint_are_written_once(append: bool, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    if append:
        outcome(mixed(callbacks=[callbacks.CSVLogger(path)]))
    rows = path.read_text().splitlines() if append else []

    def make() -> Made:
        return mixed(callbacks=[callbacks.CSVLogger(path, append=append)])

    with pytest.raises(Killed):
        outcome(make(), tmp_path / "run", 3)
    with path.open("a") as file:
        file.write("4,of an epoch that the checkpoint does not have\n5,ha")
    outcome(make(), tmp_path / "run")
    with path.open() as file:
        written = list(csv.reader(file))
    assert [row[0] for row in written[-EPOCHS:]] == [str(epoch) for epoch in range(1, EPOCHS + 1)]
    assert path.read_text().splitlines()[: len(rows)] == rows
    assert len(written) == (2 * EPOCHS if append else EPOCHS) + 1


def test_modules_that_draw_and_unseeded_runs(tmp_path: Path) -> None:
    def make() -> Made:
        made = mixed(seed=None)
        made["model"] = nn.Sequential(
            nn.Linear(3, 8), Noise(), nn.RReLU(), nn.Dropout(0.2), nn.Linear(8, 2)
        ).to(torch.float64)
        made["optimizer"] = optim.Adam(made["model"].parameters(), lr=0.01)
        return made

    torch.manual_seed(5)
    whole, after = outcome(make()), torch.rand(3)
    torch.manual_seed(5)
    with pytest.raises(Killed):
        outcome(make(), tmp_path / "run", 3)
    torch.manual_seed(6)  # as in another process, which draws another seed
    expect_equal(outcome(make(), tmp_path / "run"), whole)
    assert torch.equal(torch.rand(3), after)


def loader(**options: Any) -> Any:
    return DataLoader(TensorDataset(*points()), batch_size=8, shuffle=True, **options)


def seeded_loader() -> Any:
    return loader(generator=torch.Generator().manual_seed(1))


def draws() -> Iterator[Any]:
    x, t = points()
    for _ in range(4):
        chosen = np.random.permutation(len(x))[:8]
        scale = 1 + random.random()
        yield x[chosen] * scale, t[chosen]


@pytest.mark.parametrize(
    "source", [loader, seeded_loader, lambda: draws], ids=["DataLoader", "with a generator", "function"]
)
@pytest.mark.parametrize("steps", [None, 4, 9])
def test_batches_from_outside(source: Callable[[], Any], steps: int | None, tmp_path: Path) -> None:
    def make() -> Made:
        torch.manual_seed(0)
        np.random.seed(0)
        random.seed(0)
        return mixed(train=source(), batch_size=None, steps_per_epoch=steps, validation=loader(), seed=None)

    expect_equal(interrupted(make, tmp_path / "run", 2, 5), outcome(make()))


def test_an_iterator_goes_on_behind_the_batches_that_were_drawn(tmp_path: Path) -> None:
    def endless() -> Iterator[Any]:
        generator = torch.Generator().manual_seed(0)
        while True:
            x = torch.randn(5, 3, generator=generator, dtype=torch.float64)
            yield x, (x.sum(1) > 0).long()

    def make() -> Made:
        return mixed(train=endless(), batch_size=None, steps_per_epoch=3)

    expect_equal(interrupted(make, tmp_path / "run", 2), outcome(make()))


@engines
def test_an_order_of_ones_own(engine: str, tmp_path: Path) -> None:
    def make() -> Made:
        state = np.random.RandomState(0)
        made = mixed(engine=engine)
        return made | {"shuffle": lambda: state.permutation(30)}

    expect_equal(interrupted(make, tmp_path / "run", 3), outcome(make()))


@engines
def test_weights_of_samples(engine: str, tmp_path: Path) -> None:
    weights = torch.rand(30, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def make() -> Made:
        return mixed(engine=engine, sample_weight=weights)

    whole = outcome(make())
    assert whole[-1] == engine
    expect_equal(interrupted(make, tmp_path / "run", 3), whole)


OTHERS: dict[str, tuple[Callable[[], Made], str]] = {
    "epochs": (lambda: mixed(epochs=7), r"epochs \(7, was 6\)"),
    "batch_size": (lambda: mixed(batch_size=7), r"batch_size \(7, was 8\)"),
    "seed": (lambda: mixed(seed=4), r"seed \(4, was 3\)"),
    "optimizer": (lambda: mixed(lambda p: optim.AdamW(p, lr=0.03)), "optimizer"),
    "rule": (lambda: mixed(lambda p: optim.SGD(p, lr=0.02)), "optimizer"),
    "schedule": (lambda: mixed(schedule=lambda o: optim.StepLR(o, 2)), "schedule"),
    "loss": (lambda: mixed(loss=nn.CrossEntropyLoss(label_smoothing=0.1)), "loss"),
    "class weights": (lambda: mixed(loss=nn.CrossEntropyLoss(torch.ones(2).to(torch.float64))), "loss"),
    "train": (lambda: mixed(train=(points()[0][:30] * 2, points()[1][:30])), "training data"),
    "labels": (lambda: mixed(train=(points()[0][:30], 1 - points()[1][:30])), "training data"),
    "validation": (lambda: mixed(validation=None), "validation"),
    "weights": (lambda: mixed(sample_weight=np.ones(30)), "sample_weight"),
    "engine": (lambda: mixed(engine="native"), r"engine \(native, was auto\)"),
    "metrics": (lambda: mixed(metrics=["error"]), r"metrics \(error, was accuracy\)"),
    "shuffle": (lambda: mixed(shuffle=False), r"shuffle \(False, was True\)"),
    "callbacks": (lambda: mixed(callbacks=[callbacks.EarlyStopping()]), "callbacks"),
    "patience": (lambda: mixed(callbacks=[callbacks.EarlyStopping(patience=3)]), "callbacks"),
}


def another_network(**change: Any) -> Made:
    made = mixed()
    sizes = {"width": 9, "p": 0.3, **change}
    made["model"] = nn.Sequential(
        nn.Linear(3, sizes["width"]),
        nn.BatchNorm1d(sizes["width"]),
        nn.ReLU(),
        nn.Dropout(sizes["p"]),
        nn.Linear(sizes["width"], 2),
    ).to(torch.float64)
    made["optimizer"] = optim.AdamW(made["model"].parameters(), lr=0.02)
    return made


OTHERS["network"] = (another_network, "network")
OTHERS["dropout"] = (lambda: another_network(width=8, p=0.4), "network")


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of a run that died."""
    folder = tmp_path_factory.mktemp("begun")
    with pytest.raises(Killed):
        outcome(mixed(), folder, 2)
    return folder


@pytest.mark.parametrize("name", list(OTHERS))
def test_another_run_is_refused_by_name(name: str, begun: Path) -> None:
    make, problem = OTHERS[name]
    content = (begun / "checkpoint.safetensors").read_bytes()
    with pytest.raises(InputError, match=f"expected the run that this checkpoint is of, got other {problem}"):
        outcome(make(), begun)
    assert (begun / "checkpoint.safetensors").read_bytes() == content


Orders = Callable[[], Any] | str | bool
SETTINGS: dict[str, tuple[tuple[Any, Any], str]] = {
    "step size": ((lambda o: optim.StepLR(o, 2), lambda o: optim.StepLR(o, 3)), "schedule"),
    "nested": (
        (
            lambda o: optim.SequentialLR(o, [optim.ConstantLR(o), optim.StepLR(o, 2)], [3]),
            lambda o: optim.SequentialLR(o, [optim.ConstantLR(o), optim.StepLR(o, 4)], [3]),
        ),
        "schedule",
    ),
    "code": (
        (lambda o: optim.LambdaLR(o, lambda e: 0.9**e), lambda o: optim.LambdaLR(o, lambda e: 0.8**e)),
        "schedule",
    ),
    "blocks": (("blocks", lambda: torch.randperm(30)), "shuffle"),
    "orders": ((lambda: torch.randperm(30), lambda: torch.arange(30)), "shuffle"),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_of_schedules_and_the_code_of_functions_count(name: str, tmp_path: Path) -> None:
    (first, other), argument = SETTINGS[name]
    with pytest.raises(Killed):
        outcome(mixed(**{argument: first}), tmp_path / "run", 2)
    with pytest.raises(InputError, match=f"got other {argument}"):
        outcome(mixed(**{argument: other}), tmp_path / "run")
    outcome(mixed(**{argument: first}), tmp_path / "run")


DESCRIBED = """
from plaingrad.train.resume.fingerprint import described
print(described(lambda epoch: 0.1 if epoch in {"one", "two", "three", "four"} else 1.0))
"""


def test_a_function_is_the_same_in_every_process() -> None:
    """Whatever order a set of words has there."""
    said = {
        subprocess.run(
            [sys.executable, "-c", DESCRIBED],
            env={**os.environ, "PYTHONHASHSEED": str(seed), "PYTHONPATH": os.pathsep.join(sys.path)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in (1, 2, 3)
    }
    assert len(said) == 1


def test_a_share_of_one_process_is_its_data(tmp_path: Path) -> None:
    x, t = points()
    with pytest.raises(Killed):
        outcome(mixed(callbacks=[callbacks.Average()]), tmp_path / "run", 2)
    with pytest.raises(InputError, match="got other training data"):
        outcome(mixed(callbacks=[callbacks.Average()], train=(x[:30], 1 - t[:30])), tmp_path / "run")


@engines
def test_the_same_objects_go_on_after_ctrl_c(engine: str, tmp_path: Path) -> None:
    """Whose learning rate is no more what it was."""
    from train.small import Press

    def made(*more: callbacks.Callback) -> Made:
        return mixed(engine=engine, schedule=lambda o: optim.StepLR(o, 1), callbacks=list(more))

    run = made(Press(1))
    model, train = run.pop("model"), run.pop("train")
    assert len(fit(model, train, **run, checkpoint=tmp_path / "run")) == 2
    run["callbacks"][0].times = 0
    assert len(fit(model, train, **run, checkpoint=tmp_path / "run")) == EPOCHS
    expect_equal(model.state_dict(), outcome(made())[0][0])


class Ends(callbacks.Callback):
    """Ends the run, and has a signal sent in the same epoch."""

    def __init__(self, number: int | None = None) -> None:
        self.number = number

    def state_dict(self) -> dict[str, Any]:
        return {}

    def on_epoch_begin(self, epoch: int, logs: dict[str, float]) -> None:
        if epoch == 2 and self.number is not None:
            signal.raise_signal(self.number)

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        if epoch == 2:
            self.run.stop("enough")


@engines
def test_a_run_that_a_callback_ends_is_over_whatever_signal_comes(engine: str, tmp_path: Path) -> None:
    whole = outcome(mixed(engine=engine, callbacks=[Ends()]))
    assert whole[3] == "enough"
    expect_equal(outcome(mixed(engine=engine, callbacks=[Ends(signal.SIGINT)]), tmp_path / "run"), whole)
    assert not (tmp_path / "run").exists()
    with pytest.raises(SystemExit, match="143"):
        outcome(mixed(engine=engine, callbacks=[Ends(signal.SIGTERM)]), tmp_path / "run")
    assert (tmp_path / "run").exists()
    expect_equal(outcome(mixed(engine=engine, callbacks=[Ends()]), tmp_path / "run"), whole)
    assert not (tmp_path / "run").exists()


def test_a_run_that_diverges_is_over(tmp_path: Path) -> None:
    def make() -> Made:
        return mixed(lambda params: optim.SGD(params, lr=1e200))

    with pytest.raises(TrainingDiverged):
        outcome(make(), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@engines
def test_ctrl_c_keeps_the_checkpoint(engine: str, tmp_path: Path) -> None:
    from train.small import Press

    first = mixed(engine=engine, callbacks=[Press(1)])
    history = fit(first.pop("model"), first.pop("train"), **first, checkpoint=tmp_path, checkpoint_every=1e6)
    assert history.stopped == "interrupted in epoch 2"

    class Press(callbacks.Callback):  # type: ignore[no-redef]
        """In its place."""

    again = mixed(engine=engine, callbacks=[Press()])
    model = again.pop("model")
    history = fit(model, again.pop("train"), **again, checkpoint=tmp_path)
    assert history.stopped == f"all {EPOCHS} epochs done"
    assert len(history) == EPOCHS
    expect_equal(model.state_dict(), outcome(mixed(engine=engine))[0][0])
