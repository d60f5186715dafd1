"""`plaingrad columns`: what the columns of a table mean."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from plaingrad.cli.outputs import expect_writable_file
from plaingrad.cli.predict import Encoding, Format, Header, Separator
from plaingrad.console.options import Json, Quiet, output_path
from plaingrad.console.output import Reporter, plural

EXAMPLE = "Example: plaingrad columns titanic.csv -o titanic.toml"


def columns(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="Table; - for standard input.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            parser=output_path,
            metavar="FILE",
            help="TOML file with the same, to be corrected and passed to plaingrad train as --columns.",
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Column to predict: the others are encoded as plaingrad train encodes its training rows.",
        ),
    ] = None,
    overrides: Annotated[
        Path | None,
        typer.Option("--columns", metavar="FILE", help="TOML file with the meaning of some columns."),
    ] = None,
    format: Format = None,
    separator: Separator = None,
    encoding: Encoding = "utf-8",
    header: Header = None,
    infinite_as_missing: Annotated[
        bool, typer.Option("--infinite-as-missing", help="Take infinite numbers for missing ones.")
    ] = False,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Show what the columns of a table are taken for, without training.

    It is decided from all rows: numbers and how they are written, truth
    values, dates, categories and text, what only names its row, and which
    marks stand for missing values. How many features a column becomes
    depends on the rows to train on, which --target draws as plaingrad
    train does; without it, all rows are taken for such.
    """
    expect_writable_file(output, "--output", {"DATA": data, "--columns": overrides})
    reporter = Reporter(quiet, json)
    with reporter.status(f"reading {data}"):
        import msgspec
        import numpy as np

        from plaingrad.tables.columns.meaning import Meaning
        from plaingrad.tables.columns.schema_file import load_schema, save_schema
        from plaingrad.tables.errors import NoColumnError
        from plaingrad.tables.model.encoded import encoder_of
        from plaingrad.tables.model.rows import Rows, read_cells, read_rows
        from plaingrad.tables.reading.options import ReadOptions
        from plaingrad.tables.reading.source import located
        from plaingrad.tables.report import terminal
        from plaingrad.tables.report.grids import columns_grid
        from plaingrad.tables.settings import Settings
        from plaingrad.tables.splits.parts import divided

        known = {} if overrides is None else load_schema(overrides)
        with located(data, format) as file:
            options = ReadOptions(format, separator, encoding, header)
            cells = read_cells(file, known, options)
            meaning = Meaning.of(cells, known, infinite_as_missing)
            settings = Settings(
                target=target or "",
                columns=overrides,
                format=format,
                separator=separator,
                encoding=encoding,
                header=header,
                infinite_as_missing=infinite_as_missing,
            )
            if target is None:
                training = Rows(meaning.frame, np.zeros(len(meaning.frame)), file, meaning=meaning)
            else:
                training = divided(*read_rows(file, settings), settings).train
            unusable: list[str] = []
            try:
                choices = msgspec.to_builtins(encoder_of(training, settings).choices())
            except NoColumnError as error:
                choices, unusable = msgspec.to_builtins(error.choices), ["no column can be used"]
    for problem in (*meaning.strange, *meaning.doubts, *unusable):
        reporter.warn(str(problem))
    reporter.text(terminal.drawn(columns_grid(choices, most=len(choices))))
    if output is not None:
        save_schema(output, meaning.schema)
        reporter.text(f"the meaning of {plural(len(choices), 'column')} is in {output}")
    described = [{**each, "schema": msgspec.to_builtins(meaning.schema[each["name"]])} for each in choices]
    reporter.result(
        {"data": str(data), "rows": len(meaning.frame), "columns": described, "doubts": meaning.doubts}
    )
