"""The state of the playground: all that a run depends on, as it stands in the address."""

from __future__ import annotations

import base64
import binascii
import zlib
from typing import Annotated, Any

import msgspec
from msgspec import Meta, field

from plaingrad.errors import InputError
from plaingrad.learn.playground.choices import (
    ACTIVATIONS,
    FEATURES,
    INITS,
    LIMITS,
    LOSSES,
    MOST_ACTIONS,
    MOST_CLASSES,
    MOST_COLUMNS,
    MOST_LAYERS,
    MOST_POINTS,
    MOST_ROWS,
    MOST_UNITS,
    RULES,
    SOURCES,
)
from plaingrad.strict_json import strict_json

MOST_FRAGMENT = 1_000_000

LARGEST = 1e30

ACTIONS = ("edit", "change", "paint", "erase", "walk")
"""The messages that are noted, since what follows depends on them."""

LIVE = {"optimizer", "l1", "l2", "batch_size", "epochs", "show_test", "discretize", "gradients"}
"""The fields whose change lets training go on."""

Units = Annotated[int, Meta(ge=1, le=MOST_UNITS)]
Share = Annotated[float, Meta(ge=0, le=0.9)]
Label = float
Point = tuple[float, float, Label]


class Layer(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A hidden layer; what is None is as the whole run has it."""

    units: Units
    activation: str | None = None
    dropout: Share | None = None


class Table(msgspec.Struct, forbid_unknown_fields=True):
    """Data of one's own: rows of numbers, the target as class index or number.

    Attributes:
        names: of the inputs.
        rows: each with its inputs, then its target.
        target: its name.
        classes: the names of the classes; empty in regression.
    """

    names: list[str]
    rows: list[list[float]]
    target: str
    classes: list[str] = []


class State(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """All that a run depends on; docs/playground_protocol.md describes the fields."""

    data: str = "disc"
    samples: int = 300
    classes: int = 2
    noise: float = 0.0
    train_share: float = 0.5
    data_seed: int = 0
    seed: int = 0
    points: list[Point] = []
    table: Table | None = None
    features: list[str] = field(default_factory=lambda: ["x1", "x2"])
    layers: list[Layer] = field(default_factory=lambda: [Layer(4), Layer(2)])
    activation: str = "tanh"
    dropout: float = 0.0
    init: str = "default"
    loss: str | None = None
    delta: float = 1.0
    optimizer: dict[str, Any] = field(default_factory=lambda: {"name": "SGD", "lr": 0.2})
    l1: float = 0.0
    l2: float = 0.0
    batch_size: int = 10
    epochs: int = 0
    trained: int = 0
    actions: list[tuple[int, dict[str, Any]]] = []
    show_test: bool = False
    discretize: bool = False
    gradients: bool = False

    @property
    def task(self) -> str:
        """The task, "classification" or "regression"."""
        if self.table is not None:
            return "classification" if self.table.classes else "regression"
        task = SOURCES[self.data].task
        return "classification" if task == "either" else task

    @property
    def loss_name(self) -> str:
        """The loss, by default that of the task."""
        return self.loss or ("cross_entropy" if self.task == "classification" else "mse")


DEFAULT = State()


def read_state(data: Any, before: State = DEFAULT) -> State:
    """A state with other values of some fields, checked.

    Args:
        data: a JSON object of fields.
        before: has the others.

    Raises:
        InputError: a field is unknown, of another type, or out of its range.
    """
    if not isinstance(data, dict):
        raise InputError(f"state: expected an object of fields, got {type(data).__name__}")
    whole = {**msgspec.to_builtins(before), **data}
    try:
        state = msgspec.convert(whole, State)
    except msgspec.ValidationError as error:
        raise InputError(f"state: {str(error)[:200]}") from None
    _expect_in_range(state)
    return state


def _expect_in_range(state: State) -> None:
    for name in (
        "samples",
        "classes",
        "noise",
        "train_share",
        "data_seed",
        "seed",
        "dropout",
        "delta",
        "l1",
        "l2",
    ):
        _expect_between(name, getattr(state, name))
    for name in ("batch_size", "epochs", "trained"):
        _expect_between(name, getattr(state, name))
    _expect_one("data", state.data, SOURCES)
    _expect_one("activation", state.activation, ACTIVATIONS)
    _expect_one("init", state.init, INITS)
    if len(state.layers) > MOST_LAYERS:
        raise InputError(f"state: expected at most {MOST_LAYERS} layers, got {len(state.layers)}")
    for layer in state.layers:
        if layer.activation is not None:
            _expect_one("activation", layer.activation, ACTIVATIONS)
    if len(state.points) > MOST_POINTS or len(state.actions) > MOST_ACTIONS:
        raise InputError(f"state: expected at most {MOST_POINTS} points and actions")
    if any(abs(number) > 1e6 for point in state.points for number in point):
        raise InputError("state: expected points between -1e6 and 1e6")
    if state.table is not None:
        _expect_table(state.table)
    if state.task == "classification" and any(not _is_class(label) for _, _, label in state.points):
        raise InputError(f"state: expected points of the classes 0 to {MOST_CLASSES - 1}")
    _expect_actions(state)
    _expect_features(state)
    _expect_loss(state)
    _expect_rule(state.optimizer)


def _is_class(label: float) -> bool:
    return label == int(label) and 0 <= label < MOST_CLASSES


def _expect_table(table: Table) -> None:
    width, count = len(table.names), len(table.classes)
    if not 2 <= len(table.rows) <= MOST_ROWS or not 1 <= width <= MOST_COLUMNS or count > MOST_CLASSES:
        raise InputError(
            f"state: expected a table of 2 to {MOST_ROWS:,} rows, at most {MOST_COLUMNS} columns and at most "
            f"{MOST_CLASSES} classes"
        )
    if len(set(table.names)) < width:
        raise InputError("state: expected each column of the table to have a name of its own")
    for row in table.rows:
        if len(row) != width + 1 or any(abs(number) > LARGEST for number in row):
            raise InputError(
                f"state: expected {width + 1} numbers up to {LARGEST:g} in each row of the table"
            )
        if count and not (row[-1] == int(row[-1]) and 0 <= row[-1] < count):
            raise InputError(f"state: expected a class from 0 to {count - 1} in each row of the table")


def _expect_actions(state: State) -> None:
    before = 0
    for when, action in state.actions:
        if not before <= when <= state.trained or action.get("type") not in ACTIONS:
            raise InputError("state: expected actions in the order in which they were done")
        before = when


def _expect_between(name: str, value: float) -> None:
    low, high = LIMITS[name]
    if not low <= value <= high:
        raise InputError(f"state: expected {name} from {low:g} to {high:g}, got {value:g}")


def _expect_one(name: str, value: Any, known: Any) -> None:
    if value not in known:
        raise InputError(f"state: expected {name} from {', '.join(known)}, got {value!r:.40}")


def _expect_features(state: State) -> None:
    known = list(FEATURES) if state.table is None else state.table.names
    for name in state.features:
        _expect_one("features", name, known)
    if not state.features or len(set(state.features)) < len(state.features):
        raise InputError("state: expected at least one feature, and each once")


def _expect_loss(state: State) -> None:
    if state.loss is not None:
        _expect_one("loss", state.loss, LOSSES)
        if LOSSES[state.loss].task not in ("either", state.task):
            raise InputError(f"state: expected a loss for {state.task}, got {state.loss!r}")


def _expect_rule(rule: dict[str, Any]) -> None:
    _expect_one("optimizer", rule.get("name"), RULES)
    options = {option.name: option for option in RULES[rule["name"]][1]}
    for name, value in rule.items():
        if name == "name":
            continue
        _expect_one(f"option of {rule['name']}", name, options)
        low, high = options[name].low, options[name].high
        if isinstance(value, str) or not isinstance(value, (int, float)) or not low <= value <= high:
            raise InputError(f"state: expected {name} from {low:g} to {high:g}, got {value!r:.40}")


def to_fragment(state: State) -> str:
    """The state as it stands after the # of an address: without what is default, compressed."""
    packed = zlib.compress(msgspec.json.encode(state), 9)
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def from_fragment(fragment: str) -> dict[str, Any]:
    """The fields in an address, or in what stands after its #.

    Raises:
        InputError: it is no such text.
    """
    text = fragment.rpartition("#")[2]
    try:
        if not text or len(text) > MOST_FRAGMENT:
            raise ValueError
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        unpacker = zlib.decompressobj()
        content = unpacker.decompress(packed, 4 * MOST_FRAGMENT)
        fields = strict_json(content)
    except (ValueError, binascii.Error, zlib.error):
        raise InputError(f"link: expected an address of the playground, got {fragment!r:.60}") from None
    if not isinstance(fields, dict):
        raise InputError(f"link: expected an address of the playground, got {fragment!r:.60}")
    return fields
