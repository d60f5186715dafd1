"""The command line: one file per command, each of which imports torch only when it runs."""

from __future__ import annotations

import signal
import sys

import typer

from plaingrad.cli import cache, check, demo, train
from plaingrad.cli.errors import OneLineErrors

app = typer.Typer(
    name="plaingrad",
    cls=OneLineErrors,
    help="Deep learning with every gradient in plain sight.",
    context_settings={"help_option_names": ["-h", "--help"]},
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(cache.cache)
app.command()(check.check)
app.command()(demo.demo)
app.command()(train.train)


def main() -> None:
    """What the shell's `plaingrad` runs; told to terminate, it clears up first."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, lambda number, _: sys.exit(128 + number))
    app()
