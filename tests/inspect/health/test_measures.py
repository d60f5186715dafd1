from __future__ import annotations

import pytest
import torch

from plaingrad.inspect import health, record
from plaingrad.inspect.health.measures import BINS, histogram, locations, units

from ..record.networks import NETWORKS


@pytest.mark.parametrize("name", NETWORKS)
def test_measures_are_those_of_the_record(name: str) -> None:
    torch.manual_seed(0)
    model, x, target, loss = NETWORKS[name]()
    trace = record(model, x, target, loss=loss)
    layers = health(trace).epochs[0].layers
    assert len({layer.path for layer in layers}) == len(layers) > 0
    for layer in layers:
        call = trace[layer.path]
        if isinstance(call.outputs, torch.Tensor) and call.grad_outputs:
            assert layer.mean == pytest.approx(call.outputs.double().mean().item())
            assert layer.gradient_out == pytest.approx(call.grad_outputs[0].double().norm().item())
            assert sum(layer.activations.counts) == call.outputs.numel()
        assert call.module.signature() in layer.name


@pytest.mark.parametrize("name", NETWORKS)
def test_measuring_leaves_the_record_as_it_was(name: str) -> None:
    torch.manual_seed(0)
    model, x, target, loss = NETWORKS[name]()
    trace = record(model, x, target, loss=loss)
    before = trace.to_json()
    health(trace)
    assert trace.to_json() == before


def test_a_path_is_written_with_the_modules_around_it() -> None:
    model = NETWORKS["mlp"]()[0]
    names = locations(model)
    assert names["1"] == "Sequential[1] Tanh()"
    (inner,) = [path for path in names if path.startswith("4.")]
    assert names[inner] == f"Sequential[4].Residual[{inner[2:]}] Linear(5, 5)"


def test_units_are_features_or_channels() -> None:
    x = torch.arange(24.0).view(2, 3, 4)
    assert units(x, channels_first=False).shape == (6, 4)
    assert torch.equal(units(x, channels_first=True), x.transpose(1, 2).reshape(8, 3))
    assert units(torch.zeros(2, 3, 4, 4), channels_first=False).shape == (32, 3)


def test_a_histogram_counts_finite_values() -> None:
    drawn = histogram(torch.tensor([0.0, 1.0, 1.0, float("nan"), float("inf")]))
    assert drawn is not None
    assert (drawn.low, drawn.high, len(drawn.counts)) == (0.0, 1.0, BINS)
    assert (drawn.counts[0], drawn.counts[-1]) == (1, 2)
    assert histogram(torch.full((3,), 2.0)).counts == (3,)  # type: ignore[union-attr]
    assert histogram(torch.tensor([float("nan")])) is None
