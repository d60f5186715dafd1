from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from plaingrad import evaluate, nn, optim, predict
from plaingrad.native import cost
from plaingrad.native.engine import NativeEngine
from plaingrad.train.callbacks import Callback
from plaingrad.train.callbacks.callback import Logs
from plaingrad.train.eager import EagerEngine
from train.small import run, values

NETWORKS: dict[str, Callable[[], list[nn.Module]]] = {
    "linear": lambda: [nn.Linear(3, 17), nn.SiLU(), nn.Linear(17, 4)],
    "residual": lambda: [nn.Residual(nn.Linear(3, 3), nn.Tanh()), nn.Linear(3, 4), nn.Softmax(1)],
    "dropout": lambda: [nn.Linear(3, 9), nn.Dropout(0.5), nn.ReLU(), nn.Dropout(1.0), nn.Linear(9, 4)],
    "batch": lambda: [nn.Linear(3, 9), nn.BatchNorm1d(9), nn.Dropout(0.2), nn.ReLU(), nn.Linear(9, 4)],
    "layer": lambda: [nn.Linear(3, 9), nn.LayerNorm(9), nn.Linear(9, 4), nn.LogSoftmax(1)],
    "sparse": lambda: [nn.Linear(40, 20), nn.ReLU(), nn.Linear(20, 4)],
    "columns": lambda: [nn.ColumnEmbedding(3, {1: (5, 3)}), nn.Linear(5, 4)],
    "embedding": lambda: [nn.Embedding(5, 3), nn.Flatten(), nn.Linear(6, 4)],
}
CLOSE: dict[torch.dtype, dict[str, float]] = {
    torch.float32: {"rtol": 1e-5, "atol": 1e-6},
    torch.float64: {"rtol": 1e-12, "atol": 1e-13},
}


def samples(name: str, n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Inputs for a network of that name, and four columns of targets."""
    generator = torch.Generator().manual_seed(seed)
    targets = torch.randn(n, 4, generator=generator)
    if name == "embedding":
        return torch.randint(5, (n, 2), generator=generator), targets
    x = torch.randn(n, 40 if name == "sparse" else 3, generator=generator)
    if name == "columns":
        x[:, 1] = torch.randint(5, (n,), generator=generator).float()
    return torch.where(x.abs() > 2, x, 0.0) if name == "sparse" else x, targets


class Compare(Callback):
    """Measures eagerly what has been measured."""

    def __init__(self, train: Any, validation: Any, dtype: torch.dtype) -> None:
        self.train, self.validation, self.close = train, validation, CLOSE[dtype]
        self.epochs = 0

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        held_out = evaluate(self.run.model, self.validation, loss=nn.MSELoss(), metrics=["mae"])
        expected = {f"val_{name}": number for name, number in held_out.items()}
        expected |= evaluate(self.run.model, self.train, metrics=["mae"])
        for name, number in expected.items():
            torch.testing.assert_close(logs[name], number, **self.close)
        self.epochs += 1


@pytest.mark.parametrize(("dtype", "batch_size"), [(torch.float32, 32), (torch.float64, 7)])
@pytest.mark.parametrize("name", NETWORKS)
def test_agrees_with_the_modules(
    name: str, dtype: torch.dtype, batch_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(*NETWORKS[name]()).to(dtype)
    train, validation = samples(name, 52, 0), samples(name, 1100, 1)
    compare = Compare(train, validation, dtype)
    monkeypatch.setattr(EagerEngine, "outputs", None)
    run(
        model,
        train,
        validation=validation,
        metrics=["mae"],
        batch_size=batch_size,
        epochs=3,
        engine="native",
        callbacks=[compare],
    )
    assert compare.epochs == 3


@pytest.mark.parametrize("name", ["batch", "sparse"])
def test_training_goes_on_as_if_nobody_had_looked(name: str) -> None:
    found = []
    for validation in (None, samples(name, 9, 1)):
        torch.manual_seed(0)
        model = nn.Sequential(*NETWORKS[name]())
        rule = optim.Adam(model.parameters(), lr=0.01)
        options = {"validation": validation, "optimizer": rule, "engine": "native", "epochs": 3}
        run(model, samples(name, 20, 0), batch_size=7, **options)
        found.append([*model.state_dict().values(), *values(model)])
    assert all(map(torch.equal, *found))


class Told(NativeEngine):
    """Notes what it gives, and the eager engine's."""

    def outputs(self, inputs: Tensor) -> Tensor:
        found = super().outputs(inputs)
        told.append((found, predict(self.task.model, inputs)))
        return found


told: list[tuple[Tensor, Tensor]] = []


@pytest.mark.parametrize("rows_per_call", [1, 5, 100])
def test_samples_anywhere_in_any_number_of_calls(rows_per_call: int, monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(Told):
        def outputs(self, inputs: Tensor) -> Tensor:
            self.steps_per_call = rows_per_call
            return super().outputs(inputs)

    told.clear()
    monkeypatch.setattr("plaingrad.train.engine.NativeEngine", Slow)
    torch.manual_seed(0)
    model = nn.Sequential(*NETWORKS["linear"]())
    x, t = samples("linear", 23, 1)
    strange = x.t().contiguous().t(), t
    assert not strange[0].is_contiguous()
    run(model, samples("linear", 20, 0), validation=strange, batch_size=4, engine="native")
    assert len(told) == 2
    for found, expected in told:
        torch.testing.assert_close(found, expected, **CLOSE[torch.float32])


@pytest.mark.parametrize("n", [1, 2, 50])
def test_split_over_threads(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    told.clear()
    monkeypatch.setattr("plaingrad.train.engine.NativeEngine", Told)
    monkeypatch.setattr(cost, "threads_for", lambda task: 3)
    torch.manual_seed(0)
    model = nn.Sequential(*NETWORKS["dropout"]())
    train, validation = samples("dropout", 20, 0), samples("dropout", n, 1)
    history = run(model, train, validation=validation, batch_size=8, engine="native")
    assert history.engine_reason == "asked for, on 3 threads"
    for found, expected in told:
        torch.testing.assert_close(found, expected, **CLOSE[torch.float32])


class Unknown(Callback):
    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        self.run.optimizer.param_groups[0]["eps"] = 0.0


@pytest.mark.parametrize(
    ("layers", "columns", "callbacks", "engine"),
    [
        ([nn.BatchNorm1d(3, track_running_stats=False), nn.Linear(3, 4)], 3, [], "native"),
        ([nn.Flatten(), nn.Linear(3, 4)], 3, [Unknown()], "native and eager"),
        ([nn.Flatten(), nn.Linear(3, 4)], (1, 3), [], "native"),
    ],
)
def test_what_the_program_was_not_made_for_is_evaluated_eagerly(
    layers: list[nn.Module],
    columns: Any,
    callbacks: list[Callback],
    engine: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told.clear()
    monkeypatch.setattr("plaingrad.train.engine.NativeEngine", Told)
    model = nn.Sequential(*layers)
    (x, t), (held, wanted) = samples("linear", 20, 0), samples("linear", 9, 1)
    shape = columns if isinstance(columns, tuple) else (columns,)
    history = run(
        model,
        (x, t),
        validation=(held.reshape(-1, *shape), wanted),
        engine="native",
        optimizer=optim.Adam(model.parameters()),
        callbacks=callbacks,
    )
    assert history.engine == engine
    assert len(told) == 2
    assert torch.equal(*told[-1])
