"""Several processes that run one scenario."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from benchmarks.hosts import Host, variables

SECONDS = 100


def run(scenario: str, folder: Path, size: int = 2, hosts: Sequence[Host] = ()) -> list[Any]:
    """The results of a scenario in each of so many processes, on this host or on one each."""
    ended = outcomes(scenario, folder, size, hosts)
    assert [code for code, _ in ended] == [0] * size, "\n".join(text for _, text in ended)
    return [torch.load(folder / f"{rank}.pt", weights_only=False) for rank in range(size)]


def outcomes(
    scenario: str, folder: Path, size: int = 2, hosts: Sequence[Host] = (), hang: bool = False
) -> list[tuple[int, str]]:
    """The exit codes of a scenario's processes, and what they have written to standard error.

    If all others hang they are killed as soon as the first has ended.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    starting = [partial(host.call, subprocess.Popen) for host in hosts] or [subprocess.Popen] * size
    code = f"from train.ranks.scenarios import main; main({scenario!r})"
    processes = [
        start(
            [sys.executable, "-c", code],
            cwd=folder,
            env={
                **os.environ,
                "RANK": str(rank),
                "WORLD_SIZE": str(size),
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": str(port),
                "OMP_NUM_THREADS": "1",
                "PYTHONPATH": os.pathsep.join(sys.path),
                **(variables(hosts, rank) if hosts else {}),
            },
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank, start in enumerate(starting)
    ]
    try:
        texts = []
        for process in processes:
            texts.append(process.communicate(timeout=SECONDS)[1])
            if hang:
                processes[-1].kill()
    finally:
        for process in processes:
            process.kill()
    return [(process.returncode, text) for process, text in zip(processes, texts)]
