"""Files of a run: the model, and the Python program that makes it."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from plaingrad.errors import InputError
from plaingrad.learn.playground.program import program
from plaingrad.learn.playground.recording import recording
from plaingrad.learn.playground.run import Run
from plaingrad.learn.playground.state import State
from plaingrad.saving import save

NAME = "playground"


def exported(
    run: Run, kind: Any, make: Callable[[State], Run], stopped: Callable[[], bool] = lambda: False
) -> dict[str, Any]:
    """A file of the run, with its format and name.

    Args:
        run: as it is.
        kind: the format: "program", "model" or "recording".
        make: makes the run of a state, for a recording.
        stopped: asked whether a recording is still needed.

    Raises:
        InputError: there is no such format.
    """
    if kind == "program" and not run.editable:
        raise InputError("export: expected a network of the playground's; yours has its program already")
    if kind == "program":
        return {"format": kind, "name": f"{NAME}.py", "text": program(run)}
    if kind == "model":
        return {
            "format": kind,
            "name": f"{NAME}.safetensors",
            "base64": base64.b64encode(model_file(run)).decode(),
        }
    if kind == "recording":
        return {"format": kind, "name": f"{NAME}.html", "text": recording(run, make(run.current()), stopped)}
    raise InputError(f"export: expected the format program, model or recording, got {kind!r:.40}")


def model_file(run: Run) -> bytes:
    """The network as `plaingrad.load` reads it, with what its inputs and outputs are."""
    frame = run.problem.frame
    facts: dict[str, Any] = {
        "task": "classification" if run.problem.classes else "regression",
        "features": frame.names,
        "columns": frame.columns,
        "centre": frame.centre.tolist(),
        "half": frame.half.tolist(),
        "classes": run.problem.classes,
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        save(run.model, path, facts)
        return path.read_bytes()
