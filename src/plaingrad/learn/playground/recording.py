"""A recorded run as one HTML file that needs neither Python nor a connection."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from importlib import resources
from typing import Any

from plaingrad.learn.playground.frame import Camera
from plaingrad.learn.playground.messages import data_message, findings, state_message
from plaingrad.learn.playground.run import Run
from plaingrad.learn.playground.walk import Walk

FRAMES = 60
MOST_EXPLAINED = 48  # units in a stage of the walk

PAGE = resources.files("plaingrad.learn.playground") / "page"


def recording(run: Run, again: Run) -> str:
    """The run from its beginning to where it is, then one step of it layer by layer, as an HTML page.

    Args:
        run: where it is.
        again: a new run of its current state, which is trained here.
    """
    return page(list(entries(run, again)))


def entries(run: Run, again: Run) -> Iterator[Any]:
    """The messages and frames, in order; frames in base64."""
    yield state_message(again, playing=False)
    yield data_message(again)
    camera, last = Camera(again), run.batch
    every = max(1, last // FRAMES)
    yield shot(camera, 1)
    number = 1
    for _ in again.catch_up():
        if again.batch % every == 0 or again.batch == last:
            number += 1
            yield shot(camera, number)
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
        phase, layer = walk.phases[at]
        layers = range(len(run.stages)) if layer is None else [layer]
        units = [(k, unit) for k in layers for unit in range(run.stages[k].units)]
        for k, unit in units[:MOST_EXPLAINED] if phase != "input" else ():
            yield walk.look(k, unit)


def page(recorded: list[Any]) -> str:
    """The page, with style, module and recording inside."""
    style = (PAGE / "playground.css").read_text(encoding="utf-8")
    module = (PAGE / "playground.js").read_text(encoding="utf-8").replace("</script", "<\\/script")
    content = json.dumps(recorded, allow_nan=False).replace("<", "\\u003c")
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>A recorded run of plaingrad</title>
<link rel="icon" href="data:,">
<style>
{style}
</style>
</head>
<body>
<noscript>This page draws a recorded run, and needs JavaScript for it.</noscript>
<script type="application/json" id="recorded">{content}</script>
<script type="module">
{module}
start(document.body, recording(JSON.parse(document.getElementById("recorded").textContent)));
</script>
</body>
</html>
"""
