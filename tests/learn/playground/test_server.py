"""The server: who comes in, what it sends, and that one viewer does not disturb another."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from learn.playground.frames import unpacked
from learn.playground.serving import Server


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    assert server.end() == (0, "")


def answer(view: ClientConnection, kind: str, **message: Any) -> dict[str, Any]:
    """Send a message, and wait for an answer of a type; frames are drawn at once."""
    view.send(json.dumps(message))
    while True:
        content = view.recv(timeout=60)
        if isinstance(content, bytes):
            header = unpacked(content)[0]
            view.send(json.dumps({"type": "drawn", "frame": header["frame"]}))
            got: dict[str, Any] = {"type": "frame", **header}
        else:
            got = json.loads(content)
        if got["type"] == kind:
            return got


def test_the_page_needs_the_token(server: Server) -> None:
    assert server.get(f"/?token={server.token}")[0] == 200
    for path in ("/", "/?token=", f"/?token={server.token}x", "/?token=%00"):
        status, text = server.get(path)
        assert (status, "the address needs its token" in text) == (403, True)
    assert server.get("/playground.js")[0] == server.get("/playground.css")[0] == 200
    assert server.get("/../session.py")[0] == server.get("/page/index.html")[0] == 404


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1", ""])
def test_another_host_is_refused(server: Server, host: str) -> None:
    assert server.get(f"/?token={server.token}", Host=host)[0] in (400, 403)


def test_a_page_of_another_origin_is_refused(server: Server) -> None:
    assert server.get(f"/?token={server.token}", Origin="http://evil.example")[0] == 403
    for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Host": "evil.example"}):
        with pytest.raises((InvalidStatus, ConnectionClosed)):
            server.view(**headers).recv(timeout=60)
    with pytest.raises((InvalidStatus, ConnectionClosed)):
        server.view(token="x").recv(timeout=60)
    with server.view(Origin=f"http://127.0.0.1:{server.port}") as view:
        assert answer(view, "state", type="start", state={})["playing"] is False


def test_nothing_is_loaded_from_outside(server: Server) -> None:
    page, module, style = (
        server.get(p)[1] for p in (f"/?token={server.token}", "/playground.js", "/playground.css")
    )
    addresses = re.findall(
        r"(?:https?:)?//[\w.-]+\.\w+", page + style + re.sub(r"(?m)^\s*//.*|\s//\s.*$", "", module)
    )
    assert not [address for address in addresses if "www.w3.org" not in address]
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/?token={server.token}") as answered:
        assert "default-src 'self'" in answered.headers["Content-Security-Policy"]


def test_malformed_messages_are_answered(server: Server) -> None:
    with server.view() as view:
        for text in (
            "",
            "{",
            "[]",
            "null",
            '{"type": 1}',
            '{"type": "start", "type": "play"}',
            "NaN",
            "[" * 100_000,
        ):
            view.send(text)
            got = json.loads(view.recv(timeout=60))
            assert (got["type"], got["words"].startswith("message: expected")) == ("error", True), text[:20]
        view.send(b"\x00\x01")
        assert "expected text, got bytes" in json.loads(view.recv(timeout=60))["words"]
        view.send(json.dumps({"type": "paint", "points": "x" * 1_000_001}))
        assert "expected at most 1,000,000 characters" in json.loads(view.recv(timeout=60))["words"]
        assert answer(view, "state", type="start", state={})["state"]["data"] == "disc"


def test_a_message_beyond_all_bounds_ends_that_viewer_alone(server: Server) -> None:
    with server.view() as other:
        answer(other, "state", type="start", state={})
        with server.view() as view:
            with contextlib.suppress(ConnectionClosed):
                view.send("x" * 6_000_000)
            with pytest.raises(ConnectionClosed):
                view.recv(timeout=60)
        assert answer(other, "frame", type="step", unit="batch")["batch"] >= 0


def test_viewers_are_apart_and_leave_nothing(server: Server) -> None:
    views = [server.view() for _ in range(20)]
    for k, view in enumerate(views):
        state = answer(view, "state", type="start", state={"seed": k, "data": "xor"})
        assert state["state"]["seed"] == k
        view.send(json.dumps({"type": "play"}))
    for view in views:
        while answer(view, "frame", type="link")["batch"] < 5:
            pass
    for view in views:
        view.close()
    with server.view() as view:
        answer(view, "state", type="start", state={})


def test_programs_get_the_address_as_json() -> None:
    command = [sys.executable, "-m", "plaingrad", "playground", "--no-open", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = json.loads(process.stdout.readline())["address"]
        process.send_signal(signal.SIGINT)
    assert address.startswith("http://127.0.0.1:")


def test_a_link_is_opened() -> None:
    from plaingrad.learn.playground.state import read_state, to_fragment

    fragment = to_fragment(read_state({"data": "moons"}))
    server = Server(f"http://127.0.0.1:1/?token=old#{fragment}")
    assert server.address.endswith(f"#{fragment}")
    server.end()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["nonsense"], "expected an address of the playground"),
        (["--port", "70000"], "65535"),
        (["--host", "192.0.2.1"], "--port: expected one that is free on 192.0.2.1"),
    ],
)
def test_what_cannot_be_served_is_one_line(options: list[str], words: str) -> None:
    command = [sys.executable, "-m", "plaingrad", "playground", "--no-open", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "plaingrad", "playground", "--no-open", "--port", port]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, f"got {port}" in done.stderr) == (2, True)
