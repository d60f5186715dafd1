"""The failure of a command: one line on stderr, and the exit code 1 or 2."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any

from typer.core import TyperGroup

from plaingrad.cli.help import BareFlags, completed
from plaingrad.errors import InputError
from plaingrad.extras import MissingExtra, needed_by
from plaingrad.files import NO_SPACE

FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 130
TRACEBACK = "PLAINGRAD_TRACEBACK"  # set, faults of the program show where they are


class OneLineErrors(BareFlags, TyperGroup):  # type: ignore[misc]
    """Commands whose errors are printed in one line.

    The exit code is 2 for what the user can put right: what the command line itself refuses, files that are
    not there or not allowed, and values that cannot be used (`ValueError`, which is what all of plaingrad
    raises). It is 1 for what fails while it runs: a training that diverges, a disk that is full, a fault of
    the program.
    """

    def main(  # type: ignore[override]
        self, args: Sequence[str] | None = None, *, standalone_mode: bool = True, **options: Any
    ) -> Any:
        """Run the command that ``args`` name; without any, show the help."""
        args = list(sys.argv[1:] if args is None else args) or ["--help"]
        command = f"plaingrad {args[0]}" if args[0] in self.commands else "plaingrad"
        options["prog_name"] = "plaingrad"
        previous_format, warnings.formatwarning = warnings.formatwarning, _warning
        try:
            with needed_by(command):
                code = 0 if completed(args) else super().main(args, standalone_mode=False, **options)
        except KeyboardInterrupt:
            code = INTERRUPTED
        except BrokenPipeError:  # whoever read our output has had enough
            sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115, what is flushed at exit goes there
            code = FAILED
        except MissingExtra as error:  # of the command, whichever of its parts has met it, or of its option
            user = f"{command} {error.user}" if error.user.startswith("-") else command
            print(MissingExtra(user, str(error.name)), file=sys.stderr)
            code = FAILED
        except Exception as error:
            if _is_fault(error) and os.environ.get(TRACEBACK):
                raise
            print(f"{command}: {_message(error)}", file=sys.stderr)
            code = BAD_INPUT if _is_bad_input(error) else FAILED
        finally:
            warnings.formatwarning = previous_format
        if code == INTERRUPTED:
            print(f"{command}: interrupted", file=sys.stderr)
        if standalone_mode:
            sys.exit(code)
        return code


def _warning(message: Warning | str, *_: Any, **__: Any) -> str:
    """A warning in one line, without the place in the source."""
    return f"warning: {' '.join(str(message).split())}\n"


def _is_bad_input(error: Exception) -> bool:
    named = isinstance(error, OSError) and error.filename is not None and error.errno not in NO_SPACE
    return named or (isinstance(error, ValueError) and not _diverged(error)) or _from_options(error)


def _is_fault(error: Exception) -> bool:
    return not (
        isinstance(error, (OSError, ValueError, MemoryError)) or _from_options(error) or _diverged(error)
    )


def _from_options(error: Exception) -> bool:
    return hasattr(error, "format_message")  # typer's own, whose base class has no public name


def _diverged(error: BaseException | None) -> bool:
    return type(error).__name__ == "TrainingDiverged"  # named, for importing it would import torch


def _message(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    elif isinstance(error, MemoryError):
        text = "out of memory"
    elif _is_fault(error):
        text = f"a fault of the program: {type(error).__name__}: {error} ({TRACEBACK}=1 shows where)"
    else:
        if isinstance(error, InputError) and error.argument is not None:
            option = f"--{error.argument.replace('_', '-')}"
            error.argument = option if error.file is not None else f"Invalid value for '{option}'"
        text = error.format_message() if hasattr(error, "format_message") else str(error)
    return " ".join(text.split())
