"""`plaingrad train`: a network for a table on disk."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from plaingrad.cli.config import Config, SaveConfig, save_options, with_options
from plaingrad.cli.outputs import expect_other, expect_writable_file
from plaingrad.console.options import Json, Quiet
from plaingrad.console.output import Reporter
from plaingrad.files import filling
from plaingrad.tables.reading.source import STANDARD
from plaingrad.tables.settings import FILES, STUDY, Settings

EXAMPLE = "Example: plaingrad train titanic.csv --target survived -o out/titanic"


@with_options(Settings)
def train(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="Table: CSV, TSV, Parquet, Arrow, JSON lines or .npz, or compressed; - for standard input. "
            "Or a folder of CSV, TSV, Parquet or Arrow files, or a pattern of such, in quotes.",
        ),
    ],
    settings: Settings,
    config: Config = None,
    save_config: SaveConfig = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Train a network on a table and report how well it does on rows it has not seen.

    Columns of any kind are encoded, and the target decides between
    classification and regression. The folder gets the model, a report as
    a page (report.html) and for programs (report.json), and the history.
    Rows that do not fit into memory are encoded into a file there, which
    is removed when the training is done.
    """
    settings.expect_sound()
    output = settings.output or Path("out", _name(data))
    _expect_distinct_files(data, settings, output, config, save_config)
    reporter = Reporter(quiet, json)
    with reporter.status("starting"):  # the libraries take a while
        from plaingrad.tables.run import run
    with filling(output):  # said before the table is read, if it cannot be written there
        report = run(data, settings, output, reporter)
    if save_config is not None:
        save_options(save_config, {"data": data}, settings)
    reporter.result({**report, "output": str(output)})


def _name(data: Path) -> str:
    """The name of a folder for what is made of a table."""
    if data == STANDARD:
        return "table"
    name = (data.name or data.resolve().name).split(".")[0]
    bare = re.sub(r"[*?\[\]]+", "", name)
    return name if bare == name else bare.strip("-_ ") or "table"


def _expect_distinct_files(
    data: Path, settings: Settings, output: Path, config: Path | None, save_config: Path | None
) -> None:
    """Refuse to judge by what is trained on, to write over what is read, or twice to the same file."""
    tables = {"--validation": settings.validation, "--test": settings.test}
    for option, path in tables.items():
        if path is not None:
            expect_other(path, option, {"DATA": data})
    reads = {"DATA": data, "--columns": settings.columns, **tables}
    written = {f"{name} of --output": output / name for name in (*FILES, STUDY)}
    expect_writable_file(save_config, "--save-config", {**reads, **written})
    for path in written.values():
        expect_other(path, "--output", {**reads, "--config": config})
