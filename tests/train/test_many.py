from __future__ import annotations

import signal
import threading
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from plaingrad import ModuleError, fit, fit_many, nn, optim
from plaingrad.module import Module
from plaingrad.native.compile import cache
from plaingrad.train import History
from plaingrad.train import engine as engines
from plaingrad.train.callbacks import Callback, EarlyStopping
from train.small import Noise, Press, network, plane, run, values

DATA, HELD_OUT = plane(20), plane(7, seed=1)


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAINGRAD_CACHE", str(tmp_path_factory.getbasetemp() / "networks"))
    monkeypatch.setattr(engines.cost, "COMPILES", 0.0)


def sgd(models: list[Any], *rates: float) -> list[optim.Optimizer]:
    return [optim.SGD(m.parameters(), lr=lr) for m, lr in zip(models, rates or [0.05] * len(models))]


def sweep(models: list[Any], data: Any = DATA, **arguments: Any) -> list[History]:
    """Fit quietly, with sensible values for what a test does not care about."""
    given = {"epochs": 3, "batch_size": 8, "seeds": 0, "progress": False, "loss": nn.MSELoss(), **arguments}
    if "optimizers" not in given:
        given["optimizers"] = sgd(models)
    return fit_many(models, data, **given)


def told(history: History) -> dict[str, Any]:
    facts = history.to_dict()
    del facts["seconds"], facts["epochs"]["seconds"]
    return facts


class Counted(Callback):
    """Notes in which thread its epochs ended."""

    def __init__(self) -> None:
        self.threads: list[threading.Thread] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        self.threads.append(threading.current_thread())


def mixed() -> list[Module]:
    """Networks of two shapes for the native engine, and two that draw from torch's generator."""
    noisy = [nn.Sequential(Noise(), network(2, 3, 1, seed=i)) for i in (10, 11)]
    return [network(2, 5, 1, seed=1), noisy[0], network(2, 5, 1, seed=2), network(2, 4, 1, seed=3), noisy[1]]


@pytest.mark.parametrize("engine", ["auto", "eager"])
def test_each_network_is_trained_as_by_fit(engine: Any) -> None:
    options: dict[str, Any] = {"validation": HELD_OUT, "metrics": ["mae"], "engine": engine, "epochs": 4}
    options["sample_weight"] = torch.linspace(0, 2, 20, dtype=torch.float64)
    rates, seeds = [0.01, 0.02, 0.03, 0.04, 0.05], [3, 3, 5, 6, 7]
    models = mixed()
    optimizers = sgd(models, *rates)
    histories = sweep(
        models,
        optimizers=optimizers,
        schedules=[optim.StepLR(optimizer, 2) if i != 1 else None for i, optimizer in enumerate(optimizers)],
        seeds=seeds,
        batch_size=[8, 8, 8, 3, 20],
        workers=3,
        **options,
    )
    for i, (alone, size) in enumerate(zip(mixed(), [8, 8, 8, 3, 20])):
        optimizer = optim.SGD(alone.parameters(), lr=rates[i])
        schedule = optim.StepLR(optimizer, 2) if i != 1 else None
        history = fit(
            alone,
            DATA,
            loss=nn.MSELoss(),
            optimizer=optimizer,
            schedule=schedule,
            batch_size=size,
            seed=seeds[i],
            progress=False,
            **options,
        )
        assert told(histories[i]) == told(history)
        assert all(torch.equal(a, b) for a, b in zip(values(models[i]), values(alone)))
    if engine == "auto":
        assert [history.engine for history in histories] == ["native", "eager", "native", "native", "eager"]


def test_without_seeds_torchs_own_governs_everything() -> None:
    found = []
    for _ in range(2):
        torch.manual_seed(7)
        models = [network(2, 3, 1), network(2, 3, 1)]
        sweep(models, seeds=None)
        found.append([values(model) for model in models])
    (first, second), again = found
    assert not torch.equal(first[0], second[0])  # the same network, in two orders
    assert all(torch.equal(a, b) for one, other in zip((first, second), again) for a, b in zip(one, other))


def test_the_process_is_as_before() -> None:
    models = mixed()
    random, threads, handler = torch.get_rng_state(), torch.get_num_threads(), signal.getsignal(signal.SIGINT)
    sweep(models, workers=2)
    assert torch.equal(torch.get_rng_state(), random)
    assert torch.get_num_threads() == threads
    assert signal.getsignal(signal.SIGINT) is handler


@pytest.mark.parametrize(("engine", "expected"), [("native", 1), ("eager", 3)])
def test_networks_side_by_side_have_a_thread_each(engine: str, expected: int) -> None:
    seen = []

    class Threads(Callback):
        def on_train_begin(self, logs: dict[str, float]) -> None:
            seen.append(torch.get_num_threads())

    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        sweep(
            [network(2, 300, 300, 1, seed=i) for i in range(2)],
            plane(256),
            batch_size=256,
            engine=engine,
            callbacks=[[Threads()], [Threads()]],
        )
    finally:
        torch.set_num_threads(before)
    assert seen == [expected, expected]


def test_networks_of_one_shape_share_one_compilation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAINGRAD_CACHE", str(tmp_path))
    compiled = []
    original = cache._obtained
    monkeypatch.setattr(cache, "_obtained", lambda *given: compiled.append(given) or original(*given))
    models = [network(2, 6, 1, seed=i) for i in range(4)]
    sweep(models, optimizers=sgd(models, 0.1, 0.2, 0.3, 0.4), seeds=[0, 1, 2, 3], workers=4)
    assert len(compiled) == 1


def test_what_is_compiled_need_not_be_worth_it_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    estimate = engines.cost.estimate

    def noted(task: Any, epochs: int) -> Any:
        asked.append((len(task.model), epochs))
        return estimate(task, epochs)

    monkeypatch.setattr(engines.cost, "estimate", noted)
    models = [network(2, 6, 1, seed=i) for i in range(3)] + [network(2, 1)]
    sweep(models, epochs=[5, 6, 7, 8], workers=1)
    assert asked == [(3, 18)] * 3 + [(1, 8)]
    run(network(2, 8, 1), DATA)
    assert asked[-1] == (3, 2)


def test_losses_are_worked_on_as_copies() -> None:
    loss = nn.MSELoss()
    models = [network(2, 3, 1, seed=i) for i in range(2)]
    alike = sweep(models, loss=loss)
    models = [network(2, 3, 1, seed=i) for i in range(2)]
    other = sweep(models, loss=[loss, nn.L1Loss()])
    assert other[0].loss == alike[0].loss
    assert other[1].loss != alike[1].loss


def test_callbacks_stop_their_own_network() -> None:
    models = [network(2, 3, 1, seed=i) for i in range(3)]
    counted = Counted()
    stopping = EarlyStopping("loss", min_delta=1e9)
    histories = sweep(models, epochs=[2, 9, 4], callbacks=[[], [stopping], [counted]])
    assert [len(history) for history in histories] == [2, 2, 4]
    assert histories[1].stopped == "loss has not improved since epoch 1"
    assert len(counted.threads) == 4
    assert threading.main_thread() not in counted.threads


@pytest.mark.parametrize("engine", ["native", "eager"])
def test_one_that_diverges_ends_alone(engine: Any) -> None:
    models = [network(2, 3, 1, seed=i) for i in range(3)]
    with pytest.warns(RuntimeWarning, match=r"^1 of 3 networks diverged: 1$"):
        histories = sweep(models, optimizers=sgd(models, 0.05, 1e200, 0.05), epochs=4, engine=engine)
    assert [len(history) for history in histories] == [4, 0, 4]
    assert histories[1].stopped == "diverged in epoch 1"
    assert all(torch.equal(a, b) for a, b in zip(values(models[1]), values(network(2, 3, 1, seed=1))))


@pytest.mark.parametrize("engine", ["native", "eager"])
def test_ctrl_c_returns_what_there_is(engine: Any, capfd: pytest.CaptureFixture[str]) -> None:
    models = [network(2, 3, 1, seed=i) for i in range(3)]
    lists = [[], [Press(1)], []]
    histories = sweep(models, epochs=[3, 10**6, 10**6], callbacks=lists, workers=1, engine=engine)
    assert len(histories[0]) == 3
    assert 2 <= len(histories[1]) < 10**6
    assert histories[1].stopped == f"interrupted in epoch {len(histories[1])}"
    assert len(histories[2]) == 0
    assert histories[2].stopped == "interrupted before it began"
    assert "Ctrl-C again stops at once" in capfd.readouterr().err


def test_a_second_ctrl_c_interrupts(capfd: pytest.CaptureFixture[str]) -> None:
    class Insist(Callback):
        def on_epoch_begin(self, epoch: int, logs: dict[str, float]) -> None:
            if epoch == 1 and not pressed.is_set():
                pressed.set()
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
                while "Ctrl-C again" not in capfd.readouterr().err:
                    pass
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    pressed = threading.Event()
    before = signal.getsignal(signal.SIGINT)
    models = [network(2, 3, 1, seed=i) for i in range(3)]
    with pytest.raises(KeyboardInterrupt):  # when both threads have long been started
        sweep(models, epochs=[1, 10**6, 10**6], callbacks=[[], [], [Insist()]], workers=2)
    assert signal.getsignal(signal.SIGINT) is before
    assert not any(thread.name.startswith("plaingrad") for thread in threading.enumerate())


class Broken(Callback):
    def on_epoch_begin(self, epoch: int, logs: dict[str, float]) -> None:
        raise RuntimeError("on purpose")


def test_an_error_ends_the_others() -> None:
    models = [network(2, 3, 1, seed=i) for i in range(3)]
    with pytest.raises(RuntimeError, match="on purpose"):
        sweep(models, epochs=10**6, callbacks=[[], [Broken()], []])


def test_there_may_be_no_networks() -> None:
    assert sweep([]) == []


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"optimizers": []}, r"^optimizers: expected one for each of 2 models, got 0$"),
        ({"seeds": [1]}, r"^seeds: expected one for each of 2 models, got 1$"),
        ({"seeds": [1, -1]}, r"^models\[1\]: seed: expected None or an integer"),
        ({"epochs": 0}, r"^epochs: expected a positive integer, got 0$"),
        ({"loss": [nn.MSELoss()] * 3}, r"^loss: expected one for each of 2 models, got 3$"),
        ({"callbacks": [EarlyStopping()]}, r"^callbacks: expected one for each of 2 models, got 1$"),
        ({"callbacks": [1, 2]}, r"^callbacks: expected a list such as"),
        ({"callbacks": [[Press(1)] * 2] * 2}, r"^callbacks: expected .* for each network alone, got a Press"),
        ({"workers": 0}, r"^workers: expected a positive integer, got 0$"),
        ({"engine": "fast"}, r"^models\[\d\]: engine: expected 'auto', 'eager' or 'native'"),
    ],
)
def test_arguments_that_cannot_be_used(arguments: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        sweep([network(2, 3, 1, seed=i) for i in range(2)], **arguments)


def test_networks_that_cannot_be_trained() -> None:
    model = network(2, 3, 1)
    with pytest.raises(
        ValueError, match=r"share nothing, got Linear\(2, 3.* in models\[0\] and models\[1\]$"
    ):
        sweep([model, nn.Sequential(*model)])
    with pytest.raises(ModuleError, match=r"^models\[1\]\.Sequential\[0\] Linear\(3, 1"):
        sweep([model, network(3, 1)])
    with pytest.raises(ValueError, match=r"^model: expected a plaingrad Module"):
        sweep([torch.nn.Linear(2, 1)], optimizers=[None])


def test_warnings_are_for_those_that_diverge_alone() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert isinstance(sweep([network(2, 1)])[0].loss[0], float)


def test_saved_state_is_none_afterwards() -> None:
    models: list[Any] = mixed()
    sweep(models)
    for model in models:
        assert all(not module._saved and module.training for module in model.modules())
