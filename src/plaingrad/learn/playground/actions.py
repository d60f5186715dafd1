"""The actions on a run while it trains, each a message that is noted for its address."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from plaingrad.data.checks import is_index
from plaingrad.errors import InputError
from plaingrad.learn.playground.network import rule_options
from plaingrad.learn.playground.state import read_state

if TYPE_CHECKING:
    from plaingrad.learn.playground.run import Run

FIELDS = {
    "edit": ("layer", "to", "from", "value"),
    "change": ("state",),
    "paint": ("points",),
    "erase": ("x", "y", "radius"),
    "walk": ("sample",),
}
"""What each action needs."""

LOOKS = {"show_test", "discretize", "gradients"}
"""Fields on which no number depends."""

Noted = list[tuple[int, dict[str, Any]]]


def edit(run: Run, message: dict[str, Any]) -> None:
    """Set a weight or a bias."""
    fields: list[Any] = [message.get(name) for name in ("layer", "to", "from", "value")]
    layer, unit, source, value = fields
    if not is_index(layer, len(run.stages)):
        raise InputError(f"edit: expected a layer from 0 to {len(run.stages) - 1}, got {layer!r:.40}")
    linear = run.stages[layer].linear
    parameter = linear.bias if source is None else linear.weight
    if parameter is None:
        raise InputError("edit: expected a weight, for this layer has no biases")
    if not is_index(unit, len(parameter.value)):
        raise InputError(f"edit: expected a unit from 0 to {len(parameter.value) - 1}, got {unit!r:.40}")
    if source is not None and not is_index(source, parameter.value.shape[1]):
        raise InputError(f"edit: expected a source below {parameter.value.shape[1]}, got {source!r:.40}")
    if "from" not in message:
        raise InputError("edit: expected from, null for a bias")
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) <= 1e6:
        raise InputError(f"edit: expected a number from -1e6 to 1e6, got {value!r:.40}")
    parameter.value[unit if source is None else (unit, source)] = value


def change(run: Run, message: dict[str, Any]) -> None:
    """Go on with other values of some fields."""
    fields: Any = message.get("state")
    new = read_state(fields, run.state)
    if not run.goes_on(fields):
        raise InputError("change: expected fields with which training goes on")
    run.optimizer.param_groups[0].update(rule_options(new.optimizer))
    run.state = new


def paint(run: Run, message: dict[str, Any]) -> None:
    """Add points."""
    expect_plane(run, "paint")
    painted = message.get("points")
    if not isinstance(painted, list):
        raise InputError(f"paint: expected a list of points, got {type(painted).__name__}")
    run.see(read_state({"points": [*run.state.points, *painted]}, run.state))


def erase(run: Run, message: dict[str, Any]) -> None:
    """Remove the painted points in a circle."""
    circle: list[Any] = [message.get(name) for name in ("x", "y", "radius")]
    x, y, radius = circle
    expect_plane(run, "erase")
    if not all(isinstance(each, (int, float)) and abs(each) <= 1e6 for each in circle):
        raise InputError("erase: expected the numbers x, y and radius")
    kept = [p for p in run.state.points if (p[0] - x) ** 2 + (p[1] - y) ** 2 > radius**2]
    run.see(read_state({"points": kept}, run.state))


def walk(run: Run, message: dict[str, Any]) -> None:
    """Make a step on one sample, as at the end of a walk."""
    sample: Any = message.get("sample")
    if not is_index(sample, len(run.problem.train)):
        count = len(run.problem.train)
        raise InputError(f"walk: expected a sample from 0 to {count - 1}, got {sample!r:.40}")
    run.train_on(*run.batch_from(sample))


def expect_plane(run: Run, action: str) -> None:
    """Refuse what is done to points where there is a table."""
    if run.state.table is not None:
        raise InputError(f"{action}: expected points of the plane, got a table")


def matters(message: dict[str, Any]) -> bool:
    """True if numbers depend on an action."""
    return message["type"] != "change" or bool(message["state"].keys() - LOOKS)


def essential(message: dict[str, Any]) -> dict[str, Any]:
    """An action without fields that it does not need, which a page could make as large as it likes."""
    return {name: message[name] for name in ("type", *FIELDS[message["type"]])}


def merged(actions: Noted) -> Noted:
    """The actions, the last two being one where both change fields at the same batch."""
    if len(actions) > 1:
        (when, one), (then, other) = actions[-2:]
        if when == then and one["type"] == other["type"] == "change":
            return [*actions[:-2], (when, {"type": "change", "state": {**one["state"], **other["state"]}})]
    return actions


ACTIONS: dict[str, Callable[[Run, dict[str, Any]], None]] = {
    "edit": edit,
    "change": change,
    "paint": paint,
    "erase": erase,
    "walk": walk,
}
