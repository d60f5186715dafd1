"""The columns of which predictions are made, as a grid."""

from __future__ import annotations

from plaingrad.console.output import plural
from plaingrad.tables.report.grids import Data, Grid, more, number


def gradient_importance_grid(importance: Data, most: int = 15) -> Grid:
    """The columns of which predictions are made."""
    columns = importance["columns"]
    shown = columns[:most]
    largest = max((each["mean"] for each in shown), default=0.0)
    lengths = [each["mean"] / largest if largest > 0 else 0.0 for each in shown]
    measure, sample = importance["measure"], plural(importance["rows"], "row")
    note = f"How far a column moves the {measure} from that of the mean row, on average over {sample}."
    return Grid(
        "What columns add to predictions",
        ["column", measure],
        [[each["name"], number(each["mean"])] for each in shown],
        (1,),
        f"{note} {more(columns, most)}".strip(),
        {1: lengths},
    )
