from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from native.scripts import script
from plaingrad import nn, optim
from plaingrad.module import ModuleError
from plaingrad.native.engine import NativeEngine
from plaingrad.train import TrainingDiverged
from plaingrad.train.callbacks import Callback, EarlyStopping
from train.small import network, plane, run, values

SIZES = 2, 5, 1
ENGINES = "native", "eager"


def both(fit: Any) -> None:
    """What a function of the engine's name trains is the same in both."""
    native, eager = map(fit, ENGINES)
    for a, b in zip(native, eager, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-13)


def test_data_in_strange_places() -> None:
    x, t = plane(24)
    x, t = x.t().contiguous().t(), t.repeat(2, 2)[::2, 1:]
    assert not x.is_contiguous()
    assert not t.is_contiguous()

    def fit(engine: str) -> list[Tensor]:
        model = network(*SIZES)
        run(model, (x, t), engine=engine)
        return values(model)

    both(fit)


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize(("rows", "batch_size"), [(1, 1), (7, 7), (7, 4)])
def test_few_rows(rows: int, batch_size: int, shuffle: bool) -> None:
    def fit(engine: str) -> list[Tensor]:
        model = network(*SIZES)
        history = run(model, plane(rows), batch_size=batch_size, shuffle=shuffle, engine=engine)
        return [*values(model), torch.tensor(history.loss)]

    both(fit)


class Change(Callback):
    """Changes the optimizer when the second epoch begins."""

    def __init__(self, clip_norm: float | None = None, **options: float) -> None:
        self.clip_norm, self.options = clip_norm, options

    def on_epoch_begin(self, epoch: int, logs: dict[str, float]) -> None:
        if epoch == 1:
            self.run.optimizer.clip_norm = self.clip_norm
            self.run.optimizer.param_groups[0].update(self.options)


@pytest.mark.parametrize(
    "change", [{"lr": 0.2}, {"momentum": 0.9}, {"weight_decay": 0.5}, {"clip_norm": 0.1}, {"lr": 0.0}]
)
def test_options_changed_by_a_callback(change: dict[str, float]) -> None:
    def fit(engine: str) -> list[Tensor]:
        model = network(*SIZES)
        run(model, plane(), epochs=3, engine=engine, callbacks=[Change(**change)])
        return values(model)

    both(fit)
    unchanged = network(*SIZES)
    run(unchanged, plane(), epochs=3, engine="native")
    assert not torch.allclose(fit("native")[0], values(unchanged)[0])


def memory(optimizer: optim.Optimizer) -> list[Tensor]:
    """What the rule remembers of each parameter."""
    return [torch.as_tensor(state[name]) for state in optimizer.state.values() for name in sorted(state)]


class Freeze(Callback):
    """Freezes a layer for the second epoch and, in part, for the third."""

    def on_epoch_begin(self, epoch: int, logs: dict[str, float]) -> None:
        first, second = self.run.model.parameters()[:2]
        first.frozen, second.frozen = epoch in (1, 2), epoch == 1


@pytest.mark.parametrize("rule", [optim.SGD, optim.Adam])
@pytest.mark.parametrize("options", [{}, {"clip_norm": 0.1, "weight_decay": 0.1}])
def test_parameters_frozen_by_a_callback(rule: Any, options: dict[str, float]) -> None:
    frozen: list[list[Tensor]] = []

    def fit(engine: str) -> list[Tensor]:
        model = network(*SIZES)
        optimizer = rule(model.parameters(), lr=0.01, **options)
        run(model, plane(), optimizer=optimizer, epochs=5, engine=engine, callbacks=[Freeze()])
        frozen.append(values(model))
        return [*values(model), *memory(optimizer)]

    both(fit)
    unfrozen = network(*SIZES)
    run(
        unfrozen,
        plane(),
        optimizer=rule(unfrozen.parameters(), lr=0.01, **options),
        epochs=5,
        engine="native",
    )
    assert not torch.allclose(frozen[0][0], values(unfrozen)[0])


@pytest.mark.parametrize("engines", [("native", "native"), ("native", "eager"), ("eager", "native")])
@pytest.mark.parametrize("loaded", [False, True])
@pytest.mark.parametrize("rule", [optim.Adam, optim.SGD])
def test_an_optimizer_goes_on_in_the_next_run(rule: Any, loaded: bool, engines: tuple[str, str]) -> None:
    options = {"lr": 0.01, **({"momentum": 0.9} if rule is optim.SGD else {})}

    def fit(*engines: str) -> list[Tensor]:
        model = network(*SIZES)
        optimizer = rule(model.parameters(), **options)
        for number, engine in enumerate(engines):
            if loaded and number == 1:
                model, before = network(*SIZES, seed=1), (model.state_dict(), optimizer.state_dict())
                optimizer = rule(model.parameters(), **options)
                model.load_state_dict(before[0])
                optimizer.load_state_dict(before[1])
            run(model, plane(), optimizer=optimizer, seed=number, engine=engine)
        return [*values(model), *memory(optimizer)]

    for a, b in zip(fit(*engines), fit("eager", "eager"), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-13)


def test_parameters_that_have_moved() -> None:
    def fit(engine: str) -> list[Tensor]:
        model = network(*SIZES, dtype=torch.float32)
        optimizer = optim.Adam(model.parameters(), lr=0.01)
        run(model, plane(), optimizer=optimizer, epochs=1, engine="eager")
        model.to(torch.float64)
        run(model, plane(), optimizer=optimizer, engine=engine)
        return values(model)

    both(fit)


def test_early_stopping_chooses_the_same_epoch() -> None:
    def fit(engine: str) -> list[Tensor]:
        model = network(*SIZES)
        stopping = EarlyStopping(patience=2, restore_best_weights=True)
        history = run(
            model,
            plane(),
            validation=plane(9, seed=5),
            lr=0.6,
            epochs=20,
            engine=engine,
            callbacks=[stopping],
        )
        assert len(history) < 20
        return [*values(model), torch.tensor([len(history), *history.val_loss])]

    both(fit)


def test_a_divergence_is_told_as_the_eager_engine_tells_it() -> None:
    told = []
    for engine in ENGINES:
        model = network(*SIZES)
        before = values(model)
        with pytest.raises(TrainingDiverged) as caught:
            run(model, plane(), lr=1e30, engine=engine)
        assert caught.value.history.engine == engine
        assert all(map(torch.equal, values(model), before))
        told.append((str(caught.value), caught.value.epoch, caught.value.finding))
    assert told[0] == told[1]
    assert "training diverged in epoch 1, step " in told[0][0]


@pytest.mark.parametrize("index", [-1, 3, 2**40])
def test_a_class_out_of_range_is_refused(index: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NativeEngine, "run_epochs", None)
    x, t = plane(20)[0], torch.arange(20) % 3
    t[5] = index
    with pytest.raises(ModuleError, match="CrossEntropyLoss"):
        run(network(2, 3), (x, t), loss=nn.CrossEntropyLoss(), engine="native")


@pytest.mark.parametrize(("inputs", "outputs"), [(3, 1), (2, 2)])
def test_wrong_shapes_are_refused(inputs: int, outputs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NativeEngine, "run_epochs", None)
    with pytest.raises(ModuleError):
        run(network(inputs, outputs), plane(), engine="native")


class Calls(NativeEngine):
    def _call(self, call: Any, begin: int, end: int) -> int:
        done = super()._call(call, begin, end)
        self.steps_per_call = 3
        taken.append((begin, end))
        return done


taken: list[tuple[int, int]] = []


def test_an_epoch_in_several_calls_is_the_same_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    def fit() -> list[Tensor]:
        model = network(*SIZES)
        optimizer = optim.Adam(model.parameters(), lr=0.01)
        schedule = optim.StepLR(optimizer, 3, interval="step")
        history = run(model, plane(35), optimizer=optimizer, schedule=schedule, engine="native")
        return [*values(model), torch.tensor(history.loss)]

    expected = fit()
    monkeypatch.setattr("plaingrad.train.engine.NativeEngine", Calls)
    found = fit()
    assert taken == [(0, 1), (1, 4), (4, 7), (7, 9), (0, 3), (3, 6), (6, 9)]
    assert all(map(torch.equal, found, expected))


def test_ctrl_c_while_compiling(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    compiler = script(
        tmp_path / "c++",
        'for last; do :; done\necho half > "${last%.cpp}.so"\nkill -INT $PPID\nexec sleep 60',
    )
    monkeypatch.setenv("CXX", str(compiler))
    monkeypatch.setenv("PLAINGRAD_CACHE", str(tmp_path / "cache"))
    model = network(*SIZES)
    before, handler = values(model), signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        run(model, plane(), engine="native")
    assert signal.getsignal(signal.SIGINT) is handler
    assert all(map(torch.equal, values(model), before))
    assert not list((tmp_path / "cache").iterdir())


PROGRAM = """
import sys, torch
from plaingrad.train.callbacks import Callback
from train.small import network, run

class Tell(Callback):
    def on_epoch_begin(self, epoch, logs):
        print("epoch", epoch, flush=True)

data = torch.randn(20_000, 64), torch.randn(20_000, 64)
model = network(64, 512, 512, 64, dtype=torch.float32)
history = run(model, data, batch_size=int(sys.argv[1]), epochs=1000, engine="native", callbacks=[Tell()])
print(history.stopped, len(history))
"""


def process(batch_size: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM, str(batch_size)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment)


def test_ctrl_c_lets_a_compiled_epoch_finish() -> None:
    with process(batch_size=200) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "epoch 0\n"
        running.send_signal(signal.SIGINT)
        output, errors = running.communicate(timeout=60)
    assert running.returncode == 0, errors
    assert output.splitlines()[-1] == "interrupted in epoch 1 1"


def test_a_second_ctrl_c_does_not_wait_for_the_epoch() -> None:
    with process(batch_size=1) as running:  # many seconds for an epoch
        assert running.stdout is not None
        assert running.stderr is not None
        assert running.stdout.readline() == "epoch 0\n"
        running.send_signal(signal.SIGINT)
        while "Ctrl-C again stops at once" not in (line := running.stderr.readline()):
            assert running.poll() is None, line
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=60)
    assert errors.splitlines()[-1] == "KeyboardInterrupt"


@pytest.mark.parametrize("one_by_one", [False, True])
@pytest.mark.parametrize(
    "rule", [partial(optim.SGD, momentum=0.9), optim.Adam, partial(optim.RMSprop, momentum=0.5)]
)
@pytest.mark.parametrize("base_momentum", [0.5, 0.0])
def test_a_schedule_of_steps_may_change_every_option(
    rule: Any, base_momentum: float, one_by_one: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a momentum of 0, the update rule has other terms."""
    if one_by_one:
        monkeypatch.setattr("plaingrad.native.engine.SECONDS_PER_CALL", 0.0)

    def fit(engine: str) -> list[Tensor]:
        model = network(*SIZES)
        optimizer = rule(model.parameters(), lr=0.01)
        schedule = optim.OneCycleLR(optimizer, 0.02, 18, base_momentum=base_momentum)
        run(model, plane(22), epochs=3, optimizer=optimizer, schedule=schedule, engine=engine)
        return [*values(model), *memory(optimizer)]

    both(fit)


def chained(rule: optim.Optimizer) -> optim.Schedule:
    return optim.ChainedScheduler(
        [optim.ConstantLR(rule, 0.5, 4), optim.ExponentialLR(rule, 0.9)], interval="step"
    )


def in_sequence(rule: optim.Optimizer) -> optim.Schedule:
    parts = [
        optim.LinearLR(rule, 0.1, total_iters=4),
        optim.SWALR(rule, 0.002),
        optim.CyclicLR(rule, 0.001, 0.01, 3),
    ]
    return optim.SequentialLR(rule, parts, [5, 8], interval="step")


@pytest.mark.parametrize(
    "make",
    [
        chained,
        in_sequence,
        lambda rule: optim.CyclicLR(rule, 0.001, 0.02, step_size_up=4, mode="triangular2"),
        lambda rule: optim.CosineAnnealingWarmRestarts(rule, 5, 2, interval="step"),
        lambda rule: optim.MultiplicativeLR(rule, lambda t: 1 / t, interval="step"),
        lambda rule: optim.LambdaLR(rule, lambda t: 1 / (1 + t), interval="step"),
    ],
)
def test_schedules_of_steps_go_on_in_the_next_run(make: Callable[[optim.Optimizer], optim.Schedule]) -> None:
    def fit(engine: str) -> list[Tensor]:
        model = network(*SIZES)
        optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
        schedule = make(optimizer)
        rates = []
        for seed in range(2):
            run(model, plane(22), optimizer=optimizer, schedule=schedule, seed=seed, engine=engine)
            rates += schedule.get_last_lr()
        return [*values(model), *memory(optimizer), torch.tensor(rates)]

    both(fit)


def test_options_may_be_whole_numbers() -> None:
    def fit(engine: str) -> list[Tensor]:
        model = network(*SIZES)
        optimizer = optim.SGD(model.parameters(), lr=1, momentum=0, dampening=0, weight_decay=0, clip_norm=1)
        run(model, plane(), optimizer=optimizer, engine=engine)
        return values(model)

    both(fit)


class ChangeNetwork(Callback):
    """Changes the network or its loss when the second epoch has ended."""

    def __init__(self, change: Callable[[nn.Sequential, nn.CrossEntropyLoss], object], loss: Any) -> None:
        self.change, self.loss = change, loss

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        if epoch == 1:
            assert isinstance(self.run.model, nn.Sequential)
            self.change(self.run.model, self.loss)


@pytest.mark.parametrize(
    "change",
    [
        lambda model, loss: setattr(model[2], "p", 0.8),
        lambda model, loss: setattr(model[1], "negative_slope", 0.9),
        lambda model, loss: model[3].eval(saving=True),
        lambda model, loss: setattr(model[3], "momentum", None),
        lambda model, loss: setattr(model[4], "bias", None),
        lambda model, loss: loss.weight.value.mul_(torch.tensor([1.0, 2.0, 3.0])),
        lambda model, loss: setattr(loss, "label_smoothing", 0.3),
    ],
    ids=["dropout", "activation", "mode", "momentum", "parameter", "class weights", "smoothing"],
)
def test_a_network_changed_by_a_callback(change: Any) -> None:
    """Its shape and options are those of the program only as long as they stay."""

    def fit(engine: str, change: Any = change) -> list[Tensor]:
        torch.manual_seed(0)
        layers = nn.Linear(2, 5), nn.LeakyReLU(0.1), nn.Dropout(0.2), nn.BatchNorm1d(5), nn.Linear(5, 3)
        model = nn.Sequential(*layers).to(torch.float64)
        loss = nn.CrossEntropyLoss(torch.ones(3)).to(torch.float64)
        data = plane(24)[0], torch.arange(24) % 3
        callback = ChangeNetwork(change, loss)
        history = run(model, data, loss=loss, epochs=4, validation=data, engine=engine, callbacks=[callback])
        return [*model.state_dict().values(), *map(torch.tensor, (history.loss, history.val_loss))]

    both(fit)
    unchanged = fit("eager", lambda model, loss: None)
    assert not all(map(torch.equal, fit("eager"), unchanged))


def test_an_option_that_becomes_unknown_is_no_end() -> None:
    class NoEpsilon(Callback):
        def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
            self.run.optimizer.param_groups[0]["eps"] = 0.0

    def fit(engine: str) -> list[Tensor]:
        model = network(*SIZES)
        optimizer = optim.Adam(model.parameters(), lr=0.01)
        made = run(model, plane(24), epochs=3, optimizer=optimizer, engine=engine, callbacks=[NoEpsilon()])
        assert made.engine == ("native and eager" if engine == "native" else "eager")
        return values(model)

    both(fit)
