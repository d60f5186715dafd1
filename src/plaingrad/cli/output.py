"""What a command says: results on standard output, to people or to programs; progress on standard error."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing unless something fails.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output, and nothing else.")]

WIDTH = 110  # of what goes into a file or another program, where there is no terminal to be narrower


@dataclass(frozen=True)
class Voice:
    """How a command speaks.

    Attributes:
        quiet: say nothing.
        json: say nothing to people, and one JSON object to a program.
    """

    quiet: bool = False
    json: bool = False

    @property
    def out(self) -> Console:
        """Standard output; in colour if it is a terminal."""
        return _console(stderr=False, quiet=self.quiet or self.json)

    @property
    def err(self) -> Console:
        """Standard error, for progress."""
        return _console(stderr=True, quiet=self.quiet or self.json)

    def say(self, *things: Any) -> None:
        """Print text as it is, and tables and the like as rich draws them."""
        if self.quiet or self.json:
            return
        out = self.out
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
    def working(self, on: str) -> Iterator[None]:
        """Show on a terminal, while the block runs, what takes its time."""
        err = self.err
        if err.quiet or not err.is_terminal:
            yield
            return
        from rich.text import Text

        with err.status(Text(on)):
            yield

    def tell(self, facts: Mapping[str, Any]) -> None:
        """Print the facts, if a program asked for them."""
        if self.json:
            print(json_text(facts))


def plural(count: int, name: str) -> str:
    """A number of things, in the singular if it is one."""
    return f"{count:,} {name}{'' if count == 1 else 's'}"


def duration(seconds: float) -> str:
    """A time, in milliseconds if it is less than a second."""
    return f"{seconds:.1f} s" if seconds >= 0.9995 else f"{1000 * seconds:.0f} ms"


def json_text(facts: Any) -> str:
    """JSON of any facts; numbers that JSON lacks are null."""
    return json.dumps(_finite(facts), indent=2, allow_nan=False)


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
