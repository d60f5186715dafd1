"""A session: one viewer's run, in a thread of its own, and the messages to and from the page."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch

from plaingrad.errors import InputError, ModuleError
from plaingrad.learn.playground.answers import ANSWERS
from plaingrad.learn.playground.frame import Camera
from plaingrad.learn.playground.messages import Text, data_message, findings, state_message
from plaingrad.learn.playground.run import Diverged, Run
from plaingrad.learn.playground.state import DEFAULT, State
from plaingrad.learn.playground.walk import Walk
from plaingrad.strict_json import strict_json

SLICE = 0.005  # seconds of training between two looks at messages and frames
BETWEEN_FRAMES = 1 / 60
BETWEEN_SHOWN = 0.2  # while a run catches up
BETWEEN_FINDINGS = 1.5
UNSEEN = 600.0  # seconds after which a run that nobody looks at is paused
POINTS = 100  # of the curve of what was trained before a state is shown
MOST_WAITING = 64  # messages; a page sends a few a second
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

    # The run

    def begin(self, state: State) -> None:
        """Begin the run of a state, and catch up with where it was."""
        run = self.make(state)
        self.end_walk()
        self.run, self.camera = run, Camera(run)
        self.playing, self.findings, self.held = False, None, []
        self.behind = run.catch_up() if state.trained or state.actions else None
        self.noted_every = max(1, state.trained // POINTS)
        self.send_state()
        self.send_data()

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
        self.send_state()
        self.send_data()  # with what was painted on the way
        held, self.held = self.held, []
        for message in held:
            self._answer(message)

    def send_state(self) -> None:
        assert self.run is not None
        self.send_text(state_message(self.run, self.playing))
        self.due = True

    def send_data(self) -> None:
        assert self.run is not None
        self.send_text(data_message(self.run))
        self.due = True

    def end_walk(self) -> None:
        """End a walk, since what it shows would no longer be what the run does."""
        if self.walk is not None:
            self.walk = None
            self.send_text({"type": "walk", "stage": None})


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
