"""`plaingrad demo`: the paper's network on the paper's data."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plaingrad.cli import choices
from plaingrad.console.options import Json, Quiet, number, output_path, refused
from plaingrad.console.output import Reporter, json_text, plural
from plaingrad.files import filling

if TYPE_CHECKING:
    from plaingrad.data import Dataset, Scale
    from plaingrad.nn import Sequential
    from plaingrad.train import History

EXAMPLE = "Example: plaingrad demo --activation gelu --loss cross_entropy -o out/gelu"
SAMPLES = 1000

Option = typer.Option


def demo(
    architecture: Annotated[str, Option(help="Layer sizes, from 2 inputs to 2 classes.")] = "2,25,25,25,2",
    activation: Annotated[str, Option(help="Any of plaingrad.nn without parameters: relu, gelu...")] = "silu",
    loss: Annotated[str, Option(help="mse (on one-hot targets), cross_entropy, huber...")] = "mse",
    lr: Annotated[
        float, Option(parser=number(0, above=True), metavar="NUMBER", help="Learning rate at the start.")
    ] = 0.15,
    schedule: Annotated[str, Option(help="How it falls to 0: linear, cosine, or constant.")] = "cosine",
    epochs: Annotated[int, Option(min=1, help="How often to visit all the data.")] = 25,
    batch_size: Annotated[int, Option(min=1, max=SAMPLES, help="Samples per step.")] = 1,
    seed: Annotated[int, Option(min=0, help="Of data, weights and order.")] = 0,
    engine: Annotated[str, Option(help="auto or eager.")] = "auto",
    output: Annotated[
        Path, Option("--output", "-o", parser=output_path, metavar="FOLDER", help="Folder for what is made.")
    ] = Path("out/demo"),
    rounds: Annotated[int, Option(min=1, help="Repeat with as many seeds, and tell how errors spread.")] = 1,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Train the paper's network on the paper's disc, and draw what it has learned.

    1,000 training and 1,000 test points are uniform in the unit square;
    one class lies inside a disc of half its area. The folder gets the loss
    curve, the decision boundary, the history and the model; with --rounds
    the errors of each round.
    """
    sizes = choices.sizes(architecture, "--architecture")
    if len(sizes) < 2 or (sizes[0], sizes[-1]) != (2, 2):
        raise refused(f"expected 2 inputs and 2 outputs as in 2,25,2, got {architecture}", "--architecture")
    setting = Setting(sizes, activation, loss, lr, schedule, epochs, batch_size, engine)
    reporter = Reporter(quiet, as_json)
    with filling(output) as folder:
        if rounds == 1:
            report = _show(setting, seed, folder, reporter)
            files = "loss.png, boundary.png, history.json and model.safetensors are"
        else:
            report = _repeat(setting, range(seed, seed + rounds), folder, reporter)
            files = "rounds.json is"
    reporter.text(f"{files} in {output}")
    reporter.result({**report, "output": str(output)})


@dataclass(frozen=True)
class Setting:
    """The settings that all rounds share."""

    sizes: Sequence[int]
    activation: str
    loss: str
    lr: float
    schedule: str
    epochs: int
    batch_size: int
    engine: str


@dataclass(frozen=True)
class Outcome:
    """A trained network, how it got there, and its losses and errors."""

    model: Sequential
    history: History
    scale: Scale
    points: Dataset
    train: dict[str, float]
    test: dict[str, float]


def _train(setting: Setting, seed: int, progress: Reporter | None) -> Outcome:
    import torch

    from plaingrad.data import Scale, disc, standardized
    from plaingrad.optim import SGD
    from plaingrad.train import evaluate, fit
    from plaingrad.train.callbacks import ProgressBar

    torch.manual_seed(seed)
    points = disc(2 * SAMPLES)
    train, test = points.take(slice(SAMPLES)), points.take(slice(SAMPLES, None))
    scale, raw = Scale.of(train.inputs), test
    train, test = standardized(train, test)
    loss, one_hot = choices.class_loss(setting.loss)
    if one_hot:
        train, test = train.one_hot(), test.one_hot()
    model = choices.network(setting.sizes, setting.activation)
    first_weight, _ = model.parameters()[0]
    first_weight.mul_(2)  # two inputs give small sums, on which a smooth activation hardly bends
    optimizer = SGD(model.parameters(), lr=setting.lr)
    steps = setting.epochs * -(-SAMPLES // setting.batch_size)
    history = fit(
        model,
        train,
        loss=loss,
        optimizer=optimizer,
        epochs=setting.epochs,
        batch_size=setting.batch_size,
        schedule=choices.schedule(setting.schedule, optimizer, steps),
        metrics=["error"],
        engine=setting.engine,  # type: ignore[arg-type]
        callbacks=[ProgressBar(lines=True, console=progress.stdout)] if progress else [],
        progress=False,
    )
    measured = [evaluate(model, part, loss=loss, metrics=["error"]) for part in (train, test)]
    return Outcome(model, history, scale, raw, *measured)


def _show(setting: Setting, seed: int, folder: Path, reporter: Reporter) -> dict[str, Any]:
    from plaingrad.inspect import plots
    from plaingrad.interop import save
    from plaingrad.train import predict

    name = "-".join(map(str, setting.sizes))
    rate = f"rate {setting.lr:g}" + ("" if setting.schedule == "constant" else f" ({setting.schedule})")
    points = f"{SAMPLES:,} training and {SAMPLES:,} test points of the disc"
    reporter.text(f"network {name} ({setting.activation}) on {points}")
    reporter.text(
        f"{plural(setting.epochs, 'epoch')}, batch {setting.batch_size}, SGD, {rate}, "
        f"{setting.loss} loss, seed {seed}"
    )
    outcome = _train(setting, seed, progress=reporter)
    for part, scores in (("train", outcome.train), ("test ", outcome.test)):
        reporter.text(f"{part}  loss {scores['loss']:.4f}  error {100 * scores['error']:.2f} %")
    history, scale = outcome.history, outcome.scale
    reporter.text(
        f"{history.stopped}: {history.steps:,} steps in {history.seconds:.1f} s ({history.engine} engine)"
    )

    title = f"Training loss of {name} on the disc"
    plots.loss_curve(history, title=title, ylabel=f"{setting.loss} loss").savefig(folder / "loss.png")
    wrong = round(outcome.test["error"] * SAMPLES)
    plots.decision_boundary(
        lambda points: predict(outcome.model, scale.apply(points)).argmax(1),
        outcome.points,
        title=f"{name}: {wrong} of {SAMPLES:,} test points wrong",
    ).savefig(folder / "boundary.png")
    history.save(folder / "history.json")
    metadata: dict[str, Any] = {
        "architecture": list(setting.sizes),
        "activation": setting.activation,
        "features": list(outcome.points.feature_names),
        "input_mean": scale.mean.tolist(),
        "input_deviation": scale.deviation.tolist(),
        "classes": list(outcome.points.class_names),
        "seed": seed,
    }
    save(outcome.model, folder / "model.safetensors", metadata)
    ended = {"epochs": len(history), "stopped": history.stopped, "engine": history.engine}
    return {"setting": vars(setting), "seed": seed, "train": outcome.train, "test": outcome.test, **ended}


def _repeat(setting: Setting, seeds: Sequence[int], folder: Path, reporter: Reporter) -> dict[str, Any]:
    rounds: list[dict[str, float]] = []
    for seed in reporter.track(seeds, "round"):
        outcome = _train(setting, seed, progress=None)
        if len(outcome.history) < setting.epochs:  # Ctrl-C: this round does not count
            break
        rounds.append(
            {"seed": seed, "train": 100 * outcome.train["error"], "test": 100 * outcome.test["error"]}
        )
        reporter.text(
            f"seed {seed}: error {rounds[-1]['train']:.2f} % train, {rounds[-1]['test']:.2f} % test"
        )
    if not rounds:
        raise KeyboardInterrupt
    errors = [each["test"] for each in rounds]
    summary = {
        "mean": statistics.mean(errors),
        "standard deviation": statistics.stdev(errors) if len(errors) > 1 else 0.0,
        "median": statistics.median(errors),
        "worst": max(errors),
    }
    description = ", ".join(f"{name} {value:.2f} %" for name, value in summary.items())
    reporter.text(f"test error over {len(errors)} seeds: {description}")
    result = {"setting": vars(setting), "test error in percent": summary, "rounds": rounds}
    (folder / "rounds.json").write_text(json_text(result) + "\n", encoding="utf-8")
    return result
