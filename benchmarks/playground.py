"""The playground's page in Chromium: frames a second while it trains, and the answer to a click."""

from __future__ import annotations

import statistics
import time
from typing import Any

from benchmarks.extent import QUICK
from benchmarks.markdown import table
from learn.playground.browser import Browser
from learn.playground.serving import Server
from plaingrad.learn.playground.state import read_state, to_fragment

WORKS: list[tuple[str, dict[str, Any]]] = [
    ("2-8-8-2, 20 maps", {"layers": [{"units": 8}, {"units": 8}]}),
    ("4 layers of 19, 80 maps", {"layers": [{"units": 19}] * 4}),
    ("12 layers of 16, 196 maps", {"layers": [{"units": 16}] * 12}),
]
SECONDS, CLICKS = (1, 3) if QUICK else (8, 15)
FRAMES_BAR, CLICK_BAR = 30, 100


def report() -> str:
    rows = [[name, *measured(state, "80 maps" in name)] for name, state in WORKS]
    head = [
        "network",
        "frames a second / bar",
        "batches a second",
        "ms to answer a click / bar",
    ]
    return f"""## The playground

Headless Chromium at 1280 x 1000 on the same two cores as the training; 300 points in batches of 10. Frames
that were drawn while it trains; a click sets a weight, and is answered when a frame with it has been drawn:
median (largest) of {CLICKS}, while it trains.

{table(head, rows)}
"""


def measured(state: dict[str, Any], has_bars: bool) -> list[str]:
    """Frames and batches a second, and the time of a click."""
    server, browser = Server(), Browser()
    try:
        fragment = to_fragment(read_state({"optimizer": {"name": "Adam", "lr": 0.003}, **state}))
        browser.open(f"{server.address}#{fragment}")
        browser.click("play")
        browser.until(lambda: browser.header()["batch"] > 50)
        frames, batches, begun = browser.of("frames"), browser.header()["batch"], time.perf_counter()
        time.sleep(SECONDS)
        seconds = time.perf_counter() - begun
        frames, batches = browser.of("frames") - frames, browser.header()["batch"] - batches
        clicks = [answered(browser, k) for k in range(CLICKS)]
    finally:
        browser.close()
        server.end()
    rate, click = frames / seconds, statistics.median(clicks)
    shown = [f"{rate:.0f}", f"{batches / seconds:.0f}", f"{click:.0f} ({max(clicks):.0f})"]
    if has_bars:
        shown[0] += f" / {FRAMES_BAR}: {'met' if rate >= FRAMES_BAR else '**missed**'}"
        shown[2] += f" / {CLICK_BAR}: {'met' if click <= CLICK_BAR else '**missed**'}"
    return shown


ANSWERED = """
const [value, done] = arguments, playground = document.body.__playground, begun = performance.now();
playground.app.send({type: "edit", layer: 0, to: 0, from: 0, value});
const look = () => {
  const shown = playground.frame.arrays.get("weights.0").values[0];
  if (Math.abs(shown - value) < 0.4) done(performance.now() - begun); else requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""


def answered(browser: Browser, k: int) -> float:
    """Milliseconds until an edit is on the screen."""
    return float(browser.driver.execute_async_script(ANSWERED, 3.0 + k % 2 * 3))
