"""The help of a command, and the scripts that let shells complete it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperCommand, TyperOption

from plaingrad.console.options import refused
from plaingrad.errors import InputError

COMPLETION = ("--show-completion", "--install-completion")
SHELLS = ("bash", "zsh", "fish", "powershell", "pwsh")
PROGRAM, VARIABLE = "plaingrad", "_PLAINGRAD_COMPLETE"


class BareFlags:
    """Parameters of a command, of which flags take no value and are shown so."""

    def get_params(self, ctx: typer.Context) -> list[Any]:
        """All of them, with that which shows the help."""
        params = super().get_params(ctx)  # type: ignore[misc]
        for param in params:
            if getattr(param, "is_flag", False) and param.metavar is None:
                param.metavar = ""  # in place of <bool>
        return params


class Command(BareFlags, TyperCommand):  # type: ignore[misc]
    """A command whose flags are shown without a type, and which takes no two columns where one is used."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments; of most options the last value counts, but a second column is refused."""
        if not ctx.resilient_parsing:
            _, _, order = self.make_parser(ctx).parse_args(args=list(args))
            for option, count in Counter(order).items():
                takes_one = isinstance(option, TyperOption) and not option.multiple
                if count > 1 and takes_one and option.metavar == "COLUMN":
                    raise refused(f"expected one column, got {count}", option.opts[0])
        return super().parse_args(ctx, args)


def completed(arguments: Sequence[str]) -> bool:
    """Show or install completion for the shell that is named; whether that was asked for.

    Without a name, typer looks which shell has called, and it ignores a name.

    Raises:
        InputError: there is no completion for this shell.
    """
    arguments = [word for argument in arguments for word in argument.split("=", 1)]
    if len(arguments) != 2 or arguments[0] not in COMPLETION:
        return False
    from typer.completion import get_completion_script, install

    option, shell = arguments
    if shell not in SHELLS:
        raise InputError(f"{option}: expected one of {', '.join(SHELLS)}; got {shell!r}")
    if option == "--show-completion":
        print(get_completion_script(prog_name=PROGRAM, complete_var=VARIABLE, shell=shell))
    else:
        name, path = install(shell=shell, prog_name=PROGRAM, complete_var=VARIABLE)
        print(f"completion for {name} is in {path}; it works from the next start of the shell")
    return True
