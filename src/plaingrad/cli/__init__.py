"""The command line: one file per command, each of which imports torch only when it runs."""

from __future__ import annotations

import signal
import sys
from typing import Annotated

import typer

from plaingrad._version import __version__
from plaingrad.cli import (
    cache,
    check,
    columns,
    demo,
    evaluate,
    export,
    info,
    learn,
    playground,
    predict,
    train,
)
from plaingrad.cli.errors import OneLineErrors
from plaingrad.cli.help import Command
from plaingrad.cli.leaving import leave

app = typer.Typer(
    name="plaingrad",
    cls=OneLineErrors,
    help="Deep learning with every gradient in plain sight.",
    epilog=train.EXAMPLE,
    context_settings={"help_option_names": ["-h", "--help"]},
    add_completion=True,
    pretty_exceptions_enable=False,
)
# As they are needed one after another, and then what is about the machinery.
for _module, _command in (
    (columns, columns.columns),
    (train, train.train),
    (predict, predict.predict),
    (evaluate, evaluate.evaluate),
    (info, info.info),
    (export, export.export),
    (check, check.check),
    (learn, learn.learn),
    (playground, playground.playground),
    (cache, cache.cache),
    (demo, demo.demo),
):
    app.command(cls=Command, epilog=_module.EXAMPLE)(_command)


def _print_version(asked: bool) -> None:
    if asked:
        print(f"plaingrad {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


def _end(number: int, frame: object) -> None:
    """Clean up on the way out; where a run has a checkpoint, it finishes its epoch instead."""
    sys.exit(128 + number)


_end.gives_way = True  # type: ignore[attr-defined]


def main() -> None:
    """Run the command line; on SIGTERM and SIGHUP, clean up before the exit."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _end)
    try:
        app()
    except SystemExit as end:
        leave(end.code if isinstance(end.code, int) else 0)
