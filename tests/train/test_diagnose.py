from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from plaingrad import Buffer, Module, Parameter, fit, nn, optim
from plaingrad.data import Dataset
from plaingrad.native.masks import Masks
from plaingrad.native.task import Snapshot, Task
from plaingrad.train import TrainingDiverged
from plaingrad.train.callbacks import Callback, EarlyStopping
from train.small import Noise, network, plane, run, values


def diverging(
    model: Module, data: Any = None, finite_state: bool = True, **arguments: Any
) -> TrainingDiverged:
    with pytest.raises(TrainingDiverged) as caught:
        run(model, plane() if data is None else data, **arguments)
    assert "\n" not in str(caught.value)
    assert all(torch.isfinite(value).all() for value in model.state_dict().values()) == finite_state
    assert not any({"forward", "backward"} & vars(module).keys() for module in model.modules())
    assert not any(module._saved for module in model.modules())
    return caught.value


class Faulty(Module):
    """The identity, until a value is given by hand.

    Args:
        where: "output", "gradient" (of the input) or "weight" (its gradient) to go bad.
        at: in which call, counted from 1.
        bad: what to return then.
    """

    def __init__(self, where: str, at: int, bad: float = math.inf) -> None:
        self.where, self.at, self.bad = where, at, bad
        self.weight = Parameter(torch.ones(1, dtype=torch.float64))
        self.calls = Buffer(torch.zeros(()))

    def now(self, where: str) -> bool:
        return where == self.where and self.calls.value == self.at

    def forward(self, x: Tensor) -> Tensor:
        self.calls.value = self.calls.value + self.training
        y = x.clone()
        if self.now("output"):
            y[1, 0] = self.bad
        self.save(None, y)
        return y

    def backward(self, dy: Tensor) -> Tensor:
        self.restore(dy)
        if self.now("weight"):
            self.weight.grad += self.bad
        return dy * self.bad if self.now("gradient") else dy


class Doubling(Module):
    """A container with arithmetic of its own between the modules inside."""

    def __init__(self) -> None:
        self.first, self.second = nn.Linear(2, 1, dtype=torch.float64), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        y = self.first.forward(x)
        return self.second.forward(y * math.inf if self.training else y)

    def backward(self, dy: Tensor) -> Tensor:
        return self.first.backward(self.second.backward(dy) * 2)


def test_a_learning_rate_that_is_too_high_is_told() -> None:
    error = diverging(network(2, 3, 1), lr=1e9, epochs=40)
    assert error.finding is not None
    assert str(error).startswith(f"training diverged in epoch {error.epoch}, step {error.finding.step}: ")
    assert str(error).endswith("; a learning rate below 1e+09 may help")


@pytest.mark.parametrize("bad", [math.inf, -math.inf, math.nan])
def test_an_output(bad: float) -> None:
    inner = nn.Sequential(nn.ReLU(), Faulty("output", at=7, bad=bad))
    error = diverging(nn.Sequential(nn.Linear(2, 3, dtype=torch.float64), inner, *network(3, 1)), epochs=3)
    found = error.finding
    assert found is not None
    assert (error.epoch, found.step, found.path, found.kind) == (2, 2, "1.1", "output")
    place = f"Sequential[1].Sequential[1] Faulty('output', at=7, bad={bad})"
    assert f"epoch 2, step 2: {place}: its output became {bad} at [1, 0] from inputs up to " in str(error)
    assert len(error.history) == 1
    assert error.history.stopped == "diverged in epoch 2"


@pytest.mark.parametrize(
    ("where", "subject"),
    [("gradient", "the gradient of its input"), ("weight", "the gradient of its weight")],
)
def test_a_gradient(where: str, subject: str) -> None:
    error = diverging(nn.Sequential(*network(2, 1), Faulty(where, at=3)))
    found = error.finding
    assert found is not None
    assert (error.epoch, found.step, found.path, found.kind) == (1, 3, "1", "gradient")
    assert f"Sequential[1] Faulty({where!r}, at=3): {subject} became " in str(error)


def test_a_parameter_that_the_update_sends_to_infinity() -> None:
    error = diverging(network(2, 1), lr=1e308, data=(plane()[0], 1e4 * plane()[1]))
    found = error.finding
    assert found is not None
    assert (error.epoch, found.step, found.path, found.kind) == (1, 1, "0", "parameter")
    assert "Sequential[0] Linear(2, 1): its parameter weight became " in str(error)


def test_a_parameter_that_goes_bad_in_the_last_step_of_the_epoch() -> None:
    """The loss of that epoch knows nothing of it."""
    error = diverging(network(2, 1), lr=1e308, data=(plane()[0], 1e4 * plane()[1]), batch_size=20, epochs=1)
    assert error.finding is not None
    assert (error.epoch, error.finding.kind) == (1, "parameter")


def test_an_input_that_a_container_spoils() -> None:
    found = diverging(Doubling()).finding
    assert found is not None
    assert (found.step, found.path, found.kind) == (1, "second", "input")
    assert found.module == "Doubling[second] ReLU()"


def test_the_loss() -> None:
    data = (plane()[0], torch.full((20, 1), 1e160, dtype=torch.float64))
    found = diverging(network(2, 1), data=data).finding
    assert found is not None
    assert (found.path, found.module, found.kind) == ("loss", "MSELoss()", "output")


class Quadrupling(optim.Schedule):
    def step(self) -> None:
        self.last_epoch += 1
        self.optimizer.param_groups[0]["lr"] *= 4

    def apply(self) -> None:
        """Snapshots put back the optimizer's rate by themselves."""


def test_a_buffer_that_neither_the_loss_nor_a_parameter_shows() -> None:
    norm = nn.BatchNorm1d(2)
    x, y = plane()
    error = diverging(nn.Sequential(norm, nn.Linear(2, 1)), data=((x * 1e25).float(), y.float()))
    found = error.finding
    assert found is not None
    assert (error.epoch, found.step, found.path, found.kind) == (1, 1, "0", "buffer")
    assert str(error).startswith(
        "training diverged in epoch 1, step 1: Sequential[0] BatchNorm1d(2): its buffer running_var became "
    )
    assert norm.running_var is not None
    assert norm.running_var.value.tolist() == [1, 1]


class Masked(Faulty):
    """Has a constant that was never finite."""

    def __init__(self, where: str = "nowhere", at: int = 0) -> None:
        super().__init__(where, at)
        self.mask = Buffer(torch.tensor([0.0, -math.inf]))


def test_a_buffer_that_was_never_finite_is_no_divergence() -> None:
    assert len(run(nn.Sequential(*network(2, 1), Masked()), plane())) == 2
    found = diverging(nn.Sequential(*network(2, 1), Masked("output", at=2)), finite_state=False).finding
    assert found is not None
    assert (found.step, found.kind) == (2, "output")


@pytest.mark.parametrize(
    ("where", "at", "hinted"),
    [("output", 1, False), ("weight", 1, False), ("output", 2, True), ("output", 6, True)],
)
def test_the_learning_rate_is_suspected_only_after_an_update(where: str, at: int, hinted: bool) -> None:
    error = diverging(nn.Sequential(*network(2, 1), Faulty(where, at)))
    assert str(error).endswith("; a learning rate below 0.05 may help") == hinted


def test_everything_is_as_it_was_before_the_epoch() -> None:
    """With noise, a schedule by steps and buffers, the epoch is run again to the bit, and then undone."""

    class Record(Callback):
        def on_epoch_begin(self, epoch: int, logs: dict[str, float]) -> None:
            self.lr = optimizer.param_groups[0]["lr"]
            self.count = schedule.last_epoch
            self.random = torch.get_rng_state()
            self.state = {name: value.clone() for name, value in model.state_dict().items()}

    model = nn.Sequential(*network(2, 1), Noise(), Faulty("output", at=13))
    optimizer = optim.SGD(model.parameters(), lr=1e-12)
    schedule, record = Quadrupling(optimizer, "step"), Record()
    with pytest.raises(TrainingDiverged) as caught:
        run(model, plane(), seed=None, epochs=9, optimizer=optimizer, schedule=schedule, callbacks=[record])
    assert caught.value.finding is not None
    assert (caught.value.epoch, caught.value.finding.step) == (3, 3)
    assert optimizer.param_groups[0]["lr"] == record.lr == 1e-12 * 4**10
    assert schedule.last_epoch == record.count == 10
    assert torch.equal(torch.get_rng_state(), record.random)
    assert all(torch.equal(value, record.state[name]) for name, value in model.state_dict().items())


def test_the_state_of_the_optimizer_is_put_back() -> None:
    class Counting(optim.SGD):
        def update(self, value: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
            state["count"] = state.get("count", torch.zeros_like(value)).add_(1)
            super().update(value, grad, state, group)

    model = nn.Sequential(*network(2, 1), Faulty("output", at=8))
    optimizer = Counting(model.parameters(), lr=0.01)
    with pytest.raises(TrainingDiverged):
        run(model, plane(), optimizer=optimizer)
    counts = [state["count"].flatten() for state in optimizer.state.values() if state]
    assert torch.cat(counts).tolist() == [5, 5, 5]  # and none of the weight that never had a gradient


def test_what_does_not_happen_twice_is_told_all_the_same() -> None:
    class Once(Callback):
        def on_train_batch_end(self, batch: int, logs: dict[str, float]) -> None:
            for value, _ in self.run.model.parameters():
                value.fill_(math.nan)

    error = diverging(network(2, 1), callbacks=[Once()])
    assert error.finding is None
    assert str(error).startswith("training diverged in epoch 1; a second run of it stayed finite; ")


def test_early_stopping_still_restores_its_best_weights() -> None:
    best = EarlyStopping("loss", patience=99, restore_best_weights=True)
    model = nn.Sequential(*network(2, 1), Faulty("output", at=13))
    diverging(model, epochs=9, callbacks=[best])
    again = nn.Sequential(*network(2, 1), Faulty("output", at=13))
    run(again, plane(), epochs=2)
    assert best.best_epoch == 1
    assert all(torch.equal(a, b) for a, b in zip(values(model), values(again)))


def test_parameters_outside_the_optimizer_are_watched_and_put_back() -> None:
    class Spoil(Callback):
        def on_train_batch_end(self, batch: int, logs: dict[str, float]) -> None:
            last.weight.value = torch.full_like(last.weight.value, math.nan if batch == 4 else 7.0)

    last = nn.Linear(1, 1, dtype=torch.float64)
    model = nn.Sequential(*network(2, 1), last)
    before = values(model)
    diverging(model, optimizer=optim.SGD(model[0].parameters(), lr=0.01), callbacks=[Spoil()])
    assert all(torch.equal(a, b) for a, b in zip(values(model), before))


def test_a_parameter_that_was_never_finite_does_not_hide_another() -> None:
    class Spare(nn.Linear):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, dtype=torch.float64)
            self.spare = Parameter(torch.full((2,), math.nan, dtype=torch.float64))

    assert len(run(Spare(2, 1), plane())) == 2
    data = (plane()[0], 1e4 * plane()[1])
    with pytest.raises(TrainingDiverged):
        run(Spare(2, 1), data, lr=1e308, batch_size=20, epochs=1)


def test_values_whose_sum_overflows_are_finite() -> None:
    model = nn.Sequential(*network(2, 1), Faulty("nowhere", at=0))
    model[1].mask = Buffer(torch.full((3,), 3e38))  # type: ignore[attr-defined]
    assert len(run(model, plane())) == 2


def test_a_generator_of_one_s_own_is_put_back() -> None:
    model = nn.Sequential(nn.Linear(2, 3), Noise())
    model.generator = torch.Generator().manual_seed(4)
    model.to(torch.float64)
    optimizer, inputs = optim.SGD(model.parameters(), lr=0.1), plane()[0]
    data = Dataset.of((inputs, torch.zeros(len(inputs), 3, dtype=torch.float64)))
    snapshot = Snapshot(Task(model, nn.MSELoss(), optimizer, data, 10, Masks(model, 0)))
    before = model.generator.get_state()
    model.forward(inputs)
    assert not torch.equal(model.generator.get_state(), before)
    snapshot.restore()
    assert torch.equal(model.generator.get_state(), before)


class Wrapped(nn.Loss):
    """A loss of one's own that does not tell which samples count."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.CrossEntropyLoss()

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        return self.inner.forward(prediction, target)

    def backward(self, dloss: Tensor | None = None) -> Tensor:
        return self.inner.backward(dloss)


def test_a_loss_around_another_is_told_to_say_what_counts() -> None:
    model = nn.Sequential(nn.Linear(3, 3))
    data = torch.randn(4, 3), torch.tensor([0, 1, -100, -100])
    sgd = optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(TrainingDiverged, match=r"if nothing in that batch counts, .* in its method shares$"):
        fit(model, data, loss=Wrapped(), optimizer=sgd, epochs=1, batch_size=2, shuffle=False, progress=False)
