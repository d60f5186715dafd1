"""A recorded run as one HTML file that needs neither Python nor a connection."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

from plaingrad.errors import InputError
from plaingrad.inspect.player import page
from plaingrad.learn.playground.frame import Camera
from plaingrad.learn.playground.messages import data_message, findings, state_message
from plaingrad.learn.playground.run import Run
from plaingrad.learn.playground.walk import Walk

FRAMES = 60
MOST_RECORDED = 50_000  # batches


def recording(run: Run, again: Run, stopped: Callable[[], bool] = lambda: False) -> str:
    """The run from its beginning to where it is, then one step of it layer by layer, as an HTML page.

    Args:
        run: where it is.
        again: a new run of its current state, which is trained here.
        stopped: asked whether it is still needed.

    Raises:
        InputError: the run is too long to be trained once more.
    """
    if run.batch > MOST_RECORDED:
        got = f"got {run.batch:,}; share it, or reset and train for less"
        raise InputError(f"export: expected a recording of at most {MOST_RECORDED:,} batches, {got}")
    return page(list(entries(run, again, stopped)))


def entries(run: Run, again: Run, stopped: Callable[[], bool] = lambda: False) -> Iterator[Any]:
    """The messages and frames, in order; frames in base64."""
    camera, last = Camera(again), run.batch
    every = max(1, last // FRAMES)
    shown = None
    for number, _ in enumerate(chain([None], again.catch_up(), [None]), 1):
        if stopped():
            return
        is_due = again.batch % every == 0 or again.batch == last
        now = (again.batch, again.state, again.problem, len(again.origin.actions))
        if is_due and now != shown:
            if shown is None or again.state is not shown[1]:
                yield state_message(again, playing=False)
            if shown is None or again.problem is not shown[2]:
                yield data_message(again)
            yield shot(camera, number)
            shown = now
    if len(again.problem.train):
        yield from walked(again)


def shot(camera: Camera, number: int) -> str:
    """A frame with the findings at that moment."""
    frame = camera.take(number, playing=False, extra={"findings": findings(camera.run)})
    return base64.b64encode(frame).decode()


def walked(run: Run) -> Iterator[dict[str, Any]]:
    """The stages of a walk with the first sample, each with the explanations of its units."""
    walk = Walk(run, 0)
    for at in range(len(walk.phases)):
        walk.go(at - walk.at)
        yield walk.message()
        yield from walk.steps.looks(at)
