"""`plaingrad cache`: the networks that the native engine has compiled."""

from __future__ import annotations

import dataclasses
import json
import time
from typing import Annotated

import typer

Option = typer.Option


def cache(
    clear: Annotated[bool, Option("--clear", help="Remove them all.")] = False,
    as_json: Annotated[bool, Option("--json", help="For programs: times in seconds since 1970.")] = False,
) -> None:
    """Show the compiled networks that are kept on disk, or remove them.

    They are in PLAINGRAD_CACHE, or else in the user's folder for caches,
    up to PLAINGRAD_CACHE_SIZE megabytes (256). Any of them may go at any
    time; what is needed again is compiled again.
    """
    from plaingrad.train.native import cache as kept

    place = str(kept.folder())
    if clear:
        removed = kept.clear()
        text = f"{place}: {_networks(removed)} removed"
        print(json.dumps({"folder": place, "removed": removed}) if as_json else text)
        return
    entries = kept.contents()
    total = sum(entry.size for entry in entries)
    if as_json:
        described = [dataclasses.asdict(entry) for entry in entries]
        print(json.dumps({"folder": place, "bytes": total, "entries": described}, indent=2))
        return
    print(f"{place}: {_networks(len(entries))}, {_size(total)}" if entries else f"{place}: empty")
    if entries:
        print(f"{'size':>9}  {'built':16}  {'last used':16}  network")
    for entry in entries:
        print(f"{_size(entry.size):>9}  {_date(entry.built)}  {_date(entry.used)}  {entry.network}")


def _networks(count: int) -> str:
    return f"{count:,} compiled network{'' if count == 1 else 's'}"


def _size(count: int) -> str:
    return f"{count / 1e3:,.0f} kB" if count < 1e6 else f"{count / 1e6:,.1f} MB"


def _date(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
