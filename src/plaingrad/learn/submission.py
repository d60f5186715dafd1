"""The check of a submission in a process of its own, which nothing that it does outlives."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import tempfile
from pathlib import Path

from plaingrad.errors import InputError
from plaingrad.learn.exercise import Exercise
from plaingrad.learn.verdict import Problem, Verdict
from plaingrad.processes import run_alone

SECONDS = 60  # for everything, the import of PyTorch included
TIME_LIMIT = 2.0  # for the file itself, and for each forward and backward
MEMORY = 2 * 1024**3  # beyond what PyTorch takes
OUTPUT = 1024**2  # bytes that the code may print
SHOWN = 2000  # characters of these that a verdict has
ENVIRONMENT = (
    "PATH",
    "HOME",
    "PYTHONPATH",
    "LANG",
    "SYSTEMROOT",
    "TMPDIR",
    "VIRTUAL_ENV",
    "LD_LIBRARY_PATH",
)


def check_file(exercise: Exercise, path: Path, seed: int | None = None, seconds: float = SECONDS) -> Verdict:
    """Check a file, a script or a notebook.

    Raises:
        InputError: the file is not there, or no text.
    """
    return check_source(exercise, source_of(path), seed, seconds)


def check_source(
    exercise: Exercise, source: str, seed: int | None = None, seconds: float = SECONDS
) -> Verdict:
    """Check code.

    Args:
        exercise: the exercise.
        source: the learner's code.
        seed: of everything random; None draws one, which nobody sees.
        seconds: the time that all of it may take.
    """
    with tempfile.TemporaryDirectory(prefix="plaingrad-learn-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        file, result, output = folder / f"{exercise.id}.py", folder / "result.json", folder / "output.txt"
        file.write_text(source, encoding="utf-8")
        token = secrets.token_hex()
        request = {
            "exercise": exercise.id,
            "file": str(file),
            "result": str(result),
            "token": token,
            "seed": secrets.randbelow(2**31) if seed is None else seed,
            "time_limit": TIME_LIMIT,
            "seconds": int(seconds),
            "memory": MEMORY,
            "output": OUTPUT,
        }
        code = run_alone(
            "plaingrad.learn.runner",
            request,
            seconds,
            folder=folder,
            output=output,
            environment=_environment(),
        )
        printed = output.read_text(encoding="utf-8", errors="replace")
        verdict = _verdict(exercise, result, token, code)
        if output.stat().st_size >= OUTPUT:
            problem = Problem("", f"{file.name} prints more than {OUTPUT:,} bytes")
            verdict = Verdict.of(exercise.id, exercise.parts, [problem])
    verdict.output = printed[:SHOWN]
    return verdict


def _environment() -> dict[str, str]:
    """The environment of the process: what Python needs, and one thread."""
    environment = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
    if "PYTHONPATH" in environment:  # whose relative paths would mean others in the new folder
        paths = filter(None, environment["PYTHONPATH"].split(os.pathsep))
        environment["PYTHONPATH"] = os.pathsep.join(str(Path(path).resolve()) for path in paths)
    return {**environment, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def _verdict(exercise: Exercise, result: Path, token: str, code: int | None) -> Verdict:
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        data = json.loads(result.read_text(encoding="utf-8"))
        if data["token"] == token and code == 0:
            return Verdict.from_data(data["verdict"])
    file = f"{exercise.id}.py"
    if code is None or code == -getattr(signal, "SIGXCPU", signal.SIGTERM):
        words = "stopped when its time was over; look at the conditions of loops"
        problem = Problem("", f"{file} does not end in time", "endless", file, words)
    elif code == -signal.SIGKILL:
        problem = Problem("", f"{file} was killed, as is what takes too much time or memory")
    else:
        problem = Problem("", f"{file} ended the program before the check was over (exit code {code})")
    return Verdict.of(exercise.id, exercise.parts, [problem])


def source_of(path: Path) -> str:
    """The code in a script, or in the code cells of a notebook without their magic lines.

    Raises:
        InputError: there is none.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix != ".ipynb":
            return text
        cells = ["".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
        lines = "\n\n".join(cell for cell in cells if not cell.lstrip().startswith("%%")).splitlines()
    except (UnicodeDecodeError, ValueError, KeyError, TypeError) as error:
        expected = "a notebook" if path.suffix == ".ipynb" else "a Python file"
        raise InputError(f"expected {expected}, got something else", file=path) from error
    return "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in lines) + "\n"
