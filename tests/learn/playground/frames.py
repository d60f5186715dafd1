"""Frames and sessions as a page sees them."""

from __future__ import annotations

import json
import queue
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from plaingrad.learn.playground.session import Session

KINDS = {"u8": np.uint8, "f32": np.float32}


def unpacked(content: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The header of a frame and its arrays."""
    length = int.from_bytes(content[:4], "little")
    header, at = json.loads(content[4 : 4 + length]), 4 + length
    assert at % 4 == 0
    arrays = {}
    for entry in header["arrays"]:
        kind = KINDS[entry["kind"]]
        size = int(np.prod(entry["shape"])) * np.dtype(kind).itemsize
        arrays[entry["name"]] = np.frombuffer(content[at : at + size], kind).reshape(entry["shape"])
        at += size + -size % 4
    assert at == len(content)
    return header, arrays


class Page:
    """A page without a screen: it draws each frame at once.

    Args:
        draws: whether it says that it has drawn a frame.
        options: of the session.
    """

    def __init__(self, draws: bool = True, **options: Any) -> None:
        self.texts: queue.Queue[dict[str, Any]] = queue.Queue()
        self.frames: list[bytes] = []
        self.draws = draws
        self.session = Session(self._text, self._frame, **options)
        self.session.start()

    def _text(self, message: dict[str, Any]) -> None:
        self.texts.put(json.loads(json.dumps(message, allow_nan=False)))

    def _frame(self, content: bytes) -> None:
        self.frames.append(content)
        if self.draws:
            self.send("drawn", frame=unpacked(content)[0]["frame"])

    def send(self, kind: str, **fields: Any) -> None:
        """Send a message."""
        self.session.receive({"type": kind, **fields})

    def next(self, kind: str) -> dict[str, Any]:
        """The next message of a type, others being passed over; an error is none of them."""
        while True:
            message = self.texts.get(timeout=60)
            assert kind == "error" or message["type"] != "error", message
            if message["type"] == kind:
                return message

    def ask(self, answer: str, kind: str, **fields: Any) -> dict[str, Any]:
        """Send a message and wait for its answer."""
        self.send(kind, **fields)
        return self.next(answer)

    def begin(self, **state: Any) -> dict[str, Any]:
        """Begin with a state; the answer."""
        answer = self.ask("state", "start", state=state)
        self.until(lambda: len(self.frames) > 0)
        return answer

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait for something; a minute at most."""
        end = time.monotonic() + 60
        while not holds():
            assert time.monotonic() < end, "waited for a minute"
            time.sleep(0.005)

    def header(self) -> dict[str, Any]:
        """That of the latest frame."""
        return unpacked(self.frames[-1])[0]
