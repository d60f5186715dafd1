"""`plaingrad evaluate`: how good a model is on other rows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from plaingrad.cli.outputs import expect_writable_file
from plaingrad.cli.predict import Data, Encoding, Format, Header, Model, Separator
from plaingrad.console.options import Json, Quiet, output_path
from plaingrad.console.output import Reporter, plural
from plaingrad.files import replacing

EXAMPLE = "Example: plaingrad evaluate out/titanic/model.safetensors later.csv --html later.html"


def evaluate(
    model: Model,
    data: Data,
    html: Annotated[
        Path | None,
        typer.Option(parser=output_path, metavar="FILE", help="Page with the same, and pictures."),
    ] = None,
    format: Format = None,
    separator: Separator = None,
    encoding: Encoding = "utf-8",
    header: Header = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Score a model on a table that has the target too.

    Prints the scores, how each class fares and the confusion matrix, or
    for numbers how far the predictions are off.
    """
    expect_writable_file(html, "--html", {"MODEL": model, "DATA": data})
    reporter = Reporter(quiet, json)
    with reporter.status(f"loading {model}"):
        from plaingrad.tables.columns.strange import StrangeCounts
        from plaingrad.tables.model.model import TableModel
        from plaingrad.tables.model.rows import read_more
        from plaingrad.tables.reading.options import ReadOptions
        from plaingrad.tables.reading.source import EMPTY, mendable
        from plaingrad.tables.report import terminal
        from plaingrad.tables.report.judging import NETWORK, predicted, report_of, scoring_of
        from plaingrad.tables.report.strange import warned

        known = TableModel.load(model)
    target = known.target
    with reporter.status(f"reading {data}"):
        options = ReadOptions(format, separator, encoding, header)
        rows = read_more(data, target, known.columns, options)
    with reporter.status("predicting"), mendable(EMPTY):
        strange = StrangeCounts()
        predictions = predicted(known, rows.encoded(known.encoder, strange).X)
    scoring = scoring_of(known, known.facts.get("settings", {}))
    report: dict[str, Any] = {
        "model": str(model),
        "data": str(data),
        "task": target.task,
        "target": target.name,
        "judged_by": f"{model} judged by {plural(len(rows), 'row')} of {data}.",
        "without_target": rows.lost,
        **warned(strange, reporter),
        "test": report_of(scoring, rows.codes, {NETWORK: predictions}),
    }
    if html is not None:
        from plaingrad.tables.report.page import evaluation_page
        from plaingrad.tables.report.pictures import calibration, of_numbers

        if target.labels:
            pictures = {"calibration": calibration(report["test"]["calibration"])}
        else:
            pictures = of_numbers(target, rows.codes, predictions.codes)
        with replacing(html, parents=True) as temporary:
            temporary.write_text(evaluation_page(report, pictures), encoding="utf-8")
    reporter.text(f"predictions of {target.name!r} for {plural(len(rows), 'row')} of {data}")
    if rows.lost:
        reporter.text(f"{plural(rows.lost, 'row')} without {target.name!r} left out")
    reporter.text(*terminal.judgement(report["test"]))
    if html is not None:
        reporter.text(f"the page is {html}")
    reporter.result(report)
