"""A search by two processes in a real PostgreSQL server, which the test starts on this machine."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.shell import iris
from tables.search.processes import output, trials_of, worker

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
QUICK = ("--no-report", "--no-importance")
USER = "postgres"  # PostgreSQL refuses to run as root

psycopg = pytest.importorskip("psycopg", reason="needs psycopg: pip install 'psycopg[binary]'")


def _as_user(*command: object) -> None:
    words = [str(word) for word in command]
    if os.getuid() == 0:
        words = ["runuser", "-u", USER, "--", *words]
    subprocess.run(
        words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", timeout=60
    )


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The URL of a new database."""
    if not PROGRAMS:
        pytest.skip("needs PostgreSQL: apt-get install postgresql")
    programs = PROGRAMS[-1]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="plaingrad-postgresql-"))
    data = folder / "data"
    if os.getuid() == 0:
        shutil.chown(folder, USER)
    try:
        _as_user(programs / "initdb", "-D", data, "-A", "trust", "-U", USER, "--no-sync")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -k {folder} -c fsync=off"
        _as_user(programs / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start")
        try:
            yield f"postgresql+psycopg://{USER}@127.0.0.1:{port}/postgres"
        finally:
            _as_user(programs / "pg_ctl", "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


def test_two_workers_search_in_a_database(server: str, tmp_path: Path) -> None:
    """Of folders of their own, as on two machines that share nothing else."""
    table = iris(tmp_path / "iris.csv")
    common = ("--target", "species", "--epochs", 8, "--seed", 3, "--models", 1, *QUICK, "--tune", 8)
    folders = [tmp_path / name / "out" for name in ("first", "second")]
    processes = [worker(table, "-o", folder, *common, "--storage", server) for folder in folders]
    said = [output(process) for process in processes]
    trials = trials_of(server, "plaingrad out")
    finished = [trial for trial in trials if trial.state.name in ("COMPLETE", "PRUNED")]
    assert len(finished) == 8
    assert len({json.dumps(trial.params, sort_keys=True) for trial in finished}) == 8
    assert all(trial.state.is_finished() for trial in trials)
    written = [folder for folder in folders if (folder / "model.safetensors").exists()]
    assert written
    assert len(json.loads((written[0] / "report.json").read_text())["search"]["trials"]) == 8
    assert sum("report.json and history.json are in" in each for each in said) == len(written)
