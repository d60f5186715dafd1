"""The line of the module's code that is running."""

from __future__ import annotations

import linecache
import sys
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import torch

TORCH = str(Path(torch.__file__).parent)
HERE = str(Path(__file__).parent)


@dataclass(frozen=True)
class CallSite:
    """A call in somebody's code: its file, its line, and the instruction, since a line may have several."""

    file: str
    line: int
    instruction: int

    @property
    def text(self) -> str:
        """The line in words, with its code."""
        code = linecache.getline(self.file, self.line).strip()
        return f"line {self.line}, `{code}`" if code else f"line {self.line}"


def call_site() -> CallSite:
    """The innermost call that is neither PyTorch's nor the checker's."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith((TORCH, HERE)):
        frame = frame.f_back
    if frame is None:
        return CallSite("", 0, 0)
    return CallSite(frame.f_code.co_filename, frame.f_lineno, frame.f_lasti)


def function_name(function: object) -> str:
    """A short name for one of PyTorch's functions; of a property its own."""
    name = str(getattr(function, "__name__", function))
    if name == "__get__":
        name = str(getattr(getattr(function, "__self__", None), "__name__", name))
    return name.strip("_") if name.startswith("__") else name  # of add_ the underscore says something
