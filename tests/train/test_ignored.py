"""Metrics of classes leave out the targets that the loss ignores."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from effort import draws
from plaingrad import evaluate, nn
from plaingrad.train.metrics import CLASS_METRICS, named
from train.small import network, run

NAMES = list(CLASS_METRICS)


def samples(n: int, classes: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 2, generator=generator, dtype=torch.float64)
    return x, torch.randint(classes, (n,), generator=generator)


@settings(max_examples=draws(20), deadline=None)
@given(
    classes=st.integers(2, 4),
    ignored=st.sampled_from([-100, -1, 0, 1]),
    kind=st.sampled_from([nn.CrossEntropyLoss, nn.NLLLoss]),
    rest=st.sampled_from([(), (3,), (2, 2)]),
    seed=st.integers(0, 2**32),
)
def test_as_without_them(
    classes: int, ignored: int, kind: type[nn.Loss], rest: tuple[int, ...], seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(8, classes, *rest, generator=generator)
    t = torch.randint(classes, (8, *rest), generator=generator)
    left_out = torch.rand(t.shape, generator=generator) < 0.4
    t = torch.where(left_out, ignored, t)
    kept = t != ignored
    functions, others = (
        named(NAMES, kind(ignore_index=index))
        for index in (ignored, -200)  # type: ignore[call-arg]
    )
    for name in NAMES:
        found = float(functions[name](x, t))
        expected = float(others[name](x.movedim(1, -1)[kept], t[kept])) if kept.any() else math.nan
        assert found == pytest.approx(expected, nan_ok=True), name


@pytest.mark.parametrize("engine", ["eager", "native"])
def test_in_training_and_evaluation(engine: str) -> None:
    (x, t), loss = samples(20, 3), nn.CrossEntropyLoss()
    t[5:9] = t[15:] = -100
    kept, names = t != -100, [name for name in NAMES if name != "roc_auc"]
    model = network(2, 3)
    history = run(model, (x, t), loss=loss, validation=(x, t), metrics=names, engine=engine, epochs=1)
    expected = evaluate(model, (x[kept], t[kept]), loss=loss, metrics=names)
    assert evaluate(model, (x, t), loss=loss, metrics=names, batch_size=3) == pytest.approx(expected)
    for name in names:
        assert history[name] == history[f"val_{name}"] == [pytest.approx(expected[name])], name


def test_in_training_and_evaluation_in_batches() -> None:
    (x, t), loss = samples(8, 3), nn.CrossEntropyLoss()
    t[3:6] = -100
    batches = [(x[:4], t[:4]), (x[4:], t[4:])]
    options = {"loss": loss, "metrics": ["accuracy"]}
    history = run(model := network(2, 3), batches, validation=batches, batch_size=None, epochs=1, **options)
    right = evaluate(model, (x[t >= 0], t[t >= 0]), **options)["accuracy"]
    assert evaluate(model, batches, **options)["accuracy"] == history["val_accuracy"][0] == right
    assert 5 * history["accuracy"][0] == pytest.approx(round(5 * history["accuracy"][0]))


def test_of_several_outputs_each_its_own() -> None:
    x, t = samples(10, 3)
    first, second = t.clone(), t.clone()
    first[:4], second[7:] = -100, 1
    losses = {"first": nn.CrossEntropyLoss(), "second": nn.CrossEntropyLoss(ignore_index=1)}
    inner = network(2, 3)
    model = nn.Graph(["x"], {"first": (inner, "x"), "second": (nn.Tanh(), "first")}, ("first", "second"))
    metrics = {"first": ["accuracy"], "second": ["accuracy", "f1"]}
    found = evaluate(model, (x, {"first": first, "second": second}), loss=losses, metrics=metrics)
    counted = second != 1
    assert found["first_accuracy"] == float(CLASS_METRICS["accuracy"](inner(x[4:]), first[4:]))
    for name in ("accuracy", "f1"):
        expected = CLASS_METRICS[name](inner(x[counted]), second[counted])
        assert found[f"second_{name}"] == pytest.approx(float(expected))


@pytest.mark.parametrize("classes", [2, 3])
def test_nothing_but_ignored_targets_have_no_metric(classes: int) -> None:
    x, t = samples(6, classes)
    found = evaluate(
        network(2, classes), (x, torch.full_like(t, -100)), loss=nn.CrossEntropyLoss(), metrics=NAMES
    )
    assert all(math.isnan(value) for value in found.values())


def test_callables_get_every_sample() -> None:
    x, t = samples(6, 3)
    t[2:] = -100
    counts = named([lambda prediction, target: len(target)], nn.CrossEntropyLoss())
    assert [metric(x, t) for metric in counts.values()] == [6]
