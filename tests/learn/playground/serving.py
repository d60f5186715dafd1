"""The playground's server, in a process of its own."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request

from websockets.sync.client import ClientConnection, connect


class Server:
    """`plaingrad playground` in a process of its own."""

    def __init__(self, *options: str) -> None:
        command = [sys.executable, "-m", "plaingrad", "playground", "--no-open", *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()
        found = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/\?token=([\w-]+)(#.*)?", self.address)
        assert found, self.address
        self.port, self.token = int(found[1]), found[2]

    def get(self, path: str, **headers: str) -> tuple[int, str]:
        """The status and the text of an answer."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def view(self, token: str | None = None, **headers: str) -> ClientConnection:
        """A viewer's socket."""
        address = f"ws://127.0.0.1:{self.port}/socket?token={self.token if token is None else token}"
        return connect(address, additional_headers=headers, max_size=None, open_timeout=60)

    def end(self) -> tuple[int, str]:
        """End it as Ctrl-C does; its exit code and what it said on standard error."""
        self.process.send_signal(signal.SIGINT)
        _, errors = self.process.communicate(timeout=60)
        return self.process.returncode, errors
