"""The playground as a page on this machine: a web server with a websocket for each viewer."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import ipaddress
import json
import secrets
import socket
import threading
import webbrowser
from typing import Any

from plaingrad.errors import InputError
from plaingrad.extras import needed_by
from plaingrad.inspect.player import page_file
from plaingrad.learn.playground.session import Session

with needed_by("plaingrad playground"):
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route, WebSocketRoute
    from starlette.types import ASGIApp
    from starlette.websockets import WebSocket, WebSocketDisconnect

FILES = {
    "/": ("index.html", "text/html"),
    "/playground.js": ("playground.js", "text/javascript"),
    "/playground.css": ("playground.css", "text/css"),
}
MOST_BYTES = 1_000_000  # of a message
MOST_CSV_BYTES = 4_100_000
CSV = ('{"type":"csv"', '{"type": "csv"', '{"type":"start"', '{"type": "start"')  # may be as long as a table
MOST_SESSIONS = 64
ALL_ADDRESSES = ("0.0.0.0", "::")

POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
CLOSED_FOR_POLICY, CLOSED_FOR_LOAD = 1008, 1013


class Playground:
    """The application: the page for those who have its token, and a session for each socket.

    Args:
        token: that the address of the page and of the socket must have.
        hosts: the values of the Host header that are answered, such as "127.0.0.1:8000".
        on_all_addresses: whether any numeric address is answered too; a name could be another's.
    """

    def __init__(self, token: str, hosts: set[str], on_all_addresses: bool = False) -> None:
        self.token, self.hosts, self.on_all_addresses = token, hosts, on_all_addresses
        self.sessions = 0
        pages = [Route(path, self.page) for path in FILES]
        self.app: ASGIApp = Starlette(routes=[*pages, WebSocketRoute("/socket", self.socket)])

    def refuses(self, request: Request | WebSocket) -> str | None:
        """The reason why a request is not answered; None if it is."""
        host = request.headers.get("host", "")
        if host not in self.hosts and not (self.on_all_addresses and is_address(host)):
            return "this address is not that of the playground"
        origin = request.headers.get("origin")
        if origin is not None and origin.partition("://")[2] != host:
            return "a page of another origin may not use the playground"
        return None

    def has_token(self, request: Request | WebSocket) -> bool:
        """True if the address has the token."""
        sent = request.query_params.get("token", "")
        return hmac.compare_digest(sent.encode(), self.token.encode())

    async def page(self, request: Request) -> Response:
        """The page and its files; the page itself needs the token."""
        reason = self.refuses(request)
        if reason is None and request.url.path == "/" and not self.has_token(request):
            reason = "the address needs its token: open the one that plaingrad printed"
        if reason is not None:
            return Response(f"plaingrad: {reason}\n", 403, HEADERS, "text/plain; charset=utf-8")
        name, kind = FILES[request.url.path]
        return Response(page_file(name), 200, HEADERS, f"{kind}; charset=utf-8")

    async def socket(self, socket: WebSocket) -> None:
        """A viewer: its messages go to a session, whose frames and texts go back."""
        if self.refuses(socket) is not None or not self.has_token(socket):
            await socket.close(CLOSED_FOR_POLICY)
            return
        if self.sessions >= MOST_SESSIONS:
            await socket.close(CLOSED_FOR_LOAD)
            return
        await socket.accept()
        self.sessions += 1
        sender = Sender(socket, asyncio.get_running_loop())
        session = Session(sender.text, sender.frame)
        session.start()
        try:
            while True:
                event = await socket.receive()
                while session.is_full and session.thread.is_alive():
                    await asyncio.sleep(0.005)
                session.receive(received(event))
        except WebSocketDisconnect:
            pass
        finally:
            session.close()
            self.sessions -= 1


def received(event: Any) -> str | InputError:
    """The text of a message, or the error that it cannot be one; the session parses and answers both.

    Raises:
        WebSocketDisconnect: the viewer has gone.
    """
    if event["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(event.get("code", 1000))
    text = event.get("text")
    if text is None:
        return InputError("message: expected text, got bytes")
    limit = MOST_CSV_BYTES if text.startswith(CSV) else MOST_BYTES
    if len(text) > limit:
        return InputError(f"message: expected at most {limit:,} characters, got {len(text):,}")
    return str(text)


class Sender:
    """Sends from the thread of a session through a socket of the server's loop."""

    def __init__(self, socket: WebSocket, loop: asyncio.AbstractEventLoop) -> None:
        self.socket, self.loop = socket, loop

    def text(self, message: dict[str, Any]) -> None:
        """Send a JSON object."""
        self._send(self.socket.send_text(json.dumps(message, allow_nan=False)))

    def frame(self, content: bytes) -> None:
        """Send bytes."""
        self._send(self.socket.send_bytes(content))

    def _send(self, sending: Any) -> None:
        try:
            sent = asyncio.run_coroutine_threadsafe(sending, self.loop)
        except RuntimeError:  # the server has ended
            sending.close()
            return
        with contextlib.suppress(Exception):  # the viewer has gone, which the socket's own task notices
            sent.result(timeout=30)


def is_address(host: str) -> bool:
    """True for a numeric address, with or without a port."""
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def serve(host: str, port: int, fragment: str, open_page: bool, announce: Any) -> None:
    """Serve the playground until it is interrupted.

    Args:
        host: to listen on.
        port: 0 for any that is free.
        fragment: the state to open, as it stands after the #; may be empty.
        open_page: whether to open the page in the browser.
        announce: called with the address as soon as it answers.

    Raises:
        InputError: the port is not free, or the host is not this machine's.
    """
    token = secrets.token_urlsafe(16)
    listening = _listening(host, port)
    port = listening.getsockname()[1]
    name = f"[{host}]" if ":" in host else host
    hosts = {f"{each}:{port}" for each in (name, "127.0.0.1", "localhost", "[::1]")}
    if host in ALL_ADDRESSES:  # all addresses of this machine, whose names only the user knows
        hosts |= {f"{each}:{port}" for each in (socket.gethostname(), socket.getfqdn())}
    address = f"http://{'127.0.0.1' if host in ALL_ADDRESSES else name}:{port}/?token={token}"
    address += f"#{fragment}" if fragment else ""
    config = uvicorn.Config(
        Playground(token, hosts, host in ALL_ADDRESSES).app,
        log_level="critical",
        ws_max_size=MOST_CSV_BYTES + 1000,
        ws_max_queue=8,
        timeout_graceful_shutdown=1,
        lifespan="off",
        server_header=False,
    )
    announce(address)
    if open_page:
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listening])


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen()
    except OSError as error:
        listening.close()
        raise InputError(
            f"--port: expected one that is free on {host}, got {port}: {error.strerror}"
        ) from None
    return listening
