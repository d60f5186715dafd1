"""`plaingrad train`: a network for a table on disk."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plaingrad.cli import choices
from plaingrad.files import filling

if TYPE_CHECKING:
    from torch import Tensor

    from plaingrad.cli.parts import Parts
    from plaingrad.data.table import Table
    from plaingrad.train import History

Option = typer.Option


def train(
    file: Annotated[
        Path, typer.Argument(metavar="FILE.csv", help="Table; its first line names the columns.")
    ],
    target: Annotated[str, Option(help="Column to predict.")],
    output: Annotated[
        Path | None, Option("--output", "-o", help="Folder for what is made; out/FILE.")
    ] = None,
    task: Annotated[
        str, Option(help="classification, regression, or auto: decided from the target.")
    ] = "auto",
    ignore: Annotated[list[str] | None, Option(help="Column to leave out; may be repeated.")] = None,
    separator: Annotated[str, Option(help="What stands between two fields.")] = ",",
    hidden: Annotated[str, Option(help="Sizes of the hidden layers; '' for none.")] = "64,64",
    activation: Annotated[str, Option(help="Any of plaingrad.nn without parameters: relu, gelu...")] = "relu",
    optimizer: Annotated[str, Option(help="adam, adamw, sgd, rmsprop or adagrad.")] = "adam",
    lr: Annotated[float, Option(help="Learning rate.")] = 1e-3,
    epochs: Annotated[int, Option(min=1, help="How often to visit all the data, at most.")] = 200,
    batch_size: Annotated[int | None, Option(min=1, help="Samples per step; 32, or all if fewer.")] = None,
    test_size: Annotated[float, Option(help="Fraction of the rows held out for the report.")] = 0.2,
    patience: Annotated[
        int,
        Option(min=0, help="Epochs to wait for a better validation loss (a tenth of the rest); 0: no end."),
    ] = 20,
    seed: Annotated[int, Option(min=0, max=2**32 - 1, help="Of splits, weights and order.")] = 0,
    engine: Annotated[str, Option(help="auto or eager.")] = "auto",
) -> None:
    """Train a network on a table and report how well it does on rows it has not seen.

    The target decides between classification and regression. The folder
    gets the model (weights, columns, standardisation, classes), the report,
    the history and the plots.
    """
    if not 0 < lr < math.inf:
        raise choices.bad("--lr", f"expected more than 0, got {lr}")
    if not 0 < test_size < 1:
        raise choices.bad("--test-size", f"expected a fraction between 0 and 1, got {test_size}")
    if len(separator) != 1:
        raise choices.bad("--separator", f"expected one character, got {separator!r}")
    if task not in ("auto", "classification", "regression"):
        raise choices.bad("--task", f"expected auto, classification or regression, got {task!r}")
    inner = choices.sizes(hidden, "--hidden")
    output = Path("out", file.stem) if output is None else output

    from plaingrad.cli.parts import Parts
    from plaingrad.data.table import read_table

    table = read_table(
        file,
        target,
        task=None if task == "auto" else task,  # type: ignore[arg-type]
        ignore=ignore or [],
        separator=separator,
    )
    print(f"{table.task}: {table.reason}")
    parts = Parts.of(table, test_size, patience > 0, seed)
    print(parts.told())
    rows = len(parts.train)
    if batch_size is not None and batch_size > rows:
        raise choices.bad("--batch-size", f"expected at most the {rows} training rows, got {batch_size}")
    options = {
        "hidden": inner,
        "activation": activation,
        "optimizer": optimizer,
        "lr": lr,
        "epochs": epochs,
        "batch_size": batch_size or min(32, rows),
        "patience": patience,
        "seed": seed,
        "engine": engine,
    }
    with filling(output) as folder:
        outcome = _run(table, parts, options, folder)
    print(outcome.result)
    with filling(output) as folder:  # of its own, so that a plot that fails costs no training
        _draw(table, parts, outcome, folder)
    print(f"report.md, report.json, model.safetensors, history.json and the plots are in {output}")


@dataclass(frozen=True)
class Outcome:
    """What came of a training: a line that tells it, and what the plots show."""

    result: str
    history: History
    best: int | None
    predicted: Tensor


def _run(table: Table, parts: Parts, options: dict[str, Any], folder: Path) -> Outcome:
    """Train, and write the model, the report and the history."""
    import torch

    from plaingrad import nn
    from plaingrad.cli import report
    from plaingrad.train import fit, predict
    from plaingrad.train.callbacks import EarlyStopping, ProgressBar
    from plaingrad.train.checkpoint import save_model

    classes = table.data.class_names
    sizes = [len(table.data.feature_names), *options["hidden"], len(classes) or 1]
    torch.manual_seed(options["seed"])
    model = choices.network(sizes, options["activation"])
    stopping = EarlyStopping(patience=options["patience"], restore_best_weights=True)
    history = fit(
        model,
        parts.train,
        loss=nn.CrossEntropyLoss() if classes else nn.MSELoss(),
        optimizer=choices.optimizer(options["optimizer"], model.parameters(), options["lr"]),
        epochs=options["epochs"],
        batch_size=options["batch_size"],
        validation=parts.validation,
        metrics=["error" if classes else "r2"],
        engine=options["engine"],
        callbacks=[ProgressBar(), *([stopping] if parts.validation else [])],
        progress=False,
    )
    best = None if stopping.best_epoch is None else stopping.best_epoch + 1
    kept = f"; epoch {best} kept" if best else ""
    time = f"{history.seconds:.1f} s ({history.engine} engine)"
    print(f"{len(history)} epochs in {time}: {history.stopped}{kept}")
    predicted = parts.understood(predict(model, parts.test.inputs))

    found = report.make(table, parts, predicted, history, {**options, "sizes": sizes, "best_epoch": best})
    found["network"]["parameters"] = sum(value.numel() for value, _ in model.parameters())
    report.write(found, folder)
    history.save(folder / "history.json")
    save_model(model, folder / "model.safetensors", {**found["network"], **parts.described(table)})
    return Outcome(report.summary(found), history, best, predicted)


def _draw(table: Table, parts: Parts, outcome: Outcome, folder: Path) -> None:
    from plaingrad.inspect import plots

    classes, predicted = table.data.class_names, outcome.predicted
    loss = "cross entropy" if classes else "squared error, target standardised"
    curve = plots.loss_curve(
        outcome.history,
        best=outcome.best,
        title=f"Learning to predict {table.target}",
        ylabel=f"loss ({loss})",
    )
    curve.savefig(folder / "loss.png")
    title = f"{table.target}: {len(predicted):,} rows not seen in training"
    if classes:
        plot = plots.confusion_matrix(parts.truth, predicted, classes, title=title)
        plot.savefig(folder / "confusion.png")
    else:
        plot = plots.predicted_against_true(parts.truth, predicted, table.target, title=title)
        plot.savefig(folder / "predicted.png")
