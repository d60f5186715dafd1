"""`plaingrad cache`: the networks that the native engine has compiled."""

from __future__ import annotations

import dataclasses
import time
from typing import Annotated

import typer

from plaingrad.console.options import Json, Quiet
from plaingrad.console.output import Reporter, plural

EXAMPLE = "Example: plaingrad cache --clear"

Option = typer.Option


def cache(
    clear: Annotated[bool, Option("--clear", help="Remove them all.")] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Show the compiled networks that are kept on disk, or remove them.

    They are in PLAINGRAD_CACHE, or else in the user's folder for caches,
    up to PLAINGRAD_CACHE_SIZE megabytes (256). Any of them may go at any
    time; what is needed again is compiled again. With --json, times are
    seconds since 1970.
    """
    from plaingrad.native.compile import cache as kept

    reporter, folder = Reporter(quiet, as_json), str(kept.folder())
    if clear:
        removed = kept.clear()
        reporter.text(f"{folder}: {_networks(removed)} removed")
        reporter.result({"folder": folder, "removed": removed})
        return
    entries = kept.contents()
    total = sum(entry.size for entry in entries)
    reporter.text(f"{folder}: {_networks(len(entries))}, {_size(total)}" if entries else f"{folder}: empty")
    if entries:
        reporter.text(f"{'size':>9}  {'built':16}  {'last used':16}  network")
    for entry in entries:
        reporter.text(f"{_size(entry.size):>9}  {_date(entry.built)}  {_date(entry.used)}  {entry.network}")
    reporter.result(
        {"folder": folder, "bytes": total, "entries": [dataclasses.asdict(entry) for entry in entries]}
    )


def _networks(count: int) -> str:
    return plural(count, "compiled network")


def _size(count: int) -> str:
    return f"{count / 1e3:,.0f} kB" if count < 1e6 else f"{count / 1e6:,.1f} MB"


def _date(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
