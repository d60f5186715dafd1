"""The files that a training leaves in its folder."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from plaingrad.console.output import json_text
from plaingrad.tables.model.model import TableModel
from plaingrad.tables.model.monitoring import column_of, smaller_is_better
from plaingrad.tables.model.network import Fitted
from plaingrad.tables.report.judging import Judgement
from plaingrad.tables.settings import Settings

Report = dict[str, Any]


def write(folder: Path, model: TableModel, result: Fitted, report: Report) -> None:
    """Write the model, the history and the report for programs into a folder."""
    kept = ("task", "judged_by", "rows", "network", "training", "settings")
    scores = {"scores": report["test"]["scores"], "history": result.history.to_dict()}
    metadata = json.loads(json_text({**{name: report[name] for name in kept}, **scores}))
    replace(model, facts=metadata).save(folder / "model.safetensors")
    result.history.save(folder / "history.json")
    (folder / "report.json").write_text(json_text(report) + "\n", encoding="utf-8")


def write_page(
    folder: Path, result: Fitted, judgement: Judgement, report: Report, settings: Settings
) -> None:
    """Write the report as a page, with its pictures."""
    from plaingrad.tables.report.page import page

    (folder / "report.html").write_text(
        page(report, _pictures(result, judgement, report, settings)), encoding="utf-8"
    )


def _pictures(result: Fitted, judgement: Judgement, report: Report, settings: Settings) -> dict[str, str]:
    from plaingrad.tables.report import pictures  # matplotlib

    classes = report["task"] != "regression"
    loss = "log loss" if classes else "loss (target standardised)"
    drawn = {"loss": pictures.loss_curve(result.history, result.best_epoch, loss)}
    if classes:
        drawn["calibration"] = pictures.calibration(report["test"]["calibration"])
    else:
        drawn |= pictures.of_numbers(
            judgement.scoring.target, judgement.truth, judgement.predictions["network"].codes
        )
    if report["search"]:
        values = [trial["value"] for trial in report["search"]["trials"]]
        measure = column_of(settings).removeprefix("val_").replace("_", " ")
        drawn["search"] = pictures.search(values, measure, not smaller_is_better(settings))
    return drawn
