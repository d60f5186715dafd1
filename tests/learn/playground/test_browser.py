"""The page in Chromium: each control does what it says, and its numbers are those of the run."""

from __future__ import annotations

import base64
import io
import queue
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import image
from selenium.webdriver.common.keys import Keys

import plaingrad
from learn.playground.browser import Browser, expect_browser
from learn.playground.frames import unpacked
from learn.playground.serving import Server
from plaingrad.learn.playground.recording import recording
from plaingrad.learn.playground.run import Run
from plaingrad.learn.playground.state import from_fragment, read_state, to_fragment

DOCS = Path(__file__).parents[3] / "docs" / "images"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    expect_browser()
    server = Server()
    yield server
    server.end()


@pytest.fixture(scope="module")
def opened() -> Iterator[Browser]:
    expect_browser()
    browser = Browser()
    yield browser
    browser.close()


@pytest.fixture
def chromium(opened: Browser) -> Browser:
    """The browser of all tests, wide and light."""
    opened.show()
    return opened


@pytest.fixture
def page(server: Server, chromium: Browser) -> Iterator[Browser]:
    """A fresh page, after which the browser must have had nothing to complain of."""
    begin(chromium, server)
    yield chromium
    assert chromium.messages() == []


def begin(browser: Browser, server: Server, **state: Any) -> None:
    """Open the page with a state."""
    address = server.address + (f"#{to_fragment(read_state(state))}" if state else "")
    browser.open(address)


CONTROLS: list[tuple[str, object, str, object]] = [
    ("data", "xor", "data", "xor"),
    ("samples", 120, "samples", 120),
    ("noise", 0.2, "noise", 0.2),
    ("train-share", 0.7, "train_share", 0.7),
    ("batch-size", 25, "batch_size", 25),
    ("activation", "relu", "activation", "relu"),
    ("init", "kaiming_normal", "init", "kaiming_normal"),
    ("loss", "mse", "loss", "mse"),
    ("dropout", 0.3, "dropout", 0.3),
    ("l1", 0.01, "l1", 0.01),
    ("l2", 0.02, "l2", 0.02),
    ("epochs", 7, "epochs", 7),
    ("lr", 0.3, "optimizer.lr", 0.3),
    ("optimizer", "Adam", "optimizer.name", "Adam"),
]


@pytest.mark.parametrize(("control", "value", "field", "expected"), CONTROLS)
def test_a_control_sets_its_field(
    page: Browser, control: str, value: object, field: str, expected: object
) -> None:
    if page.element(control).tag_name == "select":
        page.choose(control, str(value))
    else:
        page.enter(control, value)
    page.until(lambda: page.of(f"state.{field}") == expected)


def test_a_loss_and_a_rule_show_the_options_that_they_have(page: Browser) -> None:
    assert not page.element("delta").is_displayed()
    page.choose("loss", "huber")
    page.until(lambda: page.element("delta").is_displayed())
    page.enter("delta", 0.25)
    page.until(lambda: page.of("state.delta") == 0.25)
    page.choose("optimizer", "AdamW")
    found = page.until(lambda: page.driver.find_elements("css selector", "[data-option=weight_decay]"))
    decay = found[0]
    assert float(decay.get_attribute("value") or "") == 0.01
    decay.clear()
    decay.send_keys("0.5", Keys.ENTER)
    page.until(lambda: page.of("state.optimizer.weight_decay") == 0.5)


@pytest.mark.parametrize("name", ["show-test", "discretize", "gradients"])
def test_a_switch_sets_its_field(page: Browser, name: str) -> None:
    page.click(name)
    page.until(lambda: page.of(f"state.{name.replace('-', '_')}"))


def test_the_numbers_on_the_page_are_those_of_the_run(page: Browser) -> None:
    page.click("step-epoch")
    page.until(lambda: page.header()["batch"] == 15)
    run = Run(read_state({}))
    for _ in range(15):
        run.train_batch()
    (train, accuracy), (test, _) = run.measure(run.problem.train), run.measure(run.problem.test)
    page.until(lambda: float(page.text("train-loss")) == pytest.approx(train, rel=0.006))
    assert float(page.text("test-loss")) == pytest.approx(test, rel=0.006)
    assert float(page.text("accuracy").split()[0].rstrip("%")) == pytest.approx(
        100 * (accuracy or 0), abs=0.06
    )
    for k, stage in enumerate(run.stages):
        np.testing.assert_array_equal(
            page.numbers(f"weights.{k}"), stage.linear.weight.value.flatten().numpy()
        )


def test_it_plays_pauses_takes_back_and_resets(page: Browser) -> None:
    page.click("play")
    page.until(lambda: page.header()["epoch"] > 3)
    page.click("play")
    page.until(lambda: not page.header()["playing"])
    page.click("undo")
    page.until(lambda: page.header()["batch"] == 0)
    page.click("step-batch")
    page.until(lambda: page.header()["batch"] == 1)
    page.click("reset")
    page.until(lambda: page.header()["batch"] == 0)


def test_layers_and_units_come_and_go(page: Browser) -> None:
    page.click("add-layer")
    page.until(lambda: len(page.of("network.layers")) == 4)
    page.click("remove-layer")
    page.until(lambda: len(page.of("network.layers")) == 3)
    page.element("network").send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, "+")
    page.until(lambda: page.of("network.layers[0].units") == 5)


def test_a_weight_is_set_by_a_click(page: Browser) -> None:
    at = page.driver.execute_script("return document.body.__playground.linkAt(0, 1, 0)")
    page.click_at("network", at["x"], at["y"])
    field = page.element("editor-value")
    page.until(field.is_displayed)
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys("-1.25", Keys.ENTER)
    page.until(lambda: page.numbers("weights.0")[2] == -1.25)


def test_a_painted_point_changes_the_boundary(page: Browser) -> None:
    """The same training, with a patch of points of the other class in the middle of the disc, and without."""
    points = [(0.5 + 0.03 * a, 0.5 + 0.03 * b) for a in (-1, 0, 1) for b in (-1, 0, 1)]
    page.choose("paint-label", "0")
    for x, y in points:
        at = page.driver.execute_script(f"return document.body.__playground.pointAt({x}, {y})")
        page.click_at("output", at["x"], at["y"])
    page.until(lambda: len(page.of("app.data.train")) + len(page.of("app.data.test")) == 300 + len(points))
    before = page.numbers("output")
    page.enter("lr", 0.3)
    page.click("play")
    page.until(lambda: page.header()["epoch"] > 40)
    page.click("play")
    page.until(lambda: not page.header()["playing"])
    assert page.numbers("output") != before
    page.click("share")
    fragment = page.until(lambda: page.driver.execute_script("return location.hash"))
    painted = [
        action for _, action in from_fragment(fragment).get("actions", []) if action["type"] == "paint"
    ]
    drawn = from_fragment(fragment).get("points", [])
    assert len(drawn) + sum(len(action["points"]) for action in painted) == len(points)


def test_a_link_restores_what_is_seen(page: Browser, server: Server) -> None:
    page.choose("data", "spirals")
    page.until(lambda: page.of("state.data") == "spirals")
    page.click("play")
    page.until(lambda: page.header()["epoch"] > 2)
    page.click("play")
    page.until(lambda: not page.header()["playing"])
    page.click("share")
    page.until(lambda: page.driver.execute_script("return location.hash"))
    seen, address = page.header(), page.driver.current_url
    page.open(address)
    page.until(lambda: page.header()["batch"] == seen["batch"])
    assert page.header()["loss"] == seen["loss"]


WEIGHTS = "return Array.from(document.body.__playground.app{}.frame.arrays.get('weights.0').values)"


def steered(page: Browser) -> list[float]:
    """A run that was played, painted on, and edited; the weights of its first layer."""
    page.click("play")
    page.until(lambda: page.header()["epoch"] > 2)
    page.driver.execute_script(
        "document.body.__playground.app.send({type: 'paint', points: [[0.1, 0.2, 0], [0.2, 0.1, 1]]})"
    )
    page.enter("lr", 0.1)
    page.until(lambda: page.of("state.optimizer.lr") == 0.1)
    page.click("play")
    page.until(lambda: not page.header()["playing"])
    page.driver.execute_script(
        "document.body.__playground.app.send({type: 'edit', layer: 0, to: 1, from: 0, value: 1.5})"
    )
    page.until(lambda: page.numbers("weights.0")[2] == 1.5)
    return page.numbers("weights.0")


def test_a_second_run_begins_where_the_first_is(page: Browser) -> None:
    seen = steered(page)
    batch = page.header()["batch"]
    page.click("compare")
    page.until(lambda: page.of("app.rival.app.frame.header.batch") == batch)
    page.until(lambda: page.driver.execute_script(WEIGHTS.format(".rival.app")) == seen)
    assert page.numbers("weights.0") == seen  # the first is as it was
    assert f"after batch {batch}" in page.text("second-compared")
    points = page.driver.execute_script("return document.body.__playground.app.rival.app.data.train.length")
    assert points == len(page.of("app.data.train"))
    page.click("step-batch")
    page.until(lambda: page.of("app.rival.app.frame.header.batch") == batch + 1)
    page.until(lambda: page.driver.execute_script(WEIGHTS.format(".rival.app")) == page.numbers("weights.0"))
    page.click("undo")
    page.until(lambda: page.of("app.rival.app.frame.header.batch") == page.header()["batch"] == batch)
    page.click("compare")
    page.until(lambda: page.of("app.rival") is None)


def test_a_second_run_can_be_paused_when_the_first_has_diverged(page: Browser, server: Server) -> None:
    begin(page, server, data="plane", activation="linear", optimizer={"name": "SGD", "lr": 10})
    page.click("compare")
    page.until(lambda: page.of("app.rival.app.frame"))
    page.enter("second-lr", 0.01)
    page.until(lambda: page.of("app.rival.app.state.optimizer.lr") == 0.01)
    page.click("play")
    page.until(lambda: "infinite" in page.text("message"))
    page.until(lambda: page.of("app.rival.app.frame.header.epoch") > 2)
    assert page.text("play") == "Pause"
    page.click("play")
    page.until(lambda: page.of("app.rival.app.frame.header.playing") is False)
    page.until(lambda: page.text("play") == "Play")
    page.click("compare")


def test_a_lost_connection_leads_back_to_the_same_run(server: Server, chromium: Browser) -> None:
    kept = (
        "window.sockets = []; window.WebSocket = class extends WebSocket {"
        " constructor(url) { super(url); sockets.push(this); } };"
    )
    script = chromium.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": kept})
    begin(chromium, server)
    seen = steered(chromium)
    batch = chromium.header()["batch"]
    chromium.until(lambda: len(chromium.of("app.past.actions") or []) == 3)
    chromium.driver.execute_script("sockets.forEach((socket) => socket.close())")
    chromium.until(lambda: "lost" in chromium.text("message"))
    buttons = {each.text: each for each in chromium.element("message").find_elements("tag name", "button")}
    buttons["Link"].click()
    fragment = chromium.until(lambda: chromium.driver.execute_script("return location.hash"))
    run = Run(read_state(from_fragment(fragment)))
    for _ in run.catch_up():
        pass
    assert run.stages[0].linear.weight.value.flatten().tolist() == seen
    chromium.driver.execute_script("sockets.at(-1).onclose({})")
    chromium.element("message").find_element("xpath", ".//button[text()='Reconnect']").click()
    frames = chromium.of("frames")
    chromium.until(lambda: chromium.of("frames") > frames and chromium.header()["batch"] == batch)
    chromium.until(lambda: chromium.numbers("weights.0") == seen)
    chromium.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)


def test_a_walk_shows_the_numbers_of_the_record(page: Browser) -> None:
    page.click("walk")
    page.until(lambda: page.of("walk.phase") == "input")
    for _ in range(3):
        stage = page.of("walk.stage")
        page.click("walk-next")
        page.until(lambda stage=stage: page.of("walk.stage") == stage + 1)
    walk = page.of("walk")
    run = Run(read_state({}))
    x = run.problem.train.inputs[[walk["sample"]]]
    for k, outputs in enumerate(run.outputs(x)):
        assert walk["values"]["layers"][k] == outputs[0].tolist()
    at = page.driver.execute_script("return document.body.__playground.unitAt(2, 0)")
    page.click_at("network", at["x"], at["y"])
    shown = page.until(lambda: page.text("explanation"))
    assert f"{run.outputs(x)[2][0, 0].item():.3g}"[:5].replace("-", "") in shown
    while page.of("walk.phase") != "update":
        stage = page.of("walk.stage")
        if stage % 2:
            page.driver.execute_script("document.activeElement.blur()")
            page.press(Keys.ARROW_RIGHT)
        else:
            page.click("walk-next")
        page.until(lambda stage=stage: page.of("walk.stage") == stage + 1)
    page.click("walk-back")
    page.until(lambda: page.of("walk.phase") == "backward")
    page.click("walk-end")
    page.until(lambda: page.of("walk") is None)


def test_it_tells_of_divergence_and_leads_back(page: Browser, server: Server) -> None:
    begin(page, server, data="plane", activation="linear", optimizer={"name": "SGD", "lr": 10})
    page.click("play")
    page.until(lambda: "learning rate" in page.text("message"))
    picture(page, "playground_diverged")
    back = next(
        b for b in page.element("message").find_elements("tag name", "button") if "back" in b.text.lower()
    )
    back.click()
    page.until(lambda: page.header()["batch"] == 0)


def test_findings_say_why_the_loss_does_not_fall(page: Browser, server: Server, tmp_path: Path) -> None:
    """The paper's network at learning rate 3, and the program and link with which one leaves."""
    begin(page, server)
    options = page.element("preset").find_elements("tag name", "option")
    paper = next(option for option in options if "paper" in option.text.lower())
    paper.click()
    page.until(lambda: [layer["units"] for layer in page.of("network.layers")] == [25, 25, 25, 2])
    page.enter("lr", 3)
    page.until(lambda: page.of("state.optimizer.lr") == 3)
    page.click("play")
    page.until(lambda: len(page.text("findings")) > 40 and ("rate" in page.text("findings")))
    page.until(lambda: page.header()["batch"] > 50 or page.text("message"))
    if "Pause" in page.text("play"):
        page.click("play")
    page.until(lambda: not page.header()["playing"])
    seen = page.header()
    page.click("share")
    fragment = page.until(lambda: page.driver.execute_script("return location.hash"))
    run = Run(read_state(from_fragment(fragment)))
    for _ in run.catch_up():
        pass
    assert run.batch == seen["batch"]
    from plaingrad.learn.playground.program import program

    path = tmp_path / "seen.py"
    path.write_text(program(run))
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, timeout=300, check=True)
    loss = float(re.findall(r"test loss (\S+)", done.stdout)[0])
    assert loss == pytest.approx(run.measure(run.problem.test)[0], rel=1e-5, abs=1e-6, nan_ok=True)


def test_the_keyboard_alone_is_enough(page: Browser) -> None:
    reached = set()
    for _ in range(90):
        page.press(Keys.TAB)
        reached.add(page.driver.execute_script("return document.activeElement.id"))
    assert {"play", "step-batch", "walk", "data", "network", "output", "share", "lr", "optimizer"} <= reached
    page.driver.execute_script("document.activeElement.blur()")
    page.press(Keys.SPACE)
    page.until(lambda: page.header()["epoch"] > 1)
    page.press(Keys.SPACE)
    page.until(lambda: not page.header()["playing"])


def test_own_data_are_pasted(page: Browser) -> None:
    page.click("csv")
    rows = "\n".join(f"{k % 7},{k % 5},{'ab'[k % 2]}" for k in range(60))
    page.enter("csv-text", f"left,right,kind\n{rows}\n")
    page.click("csv-use")
    page.until(lambda: page.of("network.features") == ["left", "right"])


def test_a_file_that_is_too_large_is_refused_and_the_words_go_when_another_is_used(page: Browser) -> None:
    drop = (
        "const files = new DataTransfer(); files.items.add(new File([arguments[0]], 'own.csv'));"
        "document.body.dispatchEvent(new DragEvent('drop', {dataTransfer: files, bubbles: true}))"
    )
    rows = "\n".join(f"{k % 7},{k % 5},{'ab'[k % 2]}" for k in range(60))
    page.driver.execute_script(drop, f"left,right,kind\n{rows}\n" + " " * 6_000_000)
    page.until(lambda: "4 MB" in page.text("message"))
    page.driver.execute_script(drop, "")
    page.until(lambda: "empty" in page.text("message"))
    page.driver.execute_script(drop, "1,2\n3,4\n")
    page.until(lambda: "names of the columns" in page.text("message"))
    page.driver.execute_script(drop, f"left,right,kind\n{rows}\n")
    page.until(lambda: page.of("network.features") == ["left", "right"])
    assert not page.element("message").is_displayed()


def test_the_words_on_a_unit_follow_the_training(page: Browser) -> None:
    page.element("network").send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    page.until(lambda: "bias" in page.text("status"))
    page.click("step-epoch")
    page.element("network").send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    page.driver.execute_script("document.body.__playground.app.send({type: 'step', unit: 'epoch'})")
    page.until(lambda: page.header()["epoch"] == 2)
    bias = f"{page.numbers('biases.0')[0]:.3g}".replace("-", "−")
    page.until(lambda: page.text("status").endswith(f"bias {bias}"))


def test_a_hostile_explanation_or_name_does_nothing(page: Browser) -> None:
    page.click("csv")
    name = "<img src=x onerror=document.title='caught'>"
    page.enter("csv-text", f"{name},b,kind\n" + "\n".join(f"{k},{k % 5},{'ab'[k % 2]}" for k in range(20)))
    page.click("csv-use")
    page.until(lambda: page.of("network.features") == [name, "b"])
    page.click("walk")
    page.until(lambda: page.of("walk"))
    assert "caught" not in page.driver.title


def test_a_recorded_run_needs_no_server(chromium: Browser, tmp_path: Path) -> None:
    run = Run(read_state({"optimizer": {"name": "Adam", "lr": 0.03}}))
    for _ in range(120):
        run.train_batch()
    path = tmp_path / "recorded.html"
    path.write_text(recording(run, Run(run.current())), encoding="utf-8")
    chromium.open(path.as_uri())
    chromium.click("play")
    chromium.until(lambda: chromium.header()["batch"] == 120)
    chromium.until(lambda: chromium.of("walk"))
    assert chromium.messages() == []


SHELL = """
const [texts, frame, done] = arguments;
const bytes = (text) => new DataView(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
window.outbox = [];
const el = document.createElement("div");
document.body.replaceChildren(el);
import("/playground.js").then(({ default: shell }) => {
  shell.render({ el, model: {
    get: (name) => (name === "first_texts" ? texts : bytes(frame)),
    send: (message) => outbox.push(message),
    on: (_, hear) => { window.hear = (content, frame) => hear(content, frame ? [bytes(frame)] : []); },
  } });
  document.body.__playground = el.__playground;
  done();
});
"""


def test_the_notebook_shell_shows_the_same_frames(page: Browser) -> None:
    """The widget's Python side and its module in the browser, with the notebook between them played here."""
    widget = plaingrad.playground(data="spirals", classes=3, seed=5)
    came: queue.Queue[tuple[Any, Any]] = queue.Queue()
    widget.send = lambda content, buffers=None: came.put((content, buffers and buffers[0]))
    page.driver.execute_async_script(SHELL, widget.first_texts, base64.b64encode(widget.first_frame).decode())
    page.until(lambda: page.of("frames") == 1)
    sent: list[bytes] = [widget.first_frame]

    def exchanged() -> bool:
        for message in page.driver.execute_script("return outbox.splice(0)"):
            widget._receive(widget, message, [])
        while not came.empty():
            content, frame = came.get()
            sent.extend([frame] if frame else [])
            text = base64.b64encode(frame).decode() if frame else None
            page.driver.execute_script("hear(...arguments)", content, text)
        return bool(page.header()["epoch"] == 2)

    def same() -> bool:
        header, arrays = unpacked(sent[-1])
        return page.header()["batch"] == header["batch"] and all(
            page.numbers(name) == array.flatten().tolist() for name, array in arrays.items()
        )

    page.until(same)
    page.click("step-epoch")
    page.click("step-epoch")
    page.until(exchanged)
    page.until(same)
    shown = float(page.text("train-loss"))
    assert shown == pytest.approx(widget.session.run.measure(widget.session.run.problem.train)[0], rel=0.006)
    widget.close()


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1280, True), (380, False), (380, True)])
def test_each_view_fits_and_is_not_empty(server: Server, chromium: Browser, width: int, dark: bool) -> None:
    """Wide and narrow, light and dark, in the middle of a backward; with pictures for the documentation."""
    browser = chromium
    browser.show(width, dark=dark)
    begin(
        browser,
        server,
        layers=[{"units": 6}, {"units": 4}],
        optimizer={"name": "Adam", "lr": 0.03},
        trained=900,
    )
    name = f"playground{'_narrow' if width < 1000 else ''}{'_dark' if dark else ''}"
    picture(browser, name)
    scrolled, inner = browser.driver.execute_script(
        "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert scrolled <= inner
    pixels = image.imread(io.BytesIO(browser.driver.get_screenshot_as_png()))
    assert (pixels[..., :3].mean() < 0.5) is dark or bool(pixels[..., :3].mean() < 0.5) == dark
    browser.click("walk")
    browser.until(lambda: browser.of("walk"))
    for _ in range(6):
        stage = browser.of("walk.stage")
        browser.click("walk-next")
        browser.until(lambda stage=stage: browser.of("walk.stage") == stage + 1)
    browser.driver.execute_script("document.getElementById('network').scrollIntoView({block: 'start'})")
    browser.driver.execute_script("window.scrollBy(0, -140)")
    if width > 1000 and not dark:
        picture(browser, "playground_walk")
    assert browser.messages() == []


def picture(browser: Browser, name: str) -> None:
    """Keep a picture for the documentation, unless it has one."""
    path = DOCS / f"{name}.png"
    if not path.exists():
        browser.save(path)
