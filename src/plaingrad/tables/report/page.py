"""A report as one HTML file: nothing is fetched or run, and it reads well on a phone and in the dark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from plaingrad.tables.report.gradient_grid import gradient_importance_grid
from plaingrad.tables.report.grids import (
    MOST_CLASSES,
    Grid,
    classes_grid,
    columns_grid,
    errors_grid,
    importance_grid,
    scores_grid,
    search_grid,
    training_grid,
)
from plaingrad.tables.report.pictures import MOST_POINTS

CAPTIONS = {
    "calibration": (
        "Rows by predicted probability, and the share that is of the class: on the line, probabilities can "
        "be taken at their word. Columns and numbers count the rows."
    ),
    "loss": "The loss of each epoch, as it was met in training and on the validation rows.",
    "predicted": "Each point is a row; right predictions lie on the line.",
    "residuals": "The difference between the prediction of each row and the truth.",
    "search": "Each point is a setting that was tried; the line is the best so far.",
}
TEMPLATES = Environment(
    loader=ChoiceLoader(
        [PackageLoader("plaingrad.tables.report", ""), PackageLoader("plaingrad.inspect.report", "")]
    ),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(report: Mapping[str, Any], pictures: Mapping[str, str]) -> str:
    """The page of a training.

    Args:
        report: as in ``report.json``.
        pictures: SVG elements by name: "loss", "calibration", "predicted", "residuals", "search".
    """
    important, search = report["importance"], report.get("search")
    gradients = report.get("gradient_importance")
    grids = {
        "importance": importance_grid(important, 30) if important["columns"] else None,
        "gradients": gradient_importance_grid(gradients, 30) if gradients else None,
        "search": search_grid(search) if search else None,
        "columns": columns_grid(report["columns"]),
        "training": training_grid(report),
    }
    return _rendered(report, pictures, f"{report['data']}. {report['judged_by']}", grids)


def evaluation_page(report: Mapping[str, Any], pictures: Mapping[str, str]) -> str:
    """The page of a model on other rows; arguments as for `page`."""
    return _rendered(report, pictures, report["judged_by"], {})


def _rendered(
    report: Mapping[str, Any], pictures: Mapping[str, str], summary: str, grids: Mapping[str, Grid | None]
) -> str:
    test = report["test"]
    drawn = dict.fromkeys(("importance", "gradients", "search", "columns", "training")) | dict(grids)
    drawn["scores"] = scores_grid(test)
    if "classes" in test:
        drawn["classes"] = classes_grid(test)
    else:
        drawn["errors"] = errors_grid(test["errors"])
    rows = test["rows"]
    sampled = f" {MOST_POINTS:,} of {rows:,} rows, drawn at random." if rows > MOST_POINTS else ""
    return TEMPLATES.get_template("page.html").render(
        target=report["target"],
        summary=summary,
        test=test,
        grids=drawn,
        pictures=pictures,
        captions=CAPTIONS,
        sampled=sampled,
        most_classes=MOST_CLASSES,
        suspicions=report.get("suspicions", ()),
    )
