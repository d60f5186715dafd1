"""How a command fails: one line on stderr and exit code 2."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from typer.core import TyperGroup


class OneLineErrors(TyperGroup):
    """Commands whose expected errors are told in one line.

    Expected are what the command line itself refuses, files that cannot be read or written (`OSError`),
    values that cannot be used (`ValueError`, which is what all of plaingrad raises), and a training that
    diverges. Anything else is a fault of the program and keeps its traceback.
    """

    def main(  # type: ignore[override]
        self, args: Sequence[str] | None = None, *, standalone_mode: bool = True, **options: Any
    ) -> Any:
        """Run the command that ``args`` name; without any, show the help."""
        args = list(sys.argv[1:] if args is None else args) or ["--help"]
        command = f"plaingrad {args[0]}" if args[0] in self.commands else "plaingrad"
        options["prog_name"] = "plaingrad"
        try:
            code = super().main(args, standalone_mode=False, **options)
        except KeyboardInterrupt:
            code = 130
        except Exception as error:
            if not _is_expected(error):
                raise
            print(f"{command}: {_message(error)}", file=sys.stderr)
            code = 2
        if code == 130:
            print(f"{command}: interrupted", file=sys.stderr)
        if standalone_mode:
            sys.exit(code)
        return code


def _is_expected(error: Exception) -> bool:
    from_options = hasattr(error, "format_message")  # typer's own, whose base class has no public name
    diverged = type(error).__name__ == "TrainingDiverged"  # named, for importing it would import torch
    return from_options or diverged or isinstance(error, (OSError, ValueError))


def _message(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    else:
        text = error.format_message() if hasattr(error, "format_message") else str(error)
    return " ".join(text.split())
