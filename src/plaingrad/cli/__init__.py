"""The command line: one file per command, each of which imports torch only when it runs."""

from __future__ import annotations

import typer

from plaingrad.cli.demo import demo
from plaingrad.cli.errors import OneLineErrors
from plaingrad.cli.train import train

app = typer.Typer(
    name="plaingrad",
    cls=OneLineErrors,
    help="Deep learning with every gradient in plain sight.",
    context_settings={"help_option_names": ["-h", "--help"]},
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(demo)
app.command()(train)


def main() -> None:
    """What the shell's `plaingrad` runs."""
    app()
