"""`plaingrad predict`: what a model says of other rows."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plaingrad.cli.outputs import expect_writable, standard
from plaingrad.console.options import Json, Quiet, character, one_of, output_path
from plaingrad.console.output import Reporter, plural
from plaingrad.errors import InputError
from plaingrad.tables.settings import FORMATS, encoding

if TYPE_CHECKING:
    import pandas as pd

    from plaingrad.tables.model.model import TableModel
    from plaingrad.tables.reading.options import ReadOptions

EXAMPLE = "Example: plaingrad predict out/titanic/model.safetensors new.csv -o predictions.csv"

Option = typer.Option


def _model(path: Path) -> Path:
    inside = path / "model.safetensors"
    if inside.is_file():
        raise typer.BadParameter(f"{path} is a folder; did you mean {inside}?")
    return path


Model = Annotated[
    Path,
    typer.Argument(metavar="MODEL", callback=_model, help="model.safetensors that plaingrad train has made."),
]
Data = Annotated[
    Path, typer.Argument(metavar="DATA", help="Table with the columns of the training; - for standard input.")
]


def _format(help: str) -> Any:
    names = list(FORMATS)
    return Option(
        help=f"{help} One of {', '.join(names)}.",
        parser=one_of(*FORMATS),
        metavar="NAME",
        autocompletion=lambda: names,
    )


Format = Annotated[
    str | None, _format("Of the table; by default its suffix tells, and csv by standard input.")
]
Separator = Annotated[
    str | None,
    Option(help="What stands between two fields; by default found.", parser=character, metavar="CHARACTER"),
]
Encoding = Annotated[
    str, Option(help="Of the table, if it is text, such as cp1252.", parser=encoding, metavar="NAME")
]
Header = Annotated[
    bool | None,
    Option(
        "--header/--no-header",
        help="Whether the first line names the columns; without, they are column_1, column_2, ...",
    ),
]


def predict(
    model: Model,
    data: Data,
    output: Annotated[
        Path,
        Option(
            "--output",
            "-o",
            parser=output_path,
            metavar="FILE",
            help="File, whose suffix tells the format; - for standard output, as CSV.",
        ),
    ] = Path("-"),
    keep: Annotated[
        list[str] | None, Option(metavar="COLUMN", help="Column of DATA to write as well; may be repeated.")
    ] = None,
    keep_all: Annotated[bool, Option("--keep-all", help="Write all columns of DATA as well.")] = False,
    format: Format = None,
    output_format: Annotated[str | None, _format("Of the output, whatever its suffix.")] = None,
    separator: Separator = None,
    encoding: Encoding = "utf-8",
    header: Header = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Predict the target for each row of a table.

    Columns are found by their names, in any order. The output has a row
    for each row of DATA: the column "prediction", and for classes one
    column with the probability of each, such as "probability_yes". Of a
    model with class weights the prediction follows the weights, and need
    not be the most probable class.
    """
    reporter = Reporter(quiet, json)
    with reporter.status(f"loading {model}"):
        import pandas as pd

        from plaingrad.tables.columns.strange import StrangeCounts
        from plaingrad.tables.model.model import TableModel
        from plaingrad.tables.reading.options import ReadOptions
        from plaingrad.tables.reading.source import EMPTY, STANDARD, mendable, named
        from plaingrad.tables.report.strange import warned
        from plaingrad.tables.writing import six_digits, write_frame

        output = standard(output)
        expect_writable(output, output_format, {"MODEL": model, "DATA": data})
        known = TableModel.load(model)
    with reporter.status(f"reading {data}"):
        options = ReadOptions(format, separator, encoding, header)
        frame = _read(data, known, options, list(keep or []), keep_all)
    with reporter.status("predicting"), mendable(EMPTY), named(data):
        strange = StrangeCounts()
        predictions = known.predict(frame, strange)
    kept = list(frame.columns) if keep_all else list(keep or [])
    twice = [name for name in kept if name in predictions.columns]
    if twice:
        raise InputError(f"--keep: a column {twice[0]!r} is written already; rename it")
    predictions = predictions.apply(six_digits)
    summary = {"target": known.target.name, "rows": len(frame), **warned(strange, reporter)}
    if json and output == STANDARD:
        reporter.result({**summary, **predictions.to_dict("list")})
        return
    with reporter.status("writing") if output != STANDARD else nullcontext():
        write_frame(pd.concat([frame[kept], predictions], axis=1), output, output_format)
    if output != STANDARD:
        are = "is" if len(frame) == 1 else "are"
        reporter.text(f"{plural(len(frame), 'prediction')} of {known.target.name!r} {are} in {output}")
        reporter.result({**summary, "output": str(output)})


def _read(
    path: Path,
    model: TableModel,
    options: ReadOptions,
    keep: list[str],
    keep_all: bool,
) -> pd.DataFrame:
    from plaingrad.tables import read_frame
    from plaingrad.tables.errors import expect_columns
    from plaingrad.tables.reading.source import located, repeated

    with located(path, options.format) as file:
        frame = read_frame(file, **vars(options), empty=True, text=True)
        expect_columns(model.columns, list(frame.columns))
        with repeated("--keep", keep, list(frame.columns)):
            expect_columns(keep, list(frame.columns))
        return frame if keep_all else frame[list(dict.fromkeys([*model.columns, *keep]))]
