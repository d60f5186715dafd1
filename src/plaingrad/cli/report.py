"""How well a network does on rows that it has not seen, for people (Markdown) and programs (JSON)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from plaingrad.cli.parts import Parts
from plaingrad.data.table import Table
from plaingrad.train import History
from plaingrad.train.metrics import mae, mse, r2


def make(
    table: Table, parts: Parts, predicted: Tensor, history: History, options: dict[str, Any]
) -> dict[str, Any]:
    """All that is worth telling about a run, as JSON can hold it.

    Args:
        table: the table.
        parts: its parts.
        predicted: for the test part, class indices or values in the target's units.
        history: of the training.
        options: of the run, with the layers' ``sizes`` and the ``best_epoch`` counted from 1.
    """
    rows = {"training": len(parts.train), "test": len(parts.test)}
    if parts.validation is not None:
        rows["validation"] = len(parts.validation)
    judge = _classification if table.task == "classification" else _regression
    return {
        "task": table.task,
        "reason": table.reason,
        "target": table.target,
        "rows": rows,
        "features": list(table.data.feature_names),
        "network": {"architecture": options["sizes"], "activation": options["activation"]},
        "training": {
            **{name: options[name] for name in ("optimizer", "lr", "batch_size", "seed", "best_epoch")},
            "epochs": len(history),
            "stopped": history.stopped,
            "engine": history.engine,
            "seconds": round(history.seconds, 3),
        },
        "test": judge(table, parts, predicted),
    }


def _classification(table: Table, parts: Parts, predicted: Tensor) -> dict[str, Any]:
    from sklearn.metrics import precision_recall_fscore_support

    names = list(table.data.class_names)
    usual = int(torch.bincount(parts.train.targets).argmax())
    scores = precision_recall_fscore_support(
        parts.truth.numpy(), predicted.numpy(), labels=range(len(names)), zero_division=0.0
    )
    columns = ("precision", "recall", "f1", "rows")
    return {
        "error": (predicted != parts.truth).double().mean().item(),
        "baseline_error": (parts.truth != usual).double().mean().item(),
        "baseline": f"always {names[usual]!r}, the most frequent class",
        "classes": {
            name: {**dict(zip(columns, map(float, found[:3]))), "rows": int(found[3])}
            for name, *found in zip(names, *scores)
        },
    }


def _regression(table: Table, parts: Parts, predicted: Tensor) -> dict[str, Any]:
    assert parts.targets is not None
    mean = parts.targets.mean.expand_as(parts.truth)
    return {
        "rmse": mse(predicted, parts.truth).sqrt().item(),  # type: ignore[union-attr]
        "mae": float(mae(predicted, parts.truth)),
        "r2": float(r2(predicted, parts.truth)),
        "baseline_rmse": mse(mean, parts.truth).sqrt().item(),  # type: ignore[union-attr]
        "baseline_mae": float(mae(mean, parts.truth)),
        "baseline": f"always {parts.targets.mean.item():.6g}, the mean of the training rows",
    }


def summary(found: dict[str, Any]) -> str:
    """The result in a line."""
    test = found["test"]
    if found["task"] == "classification":
        wrong = round(test["error"] * found["rows"]["test"])
        return (
            f"test error {_percent(test['error'])} ({wrong} of {found['rows']['test']:,} rows); "
            f"baseline {_percent(test['baseline_error'])} ({test['baseline']})"
        )
    return (
        f"test error {test['rmse']:.4g} (root mean square), {test['mae']:.4g} (mean absolute), "
        f"R² {test['r2']:.3f}; baseline {test['baseline_rmse']:.4g} and {test['baseline_mae']:.4g} "
        f"({test['baseline']})"
    )


def write(found: dict[str, Any], folder: Path) -> None:
    """Write ``report.json`` and ``report.md``."""
    (folder / "report.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    (folder / "report.md").write_text(markdown(found), encoding="utf-8")


def markdown(found: dict[str, Any]) -> str:
    """The report for people."""
    test, rows, training = found["test"], found["rows"], found["training"]
    counts = ", ".join(f"{count:,} {part}" for part, count in rows.items())
    kept = f"; kept: epoch {training['best_epoch']}" if training["best_epoch"] else ""
    lines = [f"# Predicting {found['target']}", "", f"**{summary(found)}**", ""]
    if found["task"] == "classification":
        lines += _table(
            ["class", "precision", "recall", "F1", "rows"],
            [
                [name, *(f"{each[key]:.3f}" for key in ("precision", "recall", "f1")), str(each["rows"])]
                for name, each in test["classes"].items()
            ],
        )
        lines += ["", "![Predicted against true class](confusion.png)", ""]
    else:
        lines += _table(
            ["error in units of the target", "network", "baseline"],
            [
                ["root mean square", f"{test['rmse']:.6g}", f"{test['baseline_rmse']:.6g}"],
                ["mean absolute", f"{test['mae']:.6g}", f"{test['baseline_mae']:.6g}"],
            ],
        )
        lines += ["", "![Predicted against true value](predicted.png)", ""]
    lines += ["## How it was made", ""]
    network = found["network"]
    architecture = "-".join(map(str, network["architecture"]))
    lines += _table(
        ["", ""],
        [
            ["task", f"{found['task']}: {found['reason']}"],
            ["rows", counts],
            ["network", f"{architecture}, {network['activation']}, {network['parameters']:,} parameters"],
            ["optimizer", f"{training['optimizer']}, learning rate {training['lr']:g}"],
            ["batch size", str(training["batch_size"])],
            ["epochs", f"{training['epochs']} ({training['stopped']}{kept})"],
            ["time", f"{training['seconds']:.1f} s, {training['engine']} engine"],
            ["seed", str(training["seed"])],
            ["columns", ", ".join(found["features"])],
        ],
    )
    return "\n".join([*lines, "", "![Loss during training](loss.png)", ""])


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    cells = [[cell.replace("|", "\\|") for cell in row] for row in [head, ["---"] * len(head), *rows]]
    return ["| " + " | ".join(row) + " |" for row in cells]


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.2f} %"
