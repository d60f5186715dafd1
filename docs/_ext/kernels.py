"""Starts the kernel of each page as a fork of one process that has imported what most pages import.

The imports take longer than many a page. Each page still has a process, a session and variables of its own.
The parts of plaingrad are not imported beforehand, so that a page that forgets one fails.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from jupyter_client.provisioning import local_provisioner
from sphinx.application import Sphinx

IMPORTED = ["ipykernel.kernelapp", "matplotlib.pyplot", "pandas", "plaingrad", "sklearn", "torch"]
FORKS = multiprocessing.get_context("forkserver")


class Kernel(ForkServerProcess):
    """A process with the methods of `subprocess.Popen` that Jupyter calls."""

    stdin = stdout = stderr = None

    def poll(self) -> int | None:
        return self.exitcode

    def wait(self) -> int | None:
        self.join()
        return self.exitcode

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)


def serve(ready: Connection, arguments: list[str], env: dict[str, str], cwd: str, path: list[str]) -> None:
    """Be a kernel, in a session of its own, as Jupyter would have started it."""
    os.setsid()
    ready.send(True)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    sys.path[:] = path
    from ipykernel.kernelapp import IPKernelApp

    IPKernelApp.launch_instance(arguments, parent_handle=os.getppid())


def launch(command: list[str], *, env: dict[str, str], cwd: str, **_: object) -> Kernel:
    """Start a kernel; its session is there on return, for Jupyter signals to it as a whole."""
    ours, theirs = FORKS.Pipe(duplex=False)
    path = [each for each in sys.path if each not in ("", str(Path.cwd()), str(Path(__file__).parent))]
    kernel = Kernel(target=serve, args=(theirs, command[command.index("-f") :], env, cwd, path))
    kernel.start()
    ours.recv()
    return kernel


def setup(_app: Sphinx) -> dict[str, bool]:
    # Matplotlib reads it when it is imported, which in other kernels is later.
    os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    FORKS.set_forkserver_preload(IMPORTED)
    local_provisioner.launch_kernel = launch
    return {"parallel_read_safe": True}
