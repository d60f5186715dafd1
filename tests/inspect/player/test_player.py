"""The page of one step: its numbers are the record's, and nothing of the record changes."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from learn.playground.frames import unpacked
from plaingrad import data, fit, nn, optim
from plaingrad.errors import InputError
from plaingrad.inspect import Trace, record, report, step_player


def network(features: int = 2, outputs: int = 2) -> nn.Sequential:
    return nn.Sequential(nn.Linear(features, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, outputs))


def entries(page: str) -> list[Any]:
    """The recorded messages; a frame as its header and arrays."""
    content = re.search(r'id="recorded">(.*?)</script>', page, re.DOTALL)
    assert content is not None
    each = json.loads(content[1])
    return [unpacked(base64.b64decode(entry)) if isinstance(entry, str) else entry for entry in each]


def step(**options: Any) -> tuple[Trace, data.Dataset]:
    torch.manual_seed(0)
    model, moons = network(), data.moons(50, seed=0)
    optimizer = optim.SGD(model.parameters(), lr=0.5)
    return record(
        model, *moons[:8].batches(8).__next__(), loss=nn.CrossEntropyLoss(), optimizer=optimizer
    ), moons


def test_it_has_the_numbers_of_the_record() -> None:
    trace, moons = step()
    kept = trace.to_json()
    each = entries(step_player(trace, moons))
    assert trace.to_json() == kept
    state, points = each[:2]
    assert [layer["units"] for layer in state["network"]["layers"]] == [5, 2]
    assert state["network"]["layers"][1]["labels"] == ["upper", "lower"]
    assert len(points["train"]) == 50
    walk = [entry for entry in each if isinstance(entry, dict) and entry["type"] == "walk"]
    assert [stage["phase"] for stage in walk] == [
        "input",
        *["forward"] * 2,
        "loss",
        *["backward"] * 2,
        "update",
    ]
    last = walk[-1]
    assert last["values"]["features"] == trace.calls[0].inputs[0][0].tolist()
    assert last["values"]["layers"] == [trace["2"].outputs[0].tolist(), trace["3"].outputs[0].tolist()]
    assert last["gradients"]["weights"] == [trace[k].gradients["weight"].tolist() for k in ("0", "3")]
    assert last["weights"] == [trace[k].updated["weight"].tolist() for k in ("0", "3")]
    assert last["biases"] == [trace[k].updated["bias"].tolist() for k in ("0", "3")]
    assert last["loss"] == trace.loss
    _, arrays = next(entry for entry in each if isinstance(entry, tuple))
    for k, path in enumerate(("0", "3")):  # before the update
        np.testing.assert_array_equal(arrays[f"weights.{k}"], trace[path].parameters["weight"])
    assert arrays["maps"].shape == (2 + 5 + 2, 30, 30)


@pytest.mark.parametrize(
    ("model", "x", "t", "loss"),
    [
        (network(4, 3), torch.randn(20, 4), torch.randint(3, (20,)), nn.CrossEntropyLoss()),
        (network(1, 1), torch.randn(20, 1), torch.randn(20, 1), nn.MSELoss()),
        (network(2, 1), torch.randn(20, 2), torch.randint(2, (20, 1)).float(), nn.BCEWithLogitsLoss()),
        (network(3, 2), torch.randn(20, 3), torch.eye(2)[torch.randint(2, (20,))], nn.MSELoss()),
    ],
)
def test_a_record_alone_is_enough(model: nn.Sequential, x: Any, t: Any, loss: nn.Loss) -> None:
    each = entries(step_player(record(model, x, t, loss=loss)))
    looks = [entry for entry in each if isinstance(entry, dict) and entry["type"] == "explanation"]
    assert all("<math" in look["html"] for look in looks)
    assert each[1]["classes"] is None or len(each[1]["classes"]) == model[-1].weight.value.shape[0]


def test_a_network_that_is_no_chain_is_refused_and_its_report_does_without() -> None:
    model = nn.Sequential(nn.Conv1d(1, 2, 3), nn.Flatten(), nn.Linear(4, 2))
    trace = record(model, torch.randn(5, 1, 4), torch.randint(2, (5,)), loss=nn.CrossEntropyLoss())
    with pytest.raises(InputError, match="expected a chain that begins with a Linear"):
        step_player(trace)


def test_a_report_has_the_step_in_it(tmp_path: Path) -> None:
    model, moons = network(), data.moons(60, seed=0)
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    options: dict[str, Any] = {"loss": nn.CrossEntropyLoss(), "optimizer": optimizer}
    history = fit(model, moons, epochs=2, batch_size=20, progress=False, **options)
    x, t = next(moons.batches(10))
    path = report(
        history, tmp_path / "r.html", record=record(model, x, t, **options), model=model, data=moons
    )
    text = path.read_text(encoding="utf-8")
    assert '<iframe class="step"' in text
    assert "allow-same-origin" not in text
