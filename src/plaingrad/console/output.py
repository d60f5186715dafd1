"""The output of a command: results on standard output, for people or programs; progress on standard error."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from rich.console import Console

T = TypeVar("T")

WIDTH = 110  # of output to a file or another program, where there is no terminal to be narrower


@dataclass(frozen=True)
class Reporter:
    """The one way in which commands write.

    Attributes:
        quiet: write nothing.
        json: write nothing for people, and one JSON object for a program.
    """

    quiet: bool = False
    json: bool = False

    @property
    def stdout(self) -> Console:
        """Standard output; in colour if it is a terminal."""
        return _console(stderr=False, quiet=self.quiet or self.json)

    @property
    def stderr(self) -> Console:
        """Standard error, for progress."""
        return _console(stderr=True, quiet=self.quiet or self.json)

    def text(self, *things: Any) -> None:
        """Print text as it is, and tables and the like as rich draws them."""
        if self.quiet or self.json:
            return
        out = self.stdout
        for thing in things:
            if isinstance(thing, str):
                out.print(thing, markup=False, highlight=False, soft_wrap=not out.is_terminal)
            else:
                out.print(thing)

    def warn(self, text: str) -> None:
        """Print a line to standard error, whatever its width."""
        if not (self.quiet or self.json):
            print(f"warning: {text}", file=sys.stderr)

    @contextmanager
    def status(self, title: str) -> Iterator[None]:
        """Show the title on a terminal while the block runs."""
        err = self.stderr
        if err.quiet or not err.is_terminal:
            yield
            return
        from rich.text import Text

        with err.status(Text(title)):
            yield

    def track(self, items: Sequence[T], title: str) -> Iterator[T]:
        """The items, one after the other, with a line on a terminal that counts them."""
        from plaingrad.console.progress import progress_line

        with progress_line(self.stderr, title) as progress:
            yield from progress.track(items, description="")

    def result(self, data: Mapping[str, Any]) -> None:
        """Print the data as JSON, if a program asked for it."""
        if self.json:
            print(json_text(data))


def plural(count: int, name: str) -> str:
    """A number of things, in the singular if it is one."""
    return f"{count:,} {name}{'' if count == 1 else 's'}"


def duration(seconds: float) -> str:
    """A time, in milliseconds if it is less than a second."""
    return f"{seconds:.1f} s" if seconds >= 0.9995 else f"{1000 * seconds:.0f} ms"


def json_text(data: Any) -> str:
    """JSON of any data; numbers that JSON lacks are null."""
    return json.dumps(_finite(data), indent=2, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _finite(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _console(stderr: bool, quiet: bool) -> Console:
    from rich.console import Console

    # Whatever asks for colour in a file: progress there would be a heap of half-drawn bars.
    terminal = sys.stderr.isatty() if stderr else None
    console = Console(stderr=stderr, quiet=quiet, force_terminal=terminal)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = WIDTH
    return console
