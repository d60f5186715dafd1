"""The answers of a session to the messages of the page, one function for each type."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from plaingrad.errors import InputError
from plaingrad.learn.playground.export import exported
from plaingrad.learn.playground.messages import Text
from plaingrad.learn.playground.run import Run
from plaingrad.learn.playground.state import State, read_state, to_fragment
from plaingrad.learn.playground.table import read_table
from plaingrad.learn.playground.walk import Walk

if TYPE_CHECKING:
    from plaingrad.learn.playground.session import Session

MOST_SHARED = 100_000  # characters of an address
MOST_PAST = 4_000_000  # characters of a state that a page begins with


def running(session: Session) -> Run:
    """The run, which all messages but the first need."""
    assert session.run is not None
    return session.run


def start(session: Session, message: Text) -> None:
    """Begin with a state."""
    session.begin(read_state(message.get("state", {}), session.default))


def change(session: Session, message: Text) -> None:
    """Go on with other values of some fields, or begin anew."""
    run = running(session)
    fields = message.get("state")
    if isinstance(fields, dict) and run.goes_on(fields):
        session.end_walk()
        run.act(message)
        session.send_state()
    else:
        session.begin(read_state(fitting(run.state, fields), run.state))


def act(session: Session, message: Text) -> None:
    """Change a weight or the points, and note it."""
    run = running(session)
    session.end_walk()
    run.keep()
    try:
        run.act(message)
    except Exception:
        run.undo()
        raise
    if message["type"] != "edit":
        session.send_data()
        session.send_state()
    session.due = True


def play(session: Session, message: Text) -> None:
    """Train."""
    run = running(session)
    session.end_walk()
    if run.is_over:
        raise InputError(
            f"play: the run has come to epoch {run.state.epochs}, at which it stops; set another"
        )
    if not session.playing:
        run.keep()
    session.playing = True


def pause(session: Session, message: Text) -> None:
    """Stop training, or catching up."""
    session.playing, session.behind, session.due = False, None, True


def step(session: Session, message: Text) -> None:
    """Train for a batch, or to the end of an epoch."""
    run = running(session)
    session.playing = False
    session.end_walk()
    unit = message.get("unit", "batch")
    if unit not in ("batch", "epoch"):
        raise InputError(f"step: expected the unit batch or epoch, got {unit!r:.40}")
    run.keep()
    session.due = True
    run.train_batch()
    while unit == "epoch" and run.done < len(run.problem.train):
        run.train_batch()


def reset(session: Session, message: Text) -> None:
    """Begin again from the same first weights."""
    run = running(session)
    session.begin(run.state)


def reseed(session: Session, message: Text) -> None:
    """Begin again from others."""
    run = running(session)
    session.begin(read_state({"seed": random.randrange(2**31)}, run.state))


def regenerate(session: Session, message: Text) -> None:
    """Begin again on data drawn anew."""
    run = running(session)
    session.begin(read_state({"data_seed": random.randrange(2**31)}, run.state))


def undo(session: Session, message: Text) -> None:
    """Go back to before the last of what was done."""
    run = running(session)
    session.playing = False
    session.end_walk()
    if not run.undo():
        raise InputError("undo: there is nothing to go back to")
    session.send_state()
    session.send_data()


def csv(session: Session, message: Text) -> None:
    """Begin on data of the user's own."""
    run = running(session)
    table, words = read_table(message.get("text"), message.get("target"))
    fields = {"data": "own", "table": table, "features": table["names"][:8], "points": [], "loss": None}
    session.begin(read_state(fields, run.state))
    if words:
        session.send_text({"type": "note", "words": words})


def drawn(session: Session, message: Text) -> None:
    """Note that a frame is on the screen."""
    frame = message.get("frame")
    if isinstance(frame, int) and frame <= session.frames:
        session.drawn = max(session.drawn, frame)


def enlarge(session: Session, message: Text) -> None:
    """Send the map of a unit larger from now on, or none."""
    run = running(session)
    layer, unit = message.get("layer"), message.get("unit")
    known = isinstance(layer, int) and isinstance(unit, int) and run.has_unit(layer, unit)
    if not known and (layer is not None or unit is not None):
        raise InputError(f"enlarge: expected a unit, got layer {layer!r:.40}, unit {unit!r:.40}")
    session.camera.enlarged = (int(layer), int(unit)) if known else None  # type: ignore[arg-type]
    session.due = True


def walk(session: Session, message: Text) -> None:
    """Begin a walk, go forth or back in it, or end it."""
    action = message.get("action")
    if action == "begin":
        session.playing = False
        sample = message.get("sample", 0)
        if not isinstance(sample, int):
            raise InputError(f"walk: expected the index of a sample, got {sample!r:.40}")
        session.walk = Walk(running(session), sample)
    elif action not in ("next", "back", "end"):
        raise InputError(f"walk: expected the action begin, next, back or end, got {action!r:.40}")
    elif session.walk is None:
        raise InputError(f"walk: expected begin before {action}")
    elif action == "end":
        session.walk, session.due = None, True
        return
    else:
        session.walk.go(1 if action == "next" else -1)
    session.send_text(session.walk.message())
    session.due = True


def look(session: Session, message: Text) -> None:
    """Explain a unit in a walk."""
    layer, unit = message.get("layer"), message.get("unit")
    if session.walk is None:
        raise InputError("look: expected a walk to have begun")
    if not isinstance(layer, int) or not isinstance(unit, int):
        raise InputError(f"look: expected a unit, got layer {layer!r:.40}, unit {unit!r:.40}")
    session.send_text(session.walk.look(layer, unit))


def export(session: Session, message: Text) -> None:
    """Send a file."""
    run, kind = running(session), message.get("format")
    session.send_text({"type": "export", **exported(run, kind, session.make, lambda: session.closed)})


def link(session: Session, message: Text) -> None:
    """Send the state for the address."""
    run = running(session)
    if not run.editable:
        raise InputError("link: expected a network of the playground's; an address cannot hold yours")
    fragment = to_fragment(run.current())
    if len(fragment) > MOST_SHARED:
        raise InputError("link: expected less data than an address can hold; save the recording instead")
    session.send_text({"type": "link", "fragment": fragment})


def past(session: Session, message: Text) -> None:
    """Send the state with all that was done, from which a page begins the same run elsewhere or again."""
    state = running(session).current()
    cells = 0 if state.table is None else len(state.table.rows) * len(state.table.names)
    if 2 * cells > MOST_PAST or len(msgspec.json.encode(state)) > MOST_PAST:
        raise InputError("past: expected less data than a second run can be begun with; save a recording")
    session.send_text({"type": "past", "state": msgspec.to_builtins(state)})


def show_again(session: Session, message: Text) -> None:
    """Send everything, for a page that sees the run for the first time."""
    session.send_state()
    session.send_data()
    session.camera.sent, session.drawn, session.due = 0, session.frames, True


def fitting(state: State, fields: Any) -> Any:
    """Fields of a change with those that do not fit other data set to their defaults."""
    if not isinstance(fields, dict) or "data" not in fields:
        return fields
    columns = {"features": ["x1", "x2"]} if state.table is not None else {}
    return {"table": None, "points": [], "loss": None, **columns, **fields}


ANSWERS: dict[str, Callable[[Session, Text], None]] = {
    "start": start,
    "change": change,
    "play": play,
    "pause": pause,
    "step": step,
    "reset": reset,
    "reseed": reseed,
    "regenerate": regenerate,
    "undo": undo,
    "edit": act,
    "paint": act,
    "erase": act,
    "csv": csv,
    "drawn": drawn,
    "enlarge": enlarge,
    "walk": walk,
    "look": look,
    "export": export,
    "link": link,
    "past": past,
    "show": show_again,
}
