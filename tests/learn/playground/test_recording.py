"""A recorded run: its frames are those of the run, and its page stands alone."""

from __future__ import annotations

import base64
import json
import re

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


def test_the_page_has_everything_inside() -> None:
    run = Run(read_state({"layers": [{"units": 2}]}))
    text = page(list(entries(run, Run(run.current()))))
    content = re.search(r'<script type="application/json" id="recorded">(.*?)</script>', text, re.DOTALL)
    assert content is not None
    assert json.loads(content[1])[0]["type"] == "state"
    assert not re.search(r"""(src|href)=["'](?!data:)""", text.partition('<script type="module">')[0])
    assert text.count("</script") == 2
