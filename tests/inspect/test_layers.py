"""Networks at work, as pictures."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from matplotlib.collections import PathCollection
from matplotlib.patches import FancyArrowPatch

from plaingrad import nn
from plaingrad.errors import InputError
from plaingrad.inspect import record
from plaingrad.inspect.layers import columns
from plaingrad.inspect.plots import network

from .record.networks import NETWORKS


@pytest.mark.parametrize("what", ["values", "gradients"])
@pytest.mark.parametrize("name", sorted(set(NETWORKS) - {"pair"}))
def test_every_network_is_drawn(name: str, what: str, tmp_path: Path) -> None:
    model, x, target, loss = NETWORKS[name]()
    trace = record(model, x, target, loss=loss)
    figure = network(trace, 1, what)
    (ax,) = figure.axes
    texts = [text.get_text() for text in ax.texts]
    leaves = [call for call in trace.calls if not call.is_composite and call.path != "loss"]
    assert all(f"{type(call.module).__name__}\n{call.path}" in texts for call in leaves)
    figure.savefig(tmp_path / "network.png")


def test_units_and_lines_have_the_colours_and_widths_of_the_numbers() -> None:
    model = nn.Sequential(nn.Linear(2, 2))
    model[0].weight.value.copy_(torch.tensor([[4.0, -1.0], [0.0, 2.0]]))
    model[0].bias.value.zero_()
    trace = record(model, torch.tensor([[1.0, 0.0], [0.0, 0.0]]), torch.zeros(2, 2), loss=nn.MSELoss())
    (ax,) = network(trace, 0).axes
    red, _, _ = zip(
        *(each.get_facecolor()[0][:3] for each in ax.collections if isinstance(each, PathCollection))
    )
    assert [bool(r < 0.9) for r in red] == [True, False, True, False]  # 1, 0, 4 and 0
    widths = [line.get_linewidth() for line in ax.lines]
    assert [width / max(widths) for width in widths] == [1, 0, 0.25, 0.5]
    assert "±4" in [text.get_text() for text in ax.texts]


def test_a_shortcut_passes_over_the_layers_inside() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Residual(nn.Linear(3, 3), nn.Tanh()))
    trace = record(model, torch.randn(4, 3), torch.randn(4, 3), loss=nn.MSELoss())
    layers = columns(trace, 0, False)
    assert [layer.title.split("\n")[0] for layer in layers] == [
        "input",
        "Linear",
        "Linear",
        "Tanh",
        "Residual",
    ]
    assert [layer.sources for layer in layers] == [[], [0], [1], [2], [1, 3]]
    (ax,) = network(trace).axes
    assert sum(isinstance(patch, FancyArrowPatch) for patch in ax.patches) == 1


def test_what_cannot_be_drawn_is_refused() -> None:
    trace = record(nn.Linear(3, 3), torch.randn(4, 3), torch.randn(4, 3), loss=nn.MSELoss())
    with pytest.raises(InputError, match="what: expected 'values' or 'gradients', got 'x'"):
        network(trace, what="x")
    with pytest.raises(InputError, match="sample: expected 0 to 3, got 4"):
        network(trace, 4)
