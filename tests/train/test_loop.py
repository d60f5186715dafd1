from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from effort import draws
from plaingrad import ModuleError, evaluate, fit, nn, optim, predict
from plaingrad.data import Dataset
from plaingrad.train.callbacks import Callback
from train.small import Noise, network, plane, run, values


def test_learns_a_plane() -> None:
    model, data = network(2, 1), plane()
    history = run(model, data, epochs=30)
    assert history.loss[0] > 0.1
    assert history.loss[-1] < 1e-6
    assert evaluate(model, data, loss=nn.MSELoss())["loss"] < 1e-6


def test_learns_a_disc() -> None:
    x = torch.rand(300, 2, generator=torch.Generator().manual_seed(0)) - 0.5
    inside = (x.square().sum(1) < 0.16).long()
    data = Dataset(3 * x, inside).one_hot()
    history = run(
        network(2, 25, 25, 2, dtype=torch.float32),
        data,
        lr=0.1,
        epochs=15,
        metrics=["accuracy"],
        batch_size=2,
    )
    assert history["accuracy"][-1] > 0.95


DECAY = 0.3


def by_hand(
    weights: dict[str, Tensor],
    data: tuple[Tensor, Tensor],
    orders: list[Tensor],
    size: int,
    reduction: str,
    decay_per: str,
) -> tuple[dict[str, Tensor], list[float]]:
    """The same training with torch.nn, autograd and torch.optim."""
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1)).double()
    model.load_state_dict(weights)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    losses = []
    for order in orders:
        total = 0.0
        for rows in order.split(size):
            loss = torch.nn.MSELoss(reduction=reduction)(model(data[0][rows]), data[1][rows])
            squares = sum(value.square().sum() for value in model.parameters())
            optimizer.zero_grad()
            (loss + 0.5 * DECAY * squares / (len(rows) if decay_per == "sample" else 1)).backward()
            optimizer.step()
            total += loss.item() * (len(rows) if reduction == "mean" else 1)
        losses.append(total / len(data[0]))
    return model.state_dict(), losses


@settings(max_examples=draws(25), deadline=None)
@given(
    n=st.integers(1, 17),
    size=st.integers(1, 17),
    seed=st.integers(0, 2**63 - 1),
    shuffle=st.booleans(),
    reduction=st.sampled_from(["mean", "sum"]),
    decay_per=st.sampled_from(["batch", "sample"]),
)
def test_equals_a_loop_written_with_torch(
    n: int, size: int, seed: int, shuffle: bool, reduction: str, decay_per: Any
) -> None:
    data, model, size = plane(n), network(2, 3, 1, seed=n), min(n, size)
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    generator = torch.Generator().manual_seed(seed)
    orders = [torch.randperm(n, generator=generator) if shuffle else torch.arange(n) for _ in range(3)]
    history = run(
        model,
        data,
        epochs=3,
        batch_size=size,
        seed=seed,
        shuffle=shuffle,
        loss=nn.MSELoss(reduction=reduction),
        optimizer=optim.SGD(model.parameters(), lr=0.05, weight_decay=DECAY),
        weight_decay_per=decay_per,
    )
    expected, losses = by_hand(weights, data, orders, size, reduction, decay_per)
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, expected[name], rtol=1e-10, atol=1e-12)
    assert history.loss == pytest.approx(losses, rel=1e-10)
    assert history.steps == 3 * -(-n // size)


def noisy(seed: int | None, before: int = 5) -> tuple[list[Tensor], list[float]]:
    model = nn.Sequential(*network(2, 3, 1), Noise())
    torch.manual_seed(before)
    history = run(model, plane(), seed=seed)
    return values(model), history.loss


@pytest.mark.parametrize("seed", [3, None])
def test_the_same_seed_gives_the_same_bits(seed: int | None) -> None:
    (first, losses), (second, losses_again) = (
        noisy(seed, before=5),
        noisy(seed, before=5 if seed is None else 6),
    )
    assert losses == losses_again
    assert all(torch.equal(a, b) for a, b in zip(first, second))


def test_another_seed_gives_another_order_and_other_noise() -> None:
    assert noisy(3)[1] != noisy(4)[1]
    assert run(network(2, 1), plane(), seed=3).loss != run(network(2, 1), plane(), seed=4).loss


@pytest.mark.parametrize(("seed", "kept"), [(3, True), (None, False)])
def test_a_seed_leaves_the_global_random_state_alone(seed: int | None, kept: bool) -> None:
    model = nn.Sequential(*network(2, 1), Noise())
    before = torch.get_rng_state()
    run(model, plane(), seed=seed)
    assert torch.equal(torch.get_rng_state(), before) == kept


def test_arrays_are_brought_to_the_dtype_of_the_model() -> None:
    x, t = plane()
    model = network(2, 1, dtype=torch.float32)
    again = network(2, 1, dtype=torch.float32)
    assert run(model, (x.numpy(), t.numpy())).loss == run(again, (x.float(), t.float())).loss
    assert run(network(2, 1), (x.tolist(), t.numpy().astype(np.float32))).loss[0] > 0


class Recorder(Callback):
    def __init__(self) -> None:
        self.seen: list[Any] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        self.seen.append([(m.training, m.saving) for m in self.run.model.modules()])


def test_modes_are_put_back_and_nothing_is_left_behind() -> None:
    model, loss, recorder = network(2, 3, 1), nn.MSELoss(), Recorder()
    model[0].eval()
    model[2].eval(saving=True)
    loss.eval()
    model.forward(plane()[0])
    before = [(m.training, m.saving) for m in (*model.modules(), loss)]
    run(model, plane(), loss=loss, callbacks=[recorder], validation=plane(), metrics=["mse"])
    assert recorder.seen == [[(True, True)] * 4] * 2
    assert [(m.training, m.saving) for m in (*model.modules(), loss)] == before
    assert not any(m._saved for m in (*model.modules(), loss))
    assert all(bool((grad == 0).all()) for _, grad in model.parameters())


def test_a_broken_step_leaves_no_gradients_or_state_behind() -> None:
    class Broken(nn.ReLU):
        def backward(self, dy: Tensor) -> Tensor:
            raise KeyboardInterrupt

    model, loss = nn.Sequential(*network(2, 1), Broken(), *network(1, 1)), nn.MSELoss()
    with pytest.raises(KeyboardInterrupt):
        run(model, plane(), loss=loss)
    assert not any(m._saved for m in (*model.modules(), loss))
    assert all(bool((grad == 0).all()) for _, grad in model.parameters())


def test_gradients_and_state_from_before_do_not_matter() -> None:
    clean, used = network(2, 3, 1), network(2, 3, 1)
    used.forward(plane()[0])
    for _, grad in used.parameters():
        grad.fill_(7.0)
    assert run(clean, plane()).loss == run(used, plane()).loss


@pytest.mark.parametrize("fails", [False, True])
def test_threads_are_few_while_training_and_put_back(fails: bool) -> None:
    seen = []

    class Threads(Callback):
        def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
            seen.append(torch.get_num_threads())
            if fails:
                raise RuntimeError("as it happens")

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        if fails:
            with pytest.raises(RuntimeError, match="as it happens"):
                run(network(2, 1), plane(), callbacks=[Threads()])
        else:
            run(network(2, 1), plane(), epochs=1, callbacks=[Threads()])
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert seen == [1]


def test_autograd_may_be_on_or_off() -> None:
    for enabled in (True, False):
        with torch.set_grad_enabled(enabled):
            x, t = plane()
            assert run(network(2, 1), (x.requires_grad_(), t)).loss[0] > 0


def test_validation_and_metrics_are_measured_after_each_epoch() -> None:
    class Evaluated(Callback):
        def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
            train = evaluate(self.run.model, plane(), metrics=["mae"])
            held_out = evaluate(self.run.model, plane(7, seed=1), loss=nn.MSELoss(), metrics=["mae"])
            assert logs["mae"] == train["mae"]
            assert logs["val_loss"] == held_out["loss"]
            assert logs["val_mae"] == held_out["mae"]

    history = run(
        network(2, 1), plane(), validation=plane(7, seed=1), metrics=["mae"], callbacks=[Evaluated()]
    )
    assert list(history.epochs) == ["loss", "mae", "val_loss", "val_mae", "lr", "seconds"]
    assert len(history) == 2


class Halving(optim.Schedule):
    def __init__(self, optimizer: optim.Optimizer, interval: Any, needs_metric: bool = False) -> None:
        super().__init__(optimizer, interval)
        vars(self)["needs_metric"] = needs_metric
        self.calls: list[Any] = []

    def step(self, *metric: float) -> None:
        self.calls.append(tuple(map(float, metric)))
        self.optimizer.param_groups[0]["lr"] /= 2

    def apply(self) -> None:
        """Snapshots put back the optimizer's rate by themselves."""


@pytest.mark.parametrize("held_out", [True, False])
def test_a_schedule_is_stepped_as_often_as_it_says(held_out: bool) -> None:
    def trained(interval: str, **arguments: Any) -> tuple[Halving, Any]:
        model = network(2, 1)
        optimizer = optim.SGD(model.parameters(), lr=1 / 8)
        schedule = Halving(optimizer, interval, **arguments)
        validation = plane(seed=1) if held_out else None
        return schedule, run(
            model, plane(), epochs=3, optimizer=optimizer, schedule=schedule, validation=validation
        )

    schedule, history = trained("epoch")
    assert history["lr"] == [1 / 8, 1 / 16, 1 / 32]
    assert schedule.calls == [()] * 3
    schedule, history = trained("step")
    assert history["lr"] == [1 / 8, 1 / 8 / 2**5, 1 / 8 / 2**10]
    assert schedule.calls == [()] * 15
    schedule, history = trained("step", needs_metric=True)
    assert np.mean(schedule.calls[:5]) == pytest.approx(history.loss[0])
    schedule, history = trained("epoch", needs_metric=True)
    assert schedule.calls == [(value,) for value in history["val_loss" if held_out else "loss"]]


@pytest.mark.parametrize(
    "schedule",
    [
        lambda o: optim.StepLR(o, 1, gamma=0.5),
        lambda o: optim.OneCycleLR(o, max_lr=0.1, total_steps=30),
        lambda o: optim.ReduceLROnPlateau(o, patience=0, threshold=1e9, threshold_mode="abs"),
    ],
)
def test_the_schedules_of_optim_change_the_rate(schedule: Any) -> None:
    model = network(2, 1)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    rates = run(model, plane(), epochs=3, optimizer=optimizer, schedule=schedule(optimizer))["lr"]
    assert len(set(rates)) > 1


def test_parameters_that_the_optimizer_does_not_hold_stay() -> None:
    model = network(2, 3, 1)
    first, last = values(model)[:2], values(model)[2:]
    run(model, plane(), optimizer=optim.SGD(model[2].parameters(), lr=0.05))
    assert all(torch.equal(a, b) for a, b in zip(values(model)[:2], first))
    assert not any(torch.equal(a, b) for a, b in zip(values(model)[2:], last))


def test_the_reason_for_stopping_and_the_engine_are_told() -> None:
    history = run(network(2, 1), plane())
    assert history.stopped == "all 2 epochs done"
    assert history.engine == "eager"
    assert re.fullmatch(
        r"eager: eagerly about less than 0.01 s, compiling about 0\.\d s", history.engine_reason
    )
    assert run(network(2, 1), plane(), engine="eager").engine_reason == "asked for"
    assert history.seconds > sum(history["seconds"]) > 0


X, T = plane()
NAN = X.clone()
NAN[3, 1] = float("nan")
STRANGER = optim.SGD(network(2, 1).parameters())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"data": (X[:0], T[:0])}, "data: expected at least one sample, got none"),
        ({"data": (NAN, T)}, r"data: expected finite inputs, got nan at \[3, 1\]"),
        ({"data": (X, T[:5])}, "data: expected one target for each of 20 inputs, got 5"),
        ({"data": X}, "data: expected a Dataset or a pair"),
        ({"validation": (NAN, T)}, "data: expected finite inputs"),
        ({"batch_size": 0}, "batch_size: expected a positive integer, got 0"),
        ({"batch_size": -3}, "batch_size: expected a positive integer, got -3"),
        ({"batch_size": 2.0}, "batch_size: expected a positive integer, got 2.0"),
        ({"batch_size": True}, "batch_size: expected a positive integer, got True"),
        ({"batch_size": 21}, "batch_size: expected at most the 20 samples of the data, got 21"),
        ({"epochs": 0}, "epochs: expected a positive integer, got 0"),
        ({"seed": -1}, "seed: expected None or an integer from 0"),
        ({"seed": "x"}, "seed: expected None or an integer from 0"),
        ({"engine": "warp"}, "engine: expected 'auto', 'eager' or 'native', got 'warp'"),
        (
            {"weight_decay_per": "sampel"},
            "weight_decay_per: expected 'batch' or 'sample', got 'sampel'",
        ),
        ({"metrics": ["f2"]}, "metrics: expected a callable or one of accuracy, .* got 'f2'"),
        ({"metrics": "mse"}, "metrics: expected a list of names or callables, got the string 'mse'"),
        ({"loss": nn.MSELoss}, "loss: expected a Loss such as nn.MSELoss"),
        ({"loss": nn.ReLU()}, "loss: expected a Loss such as nn.MSELoss"),
        ({"loss": nn.MSELoss("none")}, "loss: expected reduction 'mean' or 'sum'"),
        ({"optimizer": 0.1}, "optimizer: expected an Optimizer such as"),
        ({"optimizer": STRANGER}, "optimizer: expected the model's parameters alone, got 2 others among 2"),
        ({"schedule": 0.1}, "schedule: expected one such as"),
        ({"schedule": Halving(STRANGER, "epoch")}, "schedule: expected one for the same optimizer"),
        ({"callbacks": [Callback]}, "callbacks: expected instances of Callback, got <class"),
        ({"callbacks": Callback()}, r"callbacks: expected a list such as \[EarlyStopping\(\)\], got <"),
        (
            {"optimizer": torch.optim.SGD([torch.ones(1)])},
            "optimizer: expected an Optimizer such as .*, got torch's SGD",
        ),
        ({"data": (X[:, :1], T)}, r"Sequential\[0\] Linear\(2, 3.*: expected input \(\*, 2\).*got \(20, 1\)"),
        ({"data": (X, T[:, 0])}, r"MSELoss\(\): expected target \(20, 1\).*got \(20,\)"),
        ({"validation": (X, T[:, 0])}, r"MSELoss\(\): expected target \(20, 1\).*got \(20,\)"),
    ],
)
def test_what_cannot_be_used_is_told_before_anything_changes(arguments: dict[str, Any], message: str) -> None:
    model = network(2, 3, 1)
    before = values(model)
    data = arguments.pop("data", (X, T))
    with pytest.raises(ValueError, match=message) as caught:
        run(model, data, **arguments)
    assert "\n" not in str(caught.value)
    assert all(torch.equal(a, b) for a, b in zip(values(model), before))
    assert all(module.training for module in model.modules())


@pytest.mark.parametrize("model", [torch.nn.Sequential(torch.nn.Linear(2, 1)), nn.Linear, None])
def test_what_is_no_module_is_told(model: Any) -> None:
    optimizer = optim.SGD(network(2, 1).parameters(), lr=0.1)
    for call in (
        lambda: fit(model, (X, T), loss=nn.MSELoss(), optimizer=optimizer, epochs=1, batch_size=4),
        lambda: evaluate(model, (X, T)),
        lambda: predict(model, X),
    ):
        with pytest.raises(
            ValueError, match=r"model: expected a plaingrad Module such as .*, got "
        ) as caught:
            call()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("interval", "enough"), [("step", 10), ("epoch", 2)])
def test_a_cycle_that_ends_too_early_is_told_before_training(interval: Any, enough: int) -> None:
    for total, used in ((enough - 1, 0), (enough, 1)):
        model = network(2, 1)
        before, optimizer = values(model), optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        schedule = optim.OneCycleLR(optimizer, 0.1, total_steps=total, interval=interval)
        for _ in range(used):
            schedule.step()
        message = f"expected OneCycleLR to have the {enough} steps of 2 epochs before it, got {enough - 1}"
        with pytest.raises(ValueError, match=message):
            run(model, plane(), optimizer=optimizer, schedule=schedule)
        assert all(torch.equal(a, b) for a, b in zip(values(model), before))
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    run(
        model,
        plane(),
        optimizer=optimizer,
        schedule=optim.OneCycleLR(optimizer, 0.1, enough, interval=interval),
    )


def test_a_model_without_a_tensor_as_output_is_refused() -> None:
    class Pair(nn.Linear):
        def forward(self, x: Tensor) -> Any:
            return super().forward(x), x

    with pytest.raises(ModuleError, match=r"Pair\(2, 1.*expected a tensor as output, got tuple"):
        run(Pair(2, 1, dtype=torch.float64), plane())


def test_a_last_batch_that_is_too_small_is_told_before_anything_changes() -> None:
    model = nn.Sequential(*network(2, 3), nn.BatchNorm1d(3, dtype=torch.float64), *network(3, 1))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(
        ModuleError, match=r"Sequential\[1\] BatchNorm1d.*more than one value per channel"
    ) as told:
        run(model, plane(9))
    assert str(told.value).endswith("got (1, 3), the last batch of the epoch (1 of 9 samples)")
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    run(model, plane(10), epochs=1)  # batches of 4, 4 and 2
    assert model[1].num_batches_tracked.value.item() == 3, "the trial has left a trace"


@pytest.mark.parametrize("tracked", [True, False])
@pytest.mark.parametrize("engine", ["eager", "native"])
def test_batches_of_one_sample_are_told_before_anything_changes(engine: str, tracked: bool) -> None:
    norm = nn.BatchNorm1d(3, track_running_stats=tracked, dtype=torch.float64)
    model = nn.Sequential(*network(2, 3), norm, *network(3, 1))
    with pytest.raises(ModuleError, match=r"the last batch of the epoch \(1 of 8 samples\)"):
        run(model, plane(8), batch_size=1, engine=engine)
    if norm.num_batches_tracked is not None:
        assert norm.num_batches_tracked.value.item() == 0


def test_what_fails_in_training_alone_is_told_before_a_statistic_changes() -> None:
    class Evaluating(nn.Identity):
        def forward(self, x: Tensor) -> Tensor:
            if self.training:
                raise ModuleError(self, "expected evaluation")
            return super().forward(x)

    model = nn.Sequential(*network(2, 3), nn.BatchNorm1d(3, dtype=torch.float64), Evaluating())
    with pytest.raises(ModuleError, match="expected evaluation"):
        run(model, (plane(8)[0], torch.zeros(8, 3, dtype=torch.float64)))
    assert model[1].num_batches_tracked.value.item() == 0


def test_callbacks_see_what_those_before_them_have_noted() -> None:
    class Noting(Callback):
        def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
            logs["noted"] = logs.get("noted", 0) + 1
            self.seen = logs["noted"]

    callbacks = [Noting(), Noting()]
    run(network(2, 1), plane(), callbacks=callbacks)
    assert [callback.seen for callback in callbacks] == [1, 2]


def test_batches_are_slices_of_the_order() -> None:
    model, seen = network(2, 1), []
    forward = model.forward

    def watched(x: Tensor) -> Tensor:
        if model.training:
            seen.append(x.clone())
        return forward(x)

    vars(model)["forward"] = watched
    run(model, plane(10), epochs=1, batch_size=4, seed=3)
    order = torch.randperm(10, generator=torch.Generator().manual_seed(3))
    assert [len(x) for x in seen] == [2, 4, 4, 2]  # the first is a trial of the last batch
    assert torch.equal(torch.cat(seen[1:]), plane(10)[0][order])
