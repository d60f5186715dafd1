"""The messages that describe a run as it is."""

from __future__ import annotations

from typing import Any

import msgspec
import torch

from plaingrad.inspect import health, record
from plaingrad.inspect.player.frame import GRID
from plaingrad.learn.playground.choices import choices
from plaingrad.learn.playground.run import Run
from plaingrad.learn.playground.state import State

Text = dict[str, Any]


def state_message(run: Run, playing: bool) -> Text:
    """The state, the network and the choices."""
    labels = run.problem.classes or None
    layers = [stage.describe(labels if stage is run.stages[-1] else None) for stage in run.stages]
    network = {
        "features": run.problem.frame.names,
        "layers": layers,
        "grid": GRID,
        "task": "classification" if run.problem.classes else "regression",
        "editable": run.editable,
    }
    state = {**full(run.state), "trained": run.batch}
    return {"type": "state", "state": state, "network": network, "choices": choices(), "playing": playing}


def data_message(run: Run) -> Text:
    """The points, and what the axes are."""
    problem = run.problem
    return {
        "type": "data",
        "train": shown(problem.train_rows),
        "test": shown(problem.test_rows),
        "bounds": problem.bounds,
        "names": (*problem.frame.columns[:2], "")[:2],
        "classes": problem.classes or None,
        "range": problem.values,
    }


def full(state: State) -> Text:
    """All fields of a state, also those that are default."""
    fields = {name: msgspec.to_builtins(getattr(state, name)) for name in State.__struct_fields__}
    layers = [
        {"units": layer.units, "activation": layer.activation, "dropout": layer.dropout}
        for layer in state.layers
    ]
    table = state.table and {
        "names": state.table.names,
        "target": state.table.target,
        "classes": state.table.classes,
    }
    return {
        **fields,
        "layers": layers,
        "table": table,
        "actions": len(state.actions),
        "loss": state.loss_name,
    }


def shown(rows: torch.Tensor) -> list[list[float]]:
    """Points with their labels: the two columns that are shown, and the label."""
    if rows.shape[1] == 2:  # a single feature lies along a line
        rows = torch.stack([rows[:, 0], torch.zeros(len(rows)), rows[:, 1]], 1)
    return [[round(a, 5) for a in row] for row in rows[:, [0, 1, -1]].tolist()]


def findings(run: Run) -> list[Text]:
    """The findings on the health of the network, in one step on some of the training data."""
    count = min(32, len(run.problem.train))
    data = run.problem.train[:count]
    trace = record(run.model, data.inputs, run.targets(data.targets), loss=run.loss, optimizer=run.optimizer)
    return [{"where": each.path, "kind": each.kind, "words": each.words} for each in health(trace)]
