"""The check of a submission in a process of its own, which nothing that it does outlives."""

from __future__ import annotations

import contextlib
import json
import math
import os
import secrets
import signal
import tempfile
from pathlib import Path
from typing import IO

from plaingrad.errors import InputError
from plaingrad.learn.exercise import Exercise
from plaingrad.learn.notebook import script_of
from plaingrad.learn.verdict import ENDS, EVERYTHING, Problem, Verdict
from plaingrad.processes import is_alone, run_alone

IS_WINDOWS = os.name == "nt"  # where a process inherits no descriptors, and the result has a name
SECONDS = 60  # for everything, the import of PyTorch included
TIME_LIMIT = 2.0  # for the file itself, and for each forward and backward
MEMORY = 2 * 1024**3  # beyond what PyTorch takes
OUTPUT = 1024**2  # bytes that the code may print
LARGEST = 10 * 1024**2  # bytes of a file; notebooks have pictures in them
SHOWN = 2000  # characters of these that a verdict has
ENVIRONMENT = (
    "PATH",
    "HOME",
    "PYTHONPATH",
    "LANG",
    "SYSTEMROOT",
    "TEMP",
    "TMP",
    "TMPDIR",
    "USERPROFILE",
    "VIRTUAL_ENV",
    "LD_LIBRARY_PATH",
)


def check_file(
    exercise: Exercise, path: Path | str, seed: int | None = None, seconds: float = SECONDS
) -> Verdict:
    """Check a file, a script or a notebook.

    Raises:
        InputError: the file is not there, or no text.
    """
    return check_source(exercise, source_of(Path(path)), seed, seconds)


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
    if is_alone():  # by the code that is being checked
        return Verdict.of(exercise.id, exercise.parts, [])
    seed = secrets.randbelow(2**31) if seed is None else seed
    with (
        tempfile.TemporaryDirectory(prefix="plaingrad-learn-", ignore_cleanup_errors=True) as name,
        tempfile.TemporaryFile() as printed,  # without names, so that nothing else can be put there
        tempfile.TemporaryFile() as result,
    ):
        file = Path(name) / f"{exercise.id}.py"
        file.write_text(source, encoding="utf-8")
        named = file.with_name("result.json")
        request = {
            "exercise": exercise.id,
            "source": exercise.source,
            "file": str(file),
            "result": str(named) if IS_WINDOWS else result.fileno(),
            "seed": seed,
            "time_limit": TIME_LIMIT,
            "seconds": int(seconds),
            "memory": MEMORY,
            "output": OUTPUT,
        }
        code = run_alone(
            "plaingrad.learn.runner",
            request,
            seconds,
            folder=file.parent,
            output=printed.fileno(),
            files=[] if IS_WINDOWS else [result.fileno()],
            environment=_environment(),
        )
        output, data = (_content(each) for each in (printed, result))
        if IS_WINDOWS and named.exists():
            data = named.read_bytes()[:OUTPUT]
    if len(output) >= OUTPUT:
        text, words = f"{file.name} prints more than {OUTPUT:,} bytes", "take print out of loops"
        problem = Problem(EVERYTHING, text, "output", file.name, words)
        verdict = Verdict.of(exercise.id, exercise.parts, [problem])
    else:
        verdict = _verdict(exercise, data, seed, code)
    verdict.output = output.decode("utf-8", errors="replace")[:SHOWN]
    return verdict


def _content(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read(OUTPUT)


def _environment() -> dict[str, str]:
    """The environment of the process: what Python needs, and one thread."""
    environment = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
    if "PYTHONPATH" in environment:  # whose relative paths would mean others in the new folder
        paths = filter(None, environment["PYTHONPATH"].split(os.pathsep))
        environment["PYTHONPATH"] = os.pathsep.join(str(Path(path).resolve()) for path in paths)
    return {**environment, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def _verdict(exercise: Exercise, data: bytes, seed: int, code: int | None) -> Verdict:
    if code == 0:
        from plaingrad.learn.confirming import confirmed  # imports torch

        with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):
            result = json.loads(data)
            verdict = Verdict.from_data(exercise.id, exercise.parts, result["verdict"]["problems"])
            return confirmed(exercise, verdict, result["answers"], seed)
    file = f"{exercise.id}.py"
    if code is None or code == -getattr(signal, "SIGXCPU", math.inf):
        text, kind = f"{file} does not end in time", "endless"
        words = "stopped when its time was over; look at the conditions of loops"
    elif code == -getattr(signal, "SIGKILL", math.inf):
        text, kind = f"{file} was killed, as is what takes too much time or memory", "killed"
        words = "look at the sizes of tensors, and at the conditions of loops"
    else:
        text, kind = f"{file} ended the program before the check was over (exit code {code})", "ends"
        words = ENDS
    return Verdict.of(exercise.id, exercise.parts, [Problem(EVERYTHING, text, kind, file, words)])


def source_of(path: Path) -> str:
    """The code in a script, or in the code cells of a notebook.

    Raises:
        InputError: there is none, or more than anybody writes.
    """
    size = path.stat().st_size
    if size > LARGEST:
        raise InputError(f"expected at most {LARGEST:,} bytes, got {size:,}", file=path)
    try:
        text = path.read_text(encoding="utf-8-sig")
        return script_of(text) if path.suffix == ".ipynb" else text
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        expected = "a notebook" if path.suffix == ".ipynb" else "a Python file"
        raise InputError(f"expected {expected}, got something else", file=path) from error
