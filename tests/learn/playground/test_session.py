"""Sessions: messages, playing, what comes back, and pages that send nonsense."""

from __future__ import annotations

import base64
import random
import string
import time
from collections.abc import Iterator
from typing import Any

import pytest
import torch

import plaingrad
from learn.playground.frames import Page, unpacked
from plaingrad.learn.playground import answers
from plaingrad.learn.playground.session import ANSWERS
from plaingrad.learn.playground.state import from_fragment, read_state


@pytest.fixture
def page() -> Iterator[Page]:
    page = Page()
    yield page
    page.session.close()
    page.session.thread.join(10)
    assert not page.session.thread.is_alive()


def test_a_page_is_told_state_data_and_a_frame(page: Page) -> None:
    answer = page.begin(data="gaussians", classes=3)
    assert answer["state"]["classes"] == 3
    assert [layer["units"] for layer in answer["network"]["layers"]] == [4, 2, 3]
    assert answer["network"]["layers"][-1]["labels"] == ["cloud 0", "cloud 1", "cloud 2"]
    assert {each["name"] for each in answer["choices"]["optimizers"]} >= {"SGD", "Adam"}
    data = page.next("data")
    assert len(data["train"]) == len(data["test"]) == 150
    assert page.header()["findings"] == [] or page.header()["findings"][0]["words"]


def test_it_plays_and_pauses(page: Page) -> None:
    page.begin()
    page.send("play")
    page.until(lambda: page.header()["epoch"] > 3)
    page.send("pause")
    page.until(lambda: not page.header()["playing"])
    batch = page.header()["batch"]
    time.sleep(0.2)
    assert page.header()["batch"] == batch
    page.send("undo")
    page.until(lambda: page.header()["batch"] == 0)


def test_one_frame_is_under_way_at_a_time() -> None:
    page = Page(draws=False)
    page.begin()
    page.send("play")
    time.sleep(0.5)
    assert len(page.frames) == 1
    page.send("drawn", frame=1)
    page.until(lambda: len(page.frames) == 2)
    assert page.header()["batch"] > 20  # training went on
    page.session.close()


def test_it_steps_and_stops_at_an_epoch(page: Page) -> None:
    page.begin(epochs=2)
    page.send("step", unit="batch")
    page.until(lambda: page.header()["batch"] == 1)
    page.send("step", unit="epoch")
    page.until(lambda: page.header()["epoch"] == 1)
    page.send("play")
    page.until(lambda: page.header()["epoch"] == 2 and not page.header()["playing"])


def test_a_change_of_the_rate_goes_on_and_of_the_layers_begins_anew(page: Page) -> None:
    page.begin()
    page.send("step", unit="epoch")
    page.until(lambda: page.header()["epoch"] == 1)
    answer = page.ask("state", "change", state={"optimizer": {"name": "SGD", "lr": 0.5}})
    assert (answer["state"]["optimizer"]["lr"], answer["state"]["trained"]) == (0.5, 15)
    answer = page.ask("state", "change", state={"layers": [{"units": 7}]})
    assert (answer["state"]["trained"], answer["network"]["layers"][0]["units"]) == (0, 7)
    assert answer["state"]["optimizer"]["lr"] == 0.5


def test_points_are_painted_while_it_trains(page: Page) -> None:
    page.begin(data="own", points=[[0, 0, 0], [0.5, 0.5, 1], [-0.5, 0.5, 0]])
    page.send("play")
    page.until(lambda: page.header()["batch"] > 0)
    for k in range(20):
        page.send("paint", points=[[k / 20, 0.1, k % 2]])
    page.until(lambda: page.session.run is not None and len(page.session.run.state.points) == 23)
    page.until(lambda: page.header()["epoch"] > 5)
    assert page.session.playing
    page.send("pause")
    fragment = page.ask("link", "link")["fragment"]
    assert len(read_state(from_fragment(fragment)).actions) == 20


def test_a_link_restores_what_was_seen(page: Page) -> None:
    page.begin(data="spirals", optimizer={"name": "Adam"})
    page.send("play")
    page.until(lambda: page.header()["epoch"] > 2)
    page.send("edit", **{"layer": 0, "to": 0, "from": 1, "value": 2.0})
    page.until(lambda: page.header()["epoch"] > 4)
    page.send("pause")
    page.until(lambda: not page.header()["playing"])
    fields = from_fragment(page.ask("link", "link")["fragment"])
    other = Page()
    other.begin(**fields)
    other.until(lambda: other.header()["batch"] == page.header()["batch"])
    (mine, a), (theirs, b) = unpacked(page.frames[-1]), unpacked(other.frames[-1])
    other.session.close()
    assert (mine["batch"], mine["loss"]) == (theirs["batch"], theirs["loss"])
    assert all((a[name] == b[name]).all() for name in a)


def test_a_link_shows_the_points_that_were_painted_on_the_way(page: Page) -> None:
    painted = [3, {"type": "paint", "points": [[0.1, 0.2, 0], [0.2, 0.1, 1]]}]
    page.begin(trained=5, actions=[painted])
    page.until(lambda: page.header()["batch"] == 5)
    assert len(page.next("data")["train"]) == 150
    data = page.next("data")
    assert len(data["train"]) + len(data["test"]) == 302


def test_the_past_of_a_run_is_all_that_another_needs(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    page.begin()
    page.send("step", unit="epoch")
    page.send("edit", **{"layer": 0, "to": 0, "from": 1, "value": 2.0})
    page.send("paint", points=[[0.1, 0.2, 0]])
    page.send("step", unit="batch")
    past = page.ask("past", "past")["state"]
    assert (past["trained"], len(past["actions"])) == (16, 2)
    monkeypatch.setattr(answers, "MOST_PAST", 100)
    assert "less data" in page.ask("error", "past")["words"]


def test_what_a_link_has_trained_is_shown_on_the_way_and_messages_wait() -> None:
    page = Page()
    page.send("start", state={"trained": 3000, "layers": [{"units": 16}] * 6})
    page.send("step", unit="batch")
    page.until(lambda: bool(page.frames) and page.header()["batch"] == 3001)
    batches = [unpacked(frame)[0]["batch"] for frame in page.frames]
    assert len([batch for batch in batches if 0 < batch < 3000]) > 5
    assert len(unpacked(page.frames[-1])[1]) > 0
    assert page.session.run is not None
    assert len(page.session.run.curve) >= 100
    page.session.close()


def test_own_data_come_as_csv(page: Page) -> None:
    page.begin()
    rows = "\n".join(f"{k % 7},{k % 5},{'ab'[k % 2]}" for k in range(60))
    answer = page.ask("state", "csv", text=f"left,right,kind\n{rows}\n")
    assert answer["network"]["features"] == ["left", "right"]
    assert page.next("data")["classes"] == ["a", "b"]
    answer = page.ask("state", "change", state={"data": "xor"})
    assert answer["network"]["features"] == ["x1", "x2"]


def test_what_is_left_out_of_a_csv_is_said(page: Page) -> None:
    page.begin()
    rows = "\n".join(f"{k % 7},n{k},{k % 5},{'ab'[k % 2]}" for k in range(60))
    note = page.ask("note", "csv", text=f"left,name,right,kind\n{rows}\n,x,,a\n")
    assert note["words"] == (
        "Data of 60 rows. Left out: 1 row with an empty cell; "
        "the column name, in which not every cell is a number."
    )


def test_play_after_the_last_epoch_says_why_it_does_not(page: Page) -> None:
    page.begin(epochs=1)
    page.send("step", unit="epoch")
    assert "epoch 1, at which it stops" in page.ask("error", "play")["words"]
    assert page.session.run is not None
    assert page.session.run.undoable


def test_divergence_is_said_with_a_way_back(page: Page) -> None:
    page.begin(data="plane", activation="linear", optimizer={"name": "SGD", "lr": 10.0})
    page.send("play")
    message = page.next("diverged")
    assert message["undo"] is True
    assert "Try a smaller learning rate than 10" in message["words"]
    page.send("undo")
    page.until(lambda: page.header()["batch"] == 0)


def test_findings_say_why_it_does_not_learn(page: Page) -> None:
    page.begin(layers=[{"units": 8}], activation="relu", optimizer={"name": "SGD", "lr": 3.0})
    page.send("play")
    page.until(lambda: any(unpacked(f)[0].get("findings") for f in page.frames))
    findings = next(f for f in (unpacked(f)[0].get("findings") for f in page.frames) if f)
    assert all(finding["words"] for finding in findings)


def test_a_walk_and_a_look(page: Page) -> None:
    page.begin()
    first = page.ask("walk", "walk", action="begin", sample=3)
    assert (first["phase"], first["sample"]) == ("input", 3)
    page.ask("walk", "walk", action="next")
    assert "<math" in page.ask("explanation", "look", layer=0, unit=2)["html"]
    assert page.ask("walk", "walk", action="back") == first
    page.send("walk", action="end")
    assert "expected a walk" in page.ask("error", "look", layer=0, unit=0)["words"]


def test_an_edit_ends_a_walk_and_its_update_is_in_the_link(page: Page) -> None:
    page.begin()
    page.ask("walk", "walk", action="begin", sample=3)
    for _ in range(8):
        page.ask("walk", "walk", action="next")
    page.send("edit", **{"layer": 0, "to": 0, "from": 1, "value": 2.0})
    assert page.next("walk")["stage"] is None
    page.send("step", unit="batch")
    page.until(lambda: page.header()["batch"] == 1)
    other = Page()
    other.begin(**from_fragment(page.ask("link", "link")["fragment"]))
    other.until(lambda: other.header()["batch"] == 1)
    a, b = unpacked(page.frames[-1])[1], unpacked(other.frames[-1])[1]
    other.session.close()
    assert all((a[name] == b[name]).all() for name in a)


def test_whatever_goes_wrong_is_said_and_the_page_goes_on(page: Page) -> None:
    page.begin()
    assert page.session.run is not None
    page.session.run.train_batch = None  # type: ignore[assignment,method-assign]
    page.send("play")
    assert "NoneType" in page.next("error")["words"]
    page.begin(data="xor")
    page.send("step", unit="batch")
    page.until(lambda: page.header()["batch"] == 1)


def test_a_new_start_forgets_messages_that_waited(page: Page) -> None:
    page.send("start", state={"trained": 20_000, "layers": [{"units": 30}] * 5})
    page.send("edit", **{"layer": 0, "to": 0, "from": 1, "value": 2.0})
    page.send("start", state={"trained": 20})
    page.until(lambda: bool(page.frames) and page.header()["batch"] == 20)
    assert read_state(from_fragment(page.ask("link", "link")["fragment"])).actions == []


def test_exports(page: Page, tmp_path: Any) -> None:
    page.begin(trained=9)
    program = page.ask("export", "export", format="program")
    compile(program["text"], program["name"], "exec")
    model = page.ask("export", "export", format="model")
    path = tmp_path / model["name"]
    path.write_bytes(base64.b64decode(model["base64"]))
    assert page.session.run is not None
    x = page.session.run.problem.test.inputs
    assert torch.equal(plaingrad.load(path)(x), page.session.run.outputs(x)[-1])
    recording = page.ask("export", "export", format="recording")
    assert recording["text"].startswith("<!doctype html>")
    assert "http://" not in recording["text"].replace("http://www.w3.org", "")


def nonsense(generator: random.Random) -> Any:
    """A value that is no message, or a message with fields that do not belong."""
    values: list[Any] = [
        None,
        True,
        -1,
        0,
        1,
        10**9,
        1.5,
        -1e308,
        "",
        "x",
        "x" * 5000,
        [],
        {},
        [[]],
        {"a": 1},
    ]
    values += [[1, 2, 3], [[0, 0, 10**6]], {"name": "SGD", "lr": -1}, {"layers": [{"units": 10**9}]}, "\x00"]
    kind = generator.random()
    if kind < 0.1:
        return generator.choice(values)
    names = ["type", "state", "layer", "unit", "to", "from", "value", "points", "text", "action", "sample"]
    names += [
        "format",
        "frame",
        "x",
        "y",
        "radius",
        "target",
        "".join(generator.choices(string.printable, k=4)),
    ]
    message = {name: generator.choice(values) for name in generator.sample(names, generator.randrange(6))}
    if kind < 0.9:
        message["type"] = generator.choice([*ANSWERS])
    if generator.random() < 0.2:
        message["state"] = {generator.choice([*DEFAULT_FIELDS]): generator.choice(values) for _ in range(2)}
    return message


DEFAULT_FIELDS = read_state({}).__struct_fields__


def test_nonsense_is_answered_and_changes_nothing_for_others(page: Page) -> None:
    other = Page()
    other.begin()
    page.begin()
    generator = random.Random(0)
    for _ in range(300):
        page.session.receive(nonsense(generator))
        time.sleep(0.001)
    page.send("pause")
    page.until(page.session.messages.empty)
    time.sleep(0.5)
    came = [page.texts.get() for _ in range(page.texts.qsize())]
    errors = [answer["words"] for answer in came if answer["type"] == "error"]
    assert len(errors) > 50
    assert not [words for words in errors if "Error: " in words], "an error that nobody had in mind"
    page.begin(data="xor")
    other.send("step", unit="epoch")
    other.until(lambda: other.header()["epoch"] == 1)
    other.session.close()


def test_twenty_sessions_train_side_by_side_and_end() -> None:
    pages = [Page() for _ in range(20)]
    for page in pages:
        page.send("start", state={"data": "xor"})
        page.send("play")
    for page in pages:
        page.until(lambda page=page: bool(page.frames) and page.header()["batch"] > 30)
    for page in pages:
        page.session.close()
    for page in pages:
        page.session.thread.join(20)
        assert not page.session.thread.is_alive()
