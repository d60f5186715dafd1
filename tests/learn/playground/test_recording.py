"""A recorded run: its frames are those of the run, and its page stands alone."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

from learn.playground.frames import unpacked
from plaingrad.learn.playground.recording import entries, page
from plaingrad.learn.playground.run import Run
from plaingrad.learn.playground.state import read_state


def test_frames_lead_from_the_beginning_to_where_the_run_is() -> None:
    run = Run(read_state({"data": "xor"}))
    for _ in range(150):
        run.train_batch()
    recorded = list(entries(run, Run(run.current())))
    assert [each["type"] for each in recorded[:2]] == ["state", "data"]
    frames = [unpacked(base64.b64decode(each))[0] for each in recorded if isinstance(each, str)]
    assert [frames[0]["batch"], frames[-1]["batch"]] == [0, 150]
    assert 50 < len(frames) < 80
    assert frames[-1]["loss"] == run.measure(run.problem.train)[0]
    walk = [each for each in recorded if isinstance(each, dict) and each["type"] == "walk"]
    assert [stage["stage"] for stage in walk] == list(range(walk[0]["stages"]))
    looks = [each for each in recorded if isinstance(each, dict) and each["type"] == "explanation"]
    assert len(looks) > 20


def test_what_was_done_on_the_way_is_in_it() -> None:
    """Points painted and a rate set while it trained, and a weight edited at its end."""
    run = Run(read_state({}))
    for _ in range(30):
        run.train_batch()
    run.act({"type": "paint", "points": [[0.1, 0.2, 0], [0.2, 0.1, 1]]})
    run.act({"type": "change", "state": {"l2": 0.25}})
    for _ in range(30):
        run.train_batch()
    run.act({"type": "edit", "layer": 0, "to": 0, "from": 1, "value": 2.0})
    recorded = list(entries(run, Run(run.current())))
    points = [len(each["train"] + each["test"]) for each in recorded if each_is(each, "data")]
    penalties = [each["state"]["l2"] for each in recorded if each_is(each, "state")]
    assert (points[0], points[-1], penalties[0], penalties[-1]) == (300, 302, 0, 0.25)
    frames = [unpacked(base64.b64decode(each)) for each in recorded if isinstance(each, str)]
    assert frames[-1][1]["weights.0"][0, 1] == 2
    assert frames[-1][0]["loss"] == run.measure(run.problem.train)[0]
    walk = next(k for k, each in enumerate(recorded) if each_is(each, "walk"))
    assert not any(isinstance(each, str) for each in recorded[walk:])


def each_is(entry: Any, kind: str) -> bool:
    return isinstance(entry, dict) and bool(entry["type"] == kind)


def test_the_page_has_everything_inside() -> None:
    run = Run(read_state({"layers": [{"units": 2}]}))
    text = page(list(entries(run, Run(run.current()))))
    content = re.search(r'<script type="application/json" id="recorded">(.*?)</script>', text, re.DOTALL)
    assert content is not None
    assert json.loads(content[1])[0]["type"] == "state"
    assert not re.search(r"""(src|href)=["'](?!data:)""", text.partition('<script type="module">')[0])
    assert text.count("</script") == 2
