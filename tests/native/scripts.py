"""Programs that pass for a compiler."""

from __future__ import annotations

import shutil
from pathlib import Path

VERSION = 'case "$*" in *--version) echo "fake 1.0"; echo "more"; exit 0;; esac\n'


def script(path: Path, text: str, version: str = VERSION) -> Path:
    """A shell script that answers to --version, and else does as the text says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{version}{text}\n")
    path.chmod(0o755)
    return path


def counting(path: Path, before: str = "") -> Path:
    """The real compiler, which writes a line beside itself each time that it compiles."""
    real = shutil.which("c++")
    assert real is not None, "the tests need a C++ compiler"
    return script(path, f'echo once >> "{path}.log"\n{before}\nexec {real} "$@"')


def compilations(path: Path) -> int:
    log = Path(f"{path}.log")
    return len(log.read_text().splitlines()) if log.exists() else 0


def program(answer: int, name: str = "a network") -> str:
    """A source whose library gives the answer."""
    return f'// {name}\n#include "base/matrix.hpp"\nextern "C" int answer() {{ return {answer}; }}\n'
