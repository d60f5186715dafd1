"""Several threads that train at once."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from torch import Tensor

from plaingrad import Module, evaluate, nn
from plaingrad.errors import InputError
from plaingrad.train.callbacks import Callback
from plaingrad.train.callbacks.callback import Logs
from train.small import network, run, values

LOSSES: dict[str, Callable[[], Any]] = {
    "one": nn.CrossEntropyLoss,
    "a sum": lambda: nn.CrossEntropyLoss(reduction="sum"),
    "weights of classes": lambda: nn.CrossEntropyLoss(torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64)),
    "of an output": lambda: (nn.CrossEntropyLoss(),),
}


class During(Callback):
    """Call a function when training has begun."""

    def __init__(self, function: Callable[[], object]) -> None:
        self.function = function

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        if epoch == 0:
            self.function()


@pytest.fixture
def _quick_switches() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def samples(count: int = 60) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(count, 2, generator=generator, dtype=torch.float64)
    return x, torch.randint(3, (count,), generator=generator)


def trained(loss: Any, seed: int, model: Module | None = None, **options: Any) -> list[Tensor]:
    (x, t), model = samples(), model or network(2, 3, seed=seed)
    data = (x, (t,) if isinstance(loss, tuple) else t)
    options = {"engine": "eager", "batch_size": 5, "epochs": 4, **options}
    run(model, data, loss=loss, seed=seed, **options)
    return values(model)


@pytest.mark.usefixtures("_quick_switches")
@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("weighted", [False, True])
def test_one_loss_for_several_threads(name: str, weighted: bool) -> None:
    if weighted and isinstance(LOSSES[name](), tuple):
        pytest.skip("weights go through the same class")
    options: dict[str, Any] = {"sample_weight": torch.linspace(0, 1, 60)} if weighted else {}
    options |= {"validation": samples(), "metrics": ["accuracy"]} if name == "one" else {}
    alone, loss = [trained(LOSSES[name](), seed, **options) for seed in range(4)], LOSSES[name]()
    models = [network(2, 3, seed=seed) for seed in range(4)]  # drawn from one source
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda seed: trained(loss, seed, models[seed], **options), range(4)))
    for expected, found in zip(alone, together):
        assert all(torch.equal(a, b) for a, b in zip(expected, found))


def elsewhere(function: Callable[[], Any]) -> Any:
    """The result of a call in another thread."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


def test_the_copy_is_as_the_loss_was_before_the_use() -> None:
    loss, expected = nn.CrossEntropyLoss(reduction="sum"), trained(nn.CrossEntropyLoss(reduction="sum"), 1)
    results: list[Any] = []

    def in_the_middle() -> None:
        with loss.unreduced():
            loss.eval()
            results.append(elsewhere(lambda: trained(loss, 1)))
            loss.train()

    trained(loss, 0, callbacks=[During(in_the_middle)])
    assert all(torch.equal(a, b) for a, b in zip(expected, results[0]))
    assert (loss.reduction, loss.training) == ("sum", True)


def test_a_network_in_training_elsewhere_is_refused() -> None:
    shared = nn.Linear(2, 3, dtype=torch.float64)
    first, second = nn.Sequential(shared), nn.Sequential(shared, nn.Tanh())
    problems: list[Exception] = []

    def attempt() -> None:
        for model in (first, second):
            with pytest.raises(InputError, match=r"^model: expected modules that no other") as caught:
                elsewhere(lambda: run(model, samples(), loss=nn.CrossEntropyLoss(), engine="eager"))  # noqa: B023
            problems.append(caught.value)

    options = {"loss": nn.CrossEntropyLoss(), "engine": "eager", "callbacks": [During(attempt)]}
    run(first, samples(), **options)
    assert len(problems) == 2
    assert "\n" not in str(problems[0])
    run(second, samples(), loss=nn.CrossEntropyLoss(), engine="eager")


def test_the_thread_itself_may_train_the_network_again_meanwhile() -> None:
    model, loss = network(2, 3), nn.CrossEntropyLoss()
    again = During(lambda: run(model, samples(), loss=loss, engine="eager"))
    run(model, samples(), loss=loss, engine="eager", callbacks=[again])
    elsewhere(lambda: run(model, samples(), loss=loss, engine="eager"))


def test_an_error_releases_them() -> None:
    model, loss = network(2, 3), nn.CrossEntropyLoss()

    def fail() -> None:
        raise RuntimeError("halt")

    with pytest.raises(RuntimeError, match="halt"):
        run(model, samples(), loss=loss, engine="eager", callbacks=[During(fail)])
    elsewhere(lambda: run(model, samples(), loss=loss, engine="eager"))


@pytest.mark.usefixtures("_quick_switches")
def test_evaluation_in_several_threads_with_one_loss() -> None:
    loss, model, weight = nn.CrossEntropyLoss(), network(2, 3), torch.linspace(0, 1, 60)
    expected, counted = evaluate(model, samples(), loss=loss), trained(loss, 1, sample_weight=weight)

    def measured(thread: int) -> list[Any]:
        if thread:
            return [evaluate(model.eval(), samples(), loss=loss, batch_size=7) for _ in range(20)]
        return trained(loss, 1, sample_weight=weight)

    with ThreadPoolExecutor(3) as pool:
        found, *others = pool.map(measured, range(3))
    assert all(torch.equal(a, b) for a, b in zip(counted, found))
    for each in itertools.chain(*others):
        assert each == pytest.approx(expected)
    assert (loss.reduction, loss.training) == ("mean", True)
