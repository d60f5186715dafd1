"""`plaingrad playground`: a page in which a network trains as one watches."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from plaingrad.console.options import Json, Quiet
from plaingrad.console.output import Reporter

EXAMPLE = "Example: plaingrad playground --port 8000 --no-open"

Option = typer.Option


def playground(
    link: Annotated[
        str, typer.Argument(metavar="[LINK]", help="A shared address, or what stands after its #.")
    ] = "",
    port: Annotated[int, Option(min=0, max=65535, help="To listen on; 0 for any that is free.")] = 0,
    host: Annotated[
        str, Option(help="To listen on; others than this machine can then come in.")
    ] = "127.0.0.1",
    no_open: Annotated[bool, Option("--no-open", help="Leave the browser alone.")] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Watch a network train, forward and backward, one step at a time.

    The page opens in the browser; its address, with the token that it needs,
    is the first thing printed. Ctrl-C ends it.
    """
    from plaingrad.learn.playground.server import serve
    from plaingrad.learn.playground.state import from_fragment, read_state

    fragment = link.rpartition("#")[2]
    if link:
        read_state(from_fragment(link))
    reporter = Reporter(quiet, as_json)

    def announce(address: str) -> None:
        print(json.dumps({"address": address}) if as_json else address, flush=True)

    serve(host, port, fragment, not no_open, announce)
    reporter.text("the playground has ended")
