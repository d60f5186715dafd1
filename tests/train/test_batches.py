"""Training on batches that come from outside."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from plaingrad import evaluate, nn, optim
from plaingrad.train import TrainingDiverged
from plaingrad.train.callbacks import Callback
from train.small import network, plane, run, values

X, T = plane(22)
LIST = list(zip(X.split(4), T.split(4)))
FORMS: dict[str, Any] = {
    "list": LIST,
    "arrays": [(x.numpy(), t.numpy()) for x, t in LIST],
    "loader": DataLoader(TensorDataset(X, T), batch_size=4),
    "function": lambda: iter(LIST),
    "workers": DataLoader(TensorDataset(X, T), batch_size=4, num_workers=1),
}


def fitted(data: Any, **options: Any) -> tuple[list[Tensor], Any]:
    model = network(2, 3, 1)
    history = run(model, data, **{"batch_size": None, "epochs": 3, **options})
    return values(model), history


@pytest.mark.parametrize("form", list(FORMS))
def test_batches_give_the_bits_of_the_data_in_their_order(form: str) -> None:
    expected, known = fitted((X, T), batch_size=4, shuffle=False, engine="eager", validation=(X, T))
    found, history = fitted(FORMS[form], validation=FORMS[form])
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    assert history.loss == known.loss
    assert history.val_loss == pytest.approx(known.val_loss, rel=1e-12)
    assert history.steps == known.steps == 18
    assert history.engine_reason == "eager: batches that come from outside"


def test_a_generator_function_is_called_anew_in_each_epoch() -> None:
    calls: list[int] = []

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        calls.append(len(calls))
        yield from LIST

    _, history = fitted(batches)
    assert calls == [0, 1, 2]
    assert history.steps == 18


def test_an_iterator_gives_one_epoch_or_steps_of_it() -> None:
    expected, _ = fitted((X, T), batch_size=4, shuffle=False, engine="eager", epochs=1)
    found, history = fitted(iter(LIST), epochs=1)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    assert history.stopped == "all 1 epochs done"
    endless = ((LIST[i % 6]) for i in count())
    found, history = fitted(endless, epochs=3, steps_per_epoch=2)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    assert history.steps == 6
    assert next(endless) is LIST[0]
    _, history = fitted(iter(LIST), epochs=9, steps_per_epoch=4)
    assert (len(history), history.steps) == (2, 6)
    assert history.stopped == "the batches ran out after epoch 2"


class Rewinding:
    """An iterator that returns to its beginning when it is asked for itself."""

    def __iter__(self) -> Rewinding:
        self.rest = iter(LIST)
        return self

    def __next__(self) -> Any:
        return next(self.rest)


def test_an_iterator_that_can_rewind_is_not_begun_anew_either() -> None:
    _, history = fitted(Rewinding(), epochs=9, steps_per_epoch=4)
    assert (len(history), history.steps) == (2, 6)
    assert history.stopped == "the batches ran out after epoch 2"


def test_steps_of_a_list_go_on_where_the_epoch_before_has_ended() -> None:
    expected, _ = fitted(LIST, epochs=2)
    found, history = fitted(LIST, epochs=3, steps_per_epoch=4)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    assert history.steps == 12


def test_metrics_are_over_all_batches() -> None:
    model = network(2, 3, 1)
    whole = evaluate(model, (X, T), loss=nn.MSELoss(), metrics=["r2", "mae"])
    assert evaluate(model, LIST, loss=nn.MSELoss(), metrics=["r2", "mae"]) == pytest.approx(whole, rel=1e-12)
    assert evaluate(model, iter(LIST), loss=nn.MSELoss()) == pytest.approx({"loss": whole["loss"]})
    still = optim.SGD(model.parameters(), lr=0.0)
    history = run(model, LIST, batch_size=None, optimizer=still, epochs=1, metrics=["r2"], validation=LIST)
    assert history["r2"] == history["val_r2"] == pytest.approx([whole["r2"]], rel=1e-12)
    assert history["val_loss"] == pytest.approx([whole["loss"]], rel=1e-12)


def test_batches_of_several_inputs_and_outputs() -> None:
    nodes = {"y": (nn.Linear(2, 1, dtype=torch.float64), "a"), "sum": (nn.Add(), "y", "b")}
    torch.manual_seed(0)
    model = nn.Graph(["a", "b"], nodes, ("y", "sum"))
    loader = DataLoader([((x, t), (t, 2 * t)) for x, t in zip(X, T)], batch_size=5)
    history = run(model, loader, batch_size=None, loss=(nn.MSELoss(), nn.MSELoss()), epochs=30, lr=0.1)
    assert history.loss[-1] < 1e-2 < history.loss[0]
    named = [({"b": t, "a": x}, {"sum": 2 * t, "y": t}) for x, t in LIST]
    losses = {"y": nn.MSELoss(), "sum": nn.MSELoss()}
    assert evaluate(model, named, loss=losses)["loss"] < 1e-2


def test_batches_of_different_widths_need_no_common_one() -> None:
    table = nn.Embedding(5, 1, dtype=torch.float64)
    data = [(torch.randint(5, (3, width)), torch.zeros(3, width, 1)) for width in (2, 4, 3)]
    history = run(table, data, batch_size=None, validation=data)
    assert history.val_loss[-1] < history.val_loss[0]


def test_accumulation_over_batches_equals_the_batch_of_all() -> None:
    whole = [tuple(map(torch.cat, zip(*LIST[i : i + 4]))) for i in (0, 4)]
    expected, _ = fitted(whole)
    found, history = fitted(LIST, gradient_accumulation_steps=4)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)
    assert history.steps == 6


def test_hooks_of_batches_and_schedules_of_steps_see_each_batch() -> None:
    class Count(Callback):
        def __init__(self) -> None:
            self.seen: list[int] = []

        def on_train_batch_end(self, batch: int, logs: dict[str, float]) -> None:
            self.seen.append(batch)

    hook = Count()
    fitted(LIST, epochs=2, callbacks=[hook])
    assert hook.seen == [*range(6), *range(6)]


@pytest.mark.parametrize("bad", [2, 5])
def test_divergence_names_the_step_and_the_module(bad: int) -> None:
    model = network(2, 3, 1)
    before = values(model)
    batches = [(x, t + (1e200 if i == bad else 0)) for i, (x, t) in enumerate(LIST)]
    with pytest.raises(TrainingDiverged, match=rf"epoch 1, step {bad + 1}: ") as caught:
        run(model, iter(batches), batch_size=None, epochs=1)
    assert caught.value.finding is not None
    assert caught.value.finding.step == bad + 1
    torch.testing.assert_close(values(model), before, rtol=0, atol=0)


def endless() -> Iterator[Any]:
    yield from LIST


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (LIST, {"batch_size": 4}, "batch_size: expected None, for train is in batches, got 4"),
        (LIST, {"sample_weight": np.ones(22)}, "sample_weight: expected None, for train is in batches"),
        (LIST, {"shuffle": lambda: []}, "shuffle: expected True or False, for train is in batches"),
        (LIST, {"steps_per_epoch": 0}, "steps_per_epoch: expected a positive integer, got 0"),
        (LIST, {"engine": "native"}, "engine 'native' cannot run this: batches that come from outside"),
        (
            (X, T),
            {"steps_per_epoch": 2},
            "steps_per_epoch: expected None, for train is not in batches, got 2",
        ),
        ((X, T), {}, "batch_size: expected a positive integer, such as 32; it was not passed"),
        (
            endless(),
            {},
            "train: expected batches that can be iterated anew .* or steps_per_epoch, got <generator",
        ),
        (LIST, {"validation": endless()}, "validation: expected batches that can be iterated anew"),
        (iter([]), {"epochs": 1}, "train: expected at least one batch, got none"),
        (lambda: [], {}, "train: expected at least one batch in each epoch, got none"),
        (iter([X]), {"epochs": 1}, r"train, batch 1: expected a pair \(inputs, targets\), got Tensor"),
        (iter([(X, T, T)]), {"epochs": 1}, r"train, batch 1: expected a pair .*, got 3 entries"),
        (
            iter([(X, T[:3])]),
            {"epochs": 1},
            "train, batch 1: data: expected one target for each of 22 inputs",
        ),
        ([LIST[0], (X, T * torch.nan)], {}, "train, batch 2: data: expected finite targets, got nan"),
        ({"x": X}, {}, "data: expected a Dataset or a pair"),
    ],
)
def test_bad_batches_get_one_message(data: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        fitted(data, **options)
    assert "\n" not in str(caught.value)
