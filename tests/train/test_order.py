from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from effort import draws
from plaingrad import fit_many, nn, optim
from plaingrad.data import Dataset
from plaingrad.native.engine import NativeEngine
from plaingrad.train.callbacks import Callback
from train.small import network, plane, run, values

ENGINES = "native", "eager"
KINDS: list[Callable[[np.ndarray], Any]] = [
    lambda order: order,
    lambda order: order.astype(np.uint16),
    lambda order: order[::-1].copy()[::-1],
    torch.from_numpy,
    lambda order: torch.from_numpy(order).int(),
    lambda order: order.tolist(),
]


class Orders:
    """Gives one order after another, as scikit-learn's estimators draw them."""

    def __init__(self, samples: int, seed: int = 0, kind: Callable[[np.ndarray], Any] = KINDS[0]) -> None:
        self.random, self.samples, self.kind = np.random.RandomState(seed), samples, kind
        self.given: list[np.ndarray] = []

    def __call__(self) -> Any:
        self.given.append(self.random.permutation(self.samples))
        return self.kind(self.given[-1])


@settings(max_examples=draws(30), deadline=None)
@given(
    engine=st.sampled_from(ENGINES),
    kind=st.sampled_from(KINDS),
    samples=st.integers(1, 9),
    weighted=st.booleans(),
    epochs=st.integers(1, 4),
)
def test_the_order_given_is_that_of_data_reordered_by_hand(
    engine: str, kind: Any, samples: int, weighted: bool, epochs: int
) -> None:
    x, t = plane(samples)
    weights = torch.linspace(1, 2, samples, dtype=torch.float64) if weighted else None
    orders, options = Orders(samples, kind=kind), {"engine": engine, "batch_size": min(4, samples)}
    model, by_hand = network(2, 9, 1), network(2, 9, 1)
    losses = run(model, (x, t), shuffle=orders, epochs=epochs, sample_weight=weights, **options).loss
    assert len(orders.given) == epochs
    for order, loss in zip(orders.given, losses):
        data, weight = (
            Dataset(x, t).take(torch.from_numpy(order)),
            weights if weights is None else weights[order],
        )
        history = run(by_hand, data, shuffle=False, epochs=1, sample_weight=weight, **options)
        assert history.loss == pytest.approx([loss], rel=1e-13)
    for a, b in zip(values(model), values(by_hand)):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("watches", [True, False])
def test_each_order_is_asked_for_once_when_many_epochs_go_into_one_call(
    watches: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    original = NativeEngine.run_epochs

    def counted(self: NativeEngine, orders: Tensor | None, count: int) -> list[float]:
        calls.append(count)
        return original(self, orders, count)

    monkeypatch.setattr(NativeEngine, "run_epochs", counted)

    class Watching(Callback):
        watches_model = watches

    trained = []
    for engine in ENGINES:
        orders, model = Orders(20, seed=1), network(2, 9, 1)
        run(model, plane(), shuffle=orders, epochs=50, engine=engine, callbacks=[Watching()])
        assert len(orders.given) == 50
        trained.append(values(model))
    assert (max(calls) > 1) != watches
    for a, b in zip(*trained, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-13)


BEGINNING = r"^shuffle: expected an order with each index from 0 to 19 once, got "


@pytest.mark.parametrize(
    ("order", "problem"),
    [
        (torch.arange(19), BEGINNING + r"torch.int64 of shape \(19,\)$"),
        (torch.arange(20).view(1, 20), BEGINNING + r"torch.int64 of shape \(1, 20\)$"),
        (np.arange(20.0), BEGINNING + r"torch.float64 of shape \(20,\)$"),
        (torch.arange(20) > 3, BEGINNING + r"torch.bool of shape \(20,\)$"),
        (torch.arange(20).to(torch.complex64), BEGINNING + r"torch.complex64 of shape"),
        (torch.arange(1, 21), BEGINNING + r"20 at \[19\]$"),
        (np.arange(-1, 19), BEGINNING + r"-1 at \[0\]$"),
        (np.arange(20, dtype=np.uint64) - np.uint64(1), BEGINNING + r"18446744073709551615 at \[0\]$"),
        ([*range(19), 4], BEGINNING + r"4 2 times$"),
        ([7] * 20, BEGINNING + r"7 20 times$"),
        (None, r"^data: expected numbers of at most 64 bits as the order that shuffle gives, got object$"),
        ([[1], [1, 2]], r"^data: expected the order that shuffle gives in rows of one length"),
    ],
)
@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_no_order_is_refused_and_the_epochs_before_stay(
    order: Any, problem: str, engine: str
) -> None:
    model, alone, orders = network(2, 9, 1), network(2, 9, 1), iter([torch.arange(20), order])
    with pytest.raises(ValueError, match=problem) as caught:
        run(model, plane(), shuffle=lambda: next(orders), epochs=2, engine=engine)
    assert "\n" not in str(caught.value)
    run(alone, plane(), shuffle=False, epochs=1, engine=engine)
    assert all(torch.equal(a, b) for a, b in zip(values(model), values(alone)))


@pytest.mark.parametrize("shuffle", [None, "yes", 1, torch.arange(20)])
def test_what_gives_no_order_is_refused(shuffle: Any) -> None:
    model = network(2, 9, 1)
    with pytest.raises(ValueError, match=r"^shuffle: expected True, False, 'blocks' or a callable .*, got "):
        run(model, plane(), shuffle=shuffle)
    assert all(torch.equal(a, b) for a, b in zip(values(model), values(network(2, 9, 1))))


def sweep(shuffle: Any) -> list[list[Tensor]]:
    models = [network(2, 9, 1) for _ in range(3)]
    optimizers = [optim.SGD(model.parameters(), lr=0.05) for model in models]
    fit_many(
        models,
        plane(),
        loss=nn.MSELoss(),
        optimizers=optimizers,
        epochs=3,
        batch_size=4,
        seeds=0,
        shuffle=shuffle,
        engine="native",
        progress=False,
    )
    return [values(model) for model in models]


def test_each_network_of_a_sweep_has_its_own_order() -> None:
    for shuffle, trained in zip(
        (Orders(20), False, Orders(20, 1)), sweep([Orders(20), False, Orders(20, 1)])
    ):
        alone = network(2, 9, 1)
        run(alone, plane(), epochs=3, shuffle=shuffle, engine="native")
        assert all(torch.equal(a, b) for a, b in zip(trained, values(alone)))


@pytest.mark.parametrize(
    ("shuffle", "problem"),
    [
        (Orders(20), r"^shuffle: expected instances for each network alone, got a Orders for 0 and 1$"),
        ([True, False], r"^shuffle: expected one for each of 3 models, got 2$"),
        (
            [True, False, 3],
            r"^shuffle: expected True, False, 'blocks' or a callable that gives an order, got 3$",
        ),
    ],
)
def test_orders_that_a_sweep_cannot_use(shuffle: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        sweep(shuffle)
