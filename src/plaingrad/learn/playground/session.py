"""A session: one viewer's run, in a thread of its own, and the messages to and from the page."""

from __future__ import annotations

import contextlib
import queue
import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch

from plaingrad.errors import InputError, ModuleError
from plaingrad.learn.playground.export import exported
from plaingrad.learn.playground.frame import Camera
from plaingrad.learn.playground.messages import Text, data_message, findings, state_message
from plaingrad.learn.playground.run import Diverged, Run
from plaingrad.learn.playground.state import DEFAULT, State, read_state, to_fragment
from plaingrad.learn.playground.table import read_table
from plaingrad.learn.playground.walk import Walk
from plaingrad.strict_json import strict_json

SLICE = 0.005  # seconds of training between two looks at messages and frames
BETWEEN_FRAMES = 1 / 60
BETWEEN_SHOWN = 0.2  # while a run catches up
BETWEEN_FINDINGS = 1.5
UNSEEN = 600.0  # seconds after which a run that nobody looks at is paused
POINTS = 100  # of the curve of what was trained before a state is shown
MOST_WAITING = 64  # messages; a page sends a few a second
MOST_FRAGMENT = 100_000  # characters of an address
AT_ONCE = ("start", "drawn", "pause", "reset")  # the messages that do not wait until a run has caught up
END = object()


class Session:
    """The run of one viewer. `receive` may be called from any thread; what comes back is sent from its own.

    Args:
        send_text: takes a message as a JSON object.
        send_frame: takes a frame.
        make: makes the run of a state; by default that of the playground's own networks.
        default: the state whose fields those of `start` replace.
    """

    def __init__(
        self,
        send_text: Callable[[Text], None],
        send_frame: Callable[[bytes], None],
        make: Callable[[State], Run] = Run,
        default: State = DEFAULT,
    ) -> None:
        self.send_text, self.send_frame, self.make, self.default = send_text, send_frame, make, default
        self.messages: queue.Queue[Any] = queue.Queue(MOST_WAITING)
        self.playing = False
        self.frames, self.drawn = 0, 0
        self.due = True  # a frame of what has changed
        self.last_frame = self.last_findings = 0.0
        self.findings: list[Text] | None = None
        self.walk: Walk | None = None
        self.run: Run | None = None
        self.closed = False
        self.behind: Iterator[None] | None = None
        self.held: list[Any] = []  # messages that wait until the run has caught up
        self.thread = threading.Thread(target=self._live, name="playground", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self.thread.start()

    def receive(self, message: Any) -> None:
        """Take a message of the page, or the error that it was none.

        A page that sends more than can be answered is not heard.
        """
        with contextlib.suppress(queue.Full):
            self.messages.put_nowait(message)

    def close(self) -> None:
        """End the session."""
        self.closed = True
        with contextlib.suppress(queue.Full):
            self.messages.put_nowait(END)

    # The thread

    def _live(self) -> None:
        torch.set_num_threads(1)
        with torch.no_grad():
            while not self.closed:
                try:
                    if not self._answer_all():
                        return
                    if self.behind is not None:
                        self._catch_up()
                    elif self.playing:
                        self._train()
                    self._show()
                except Exception as error:  # whatever it is, the page hears of it and can go on
                    self.playing, self.behind, self.due = False, None, False
                    self._refuse(error, None)

    def _answer_all(self) -> bool:
        """Answer the messages that wait; with nothing else to do, wait for one. False at the end."""
        waits = not self.is_busy and not (self.due and self.drawn == self.frames)
        try:
            message = self.messages.get(timeout=5.0) if waits else self.messages.get_nowait()
            while message is not END and not self.closed:
                message = parsed(message)
                if self.behind is None or _kind(message) in AT_ONCE:
                    self._answer(message)
                elif len(self.held) < MOST_WAITING:
                    self.held.append(message)
                message = self.messages.get_nowait()
        except queue.Empty:
            return True
        return False

    @property
    def is_busy(self) -> bool:
        """True while it trains."""
        return self.playing or self.behind is not None

    @property
    def is_full(self) -> bool:
        """True if no more messages should come until some are answered."""
        return self.messages.full()

    def _answer(self, message: Any) -> None:
        kind = _kind(message)
        try:
            if isinstance(message, InputError):
                raise message
            if not isinstance(kind, str) or kind not in ANSWERS:
                raise InputError(f"message: expected a type from {', '.join(ANSWERS)}, got {kind!r:.40}")
            if self.run is None and kind != "start":
                raise InputError(f"{kind}: expected start first")
            ANSWERS[kind](self, message)
        except Diverged:
            self._diverged()
        except Exception as error:  # whatever a message does, the session goes on
            self._refuse(error, kind)

    def _refuse(self, error: Exception, kind: Any) -> None:
        """Say what was wrong."""
        words = str(error)
        if not isinstance(error, (InputError, ModuleError)):
            words = f"{type(error).__name__}: {error}"
        self.send_text({"type": "error", "words": words[:500], "message": kind})

    def _train(self) -> None:
        """Train for a slice of time."""
        assert self.run is not None
        end = time.perf_counter() + SLICE
        try:
            while time.perf_counter() < end:
                if self.run.is_over:
                    self.playing = False
                    break
                self.run.train_batch()
        except Diverged:
            self._diverged()
        self.due = True

    def _diverged(self) -> None:
        assert self.run is not None
        self.playing = False
        rate = self.run.state.optimizer.get("lr")
        words = (
            f"The loss or a gradient became infinite in batch {self.run.batch}; the weights are those "
            f"before. Try a smaller learning rate than {rate:g}, another initialisation, or go back."
        )
        self.send_text({"type": "diverged", "words": words, "undo": bool(self.run.undoable)})

    def _show(self) -> None:
        """Send a frame if there is something new and the page has drawn the one before."""
        now = time.perf_counter()
        if self.run is None or not self.due or self.drawn < self.frames:
            if self.playing and now - self.last_frame > UNSEEN:
                self.playing = False
            if self.playing or self.due:
                time.sleep(0.001)
            return
        if self.is_busy and now - self.last_frame < (BETWEEN_FRAMES if self.playing else BETWEEN_SHOWN):
            return
        self.due, self.last_frame = False, now
        self.frames += 1
        extra = self._new_findings(now)
        self.send_frame(self.camera.take(self.frames, self.playing, extra))

    def _new_findings(self, now: float) -> Text:
        """The findings on the health of the run, if they have changed."""
        assert self.run is not None
        if self.is_busy and now - self.last_findings < BETWEEN_FINDINGS:
            return {}
        self.last_findings = now
        latest = findings(self.run)
        if latest == self.findings:
            return {}
        self.findings = latest
        return {"findings": latest}

    # The messages

    def _start(self, message: Text) -> None:
        self._begin(read_state(message.get("state", {}), self.default))

    def _begin(self, state: State) -> None:
        """Begin the run of a state, and catch up with where it was."""
        run = self.make(state)
        self._end_walk()
        self.run, self.camera = run, Camera(run)
        self.playing, self.findings, self.held = False, None, []
        self.behind = run.catch_up() if state.trained or state.actions else None
        self.noted_every = max(1, state.trained // POINTS)
        self._send_state()
        self._send_data()

    def _catch_up(self) -> None:
        """Train for a slice of time towards where the run was; at the end, answer what has waited."""
        assert self.run is not None
        assert self.behind is not None
        end = time.perf_counter() + SLICE
        self.due = True
        try:
            for _ in self.behind:
                if self.run.batch % self.noted_every == 0:
                    self.run.note()
                if time.perf_counter() > end:
                    return
        except Diverged:
            self._diverged()
        self.behind = None
        self._send_state()
        held, self.held = self.held, []
        for message in held:
            self._answer(message)

    def _send_state(self) -> None:
        assert self.run is not None
        self.send_text(state_message(self.run, self.playing))
        self.due = True

    def _send_data(self) -> None:
        assert self.run is not None
        self.send_text(data_message(self.run))
        self.due = True

    def _change(self, message: Text) -> None:
        assert self.run is not None
        fields = message.get("state")
        if isinstance(fields, dict) and self.run.goes_on(fields):
            self._end_walk()
            self.run.act(message)
            self._send_state()
        else:
            self._begin(read_state(fitting(self.run.state, fields), self.run.state))

    def _act(self, message: Text) -> None:
        assert self.run is not None
        self._end_walk()
        self.run.keep()
        try:
            self.run.act(message)
        except Exception:
            self.run.undo()
            raise
        if message["type"] != "edit":
            self._send_data()
            self._send_state()
        self.due = True

    def _end_walk(self) -> None:
        """End a walk, since what it shows would no longer be what the run does."""
        if self.walk is not None:
            self.walk = None
            self.send_text({"type": "walk", "stage": None})

    def _play(self, message: Text) -> None:
        assert self.run is not None
        self._end_walk()
        if not self.playing:
            self.run.keep()
        self.playing = True

    def _pause(self, message: Text) -> None:
        self.playing, self.behind, self.due = False, None, True

    def _step(self, message: Text) -> None:
        assert self.run is not None
        self.playing = False
        self._end_walk()
        unit = message.get("unit", "batch")
        if unit not in ("batch", "epoch"):
            raise InputError(f"step: expected the unit batch or epoch, got {unit!r:.40}")
        self.run.keep()
        self.due = True
        self.run.train_batch()
        while unit == "epoch" and self.run.done < len(self.run.problem.train):
            self.run.train_batch()

    def _reset(self, message: Text) -> None:
        assert self.run is not None
        self._begin(self.run.state)

    def _reseed(self, message: Text) -> None:
        assert self.run is not None
        self._begin(read_state({"seed": random.randrange(2**31)}, self.run.state))

    def _regenerate(self, message: Text) -> None:
        assert self.run is not None
        self._begin(read_state({"data_seed": random.randrange(2**31)}, self.run.state))

    def _undo(self, message: Text) -> None:
        assert self.run is not None
        self.playing = False
        self._end_walk()
        if not self.run.undo():
            raise InputError("undo: there is nothing to go back to")
        self._send_state()
        self._send_data()

    def _csv(self, message: Text) -> None:
        assert self.run is not None
        table = read_table(message.get("text"), message.get("target"))
        fields = {"data": "own", "table": table, "features": table["names"][:8], "points": [], "loss": None}
        self._begin(read_state(fields, self.run.state))

    def _drawn(self, message: Text) -> None:
        frame = message.get("frame")
        if isinstance(frame, int) and frame <= self.frames:
            self.drawn = max(self.drawn, frame)

    def _enlarge(self, message: Text) -> None:
        assert self.run is not None
        layer, unit = message.get("layer"), message.get("unit")
        known = isinstance(layer, int) and isinstance(unit, int) and self.run.has_unit(layer, unit)
        if not known and (layer is not None or unit is not None):
            raise InputError(f"enlarge: expected a unit, got layer {layer!r:.40}, unit {unit!r:.40}")
        self.camera.enlarged = (int(layer), int(unit)) if known else None  # type: ignore[arg-type]
        self.due = True

    def _walk(self, message: Text) -> None:
        assert self.run is not None
        action = message.get("action")
        if action == "begin":
            self.playing = False
            sample = message.get("sample", 0)
            if not isinstance(sample, int):
                raise InputError(f"walk: expected the index of a sample, got {sample!r:.40}")
            self.walk = Walk(self.run, sample)
        elif action not in ("next", "back", "end"):
            raise InputError(f"walk: expected the action begin, next, back or end, got {action!r:.40}")
        elif self.walk is None:
            raise InputError(f"walk: expected begin before {action}")
        elif action == "end":
            self.walk, self.due = None, True
            return
        else:
            self.walk.go(1 if action == "next" else -1)
        self.send_text(self.walk.message())
        self.due = True

    def _look(self, message: Text) -> None:
        layer, unit = message.get("layer"), message.get("unit")
        if self.walk is None:
            raise InputError("look: expected a walk to have begun")
        if not isinstance(layer, int) or not isinstance(unit, int):
            raise InputError(f"look: expected a unit, got layer {layer!r:.40}, unit {unit!r:.40}")
        self.send_text(self.walk.look(layer, unit))

    def _export(self, message: Text) -> None:
        assert self.run is not None
        self.send_text(
            {"type": "export", **exported(self.run, message.get("format"), self.make, lambda: self.closed)}
        )

    def _link(self, message: Text) -> None:
        assert self.run is not None
        if not self.run.editable:
            raise InputError("link: expected a network of the playground's; an address cannot hold yours")
        fragment = to_fragment(self.run.current())
        if len(fragment) > MOST_FRAGMENT:
            raise InputError("link: expected less data than an address can hold; save the recording instead")
        self.send_text({"type": "link", "fragment": fragment})

    def _show_again(self, message: Text) -> None:
        """Send everything, for a page that sees the run for the first time."""
        self._send_state()
        self._send_data()
        self.camera.sent, self.drawn, self.due = 0, self.frames, True


ANSWERS: dict[str, Callable[[Session, Text], None]] = {
    "start": Session._start,
    "change": Session._change,
    "play": Session._play,
    "pause": Session._pause,
    "step": Session._step,
    "reset": Session._reset,
    "reseed": Session._reseed,
    "regenerate": Session._regenerate,
    "undo": Session._undo,
    "edit": Session._act,
    "paint": Session._act,
    "erase": Session._act,
    "csv": Session._csv,
    "drawn": Session._drawn,
    "enlarge": Session._enlarge,
    "walk": Session._walk,
    "look": Session._look,
    "export": Session._export,
    "link": Session._link,
    "show": Session._show_again,
}


def parsed(message: Any) -> Any:
    """A message, of its text where it comes as one; or the error that it is none."""
    if not isinstance(message, str):
        return message
    try:
        return strict_json(message)
    except InputError as error:
        return InputError(f"message: expected a JSON object, got something with {error}")


def _kind(message: Any) -> Any:
    """The type of a message."""
    return message.get("type") if isinstance(message, dict) else None


def fitting(state: State, fields: Any) -> Any:
    """Fields of a change with those that do not fit other data set to their defaults."""
    if not isinstance(fields, dict) or "data" not in fields:
        return fields
    columns = {"features": ["x1", "x2"]} if state.table is not None else {}
    return {"table": None, "points": [], "loss": None, **columns, **fields}
