"""The page of a run: from its history, its health and its network to one file."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from plaingrad._version import __version__
from plaingrad.data import Dataset
from plaingrad.extras import needed_by
from plaingrad.files import replacing
from plaingrad.inspect.classes import class_indices
from plaingrad.inspect.health import Diagnosis, EpochHealth, Health
from plaingrad.inspect.health.measures import measured
from plaingrad.inspect.health.table import HEADINGS, caption, rows
from plaingrad.inspect.record import Trace
from plaingrad.module import Module
from plaingrad.train import History, predict

MOST_CLASSES = 30  # in the table of true and predicted classes


def report(
    history: History,
    path: str | os.PathLike[str] = "report.html",
    *,
    health: Health | Diagnosis | None = None,
    record: Trace | None = None,
    model: Module | None = None,
    data: Any = None,
    settings: Mapping[str, Any] | None = None,
    title: str = "A training run",
) -> Path:
    """Write a run as one HTML file that is opened without a network connection.

    It has the curves of the history; with `Health` the findings, the layers, their gradients by epoch and the
    histograms of activations and gradients; with a network its decision boundary, for data of two inputs, the
    table of true and predicted classes and the misclassified samples that are images. The file is written
    whole or not at all.

    Args:
        history: what `plaingrad.fit` has returned.
        path: the file; its folder must exist.
        health: the callback of the run, which knows its network, optimizer and training data too; or what
            `plaingrad.inspect.health` has returned.
        record: one step, to be shown call by call. Without ``health`` its layers are shown.
        model: the trained network.
        data: what its predictions are judged by: a `Dataset`, or a pair of inputs and targets. The training
            data of ``health`` if None.
        settings: further settings to be listed, by name.
        title: the heading.

    Returns:
        The path.

    Raises:
        ImportError: Jinja2 is not installed; the message names the extra.
        OSError: the file cannot be written.
    """
    with needed_by("plaingrad.inspect.report"):
        from jinja2 import Environment, PackageLoader, StrictUndefined
    run = getattr(health, "run", None)
    model = model if model is not None or run is None else run.model
    data = data if data is not None or run is None else run.data
    templates = Environment(
        loader=PackageLoader("plaingrad.inspect.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    diagnosis = health.diagnosis if isinstance(health, Health) else health
    page = templates.get_template("page.html").render(
        title=title,
        summary=summary(history),
        findings=None if diagnosis is None else [finding.words for finding in diagnosis],
        record=None if record is None else record.to_html(),
        settings=listed_settings(history, run, record, settings or {}),
        versions=list(versions().items()),
        **network_parts(model),
        **health_parts(diagnosis, record),
        **prediction_parts(model, None if data is None else Dataset.of(data)),
        **curve_parts(history),
    )
    target = Path(path)
    with replacing(target) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return target


def summary(history: History) -> str:
    """The run in a sentence."""
    losses = f", loss {history.loss[-1]:.4g}" if len(history) else ""
    seconds = f"{history.seconds:.2g} s" if history.seconds else "no time"
    return f"{len(history)} epochs, {history.steps:,} steps in {seconds} ({history.engine} engine){losses}."


def curve_parts(history: History) -> dict[str, Any]:
    """The curves of the history."""
    from plaingrad.inspect.report import pictures

    return {"curves": list(pictures.curves(history)) if len(history) else []}


def network_parts(model: Module | None) -> dict[str, Any]:
    """The network as text, and its size."""
    if model is None:
        return {"network": None, "parameters": None}
    count = sum(value.numel() for value, _ in model.parameters())
    return {"network": repr(model), "parameters": f"{count:,} parameters."}


def health_parts(diagnosis: Diagnosis | None, record: Trace | None) -> dict[str, Any]:
    """The layers in a table and in pictures."""
    from plaingrad.inspect.report import pictures

    shown = diagnosis
    if shown is None and record is not None:
        shown = Diagnosis((), (measured(record),))
    if shown is None or not shown.epochs:
        return {"layers": None, "by_epoch": [], "histograms": []}
    epochs: Sequence[EpochHealth] = shown.epochs
    note = ". ".join(filter(None, [caption(shown), shown.cost, "Gradients are norms"]))
    return {
        "layers": {"head": HEADINGS, "rows": list(rows(shown)), "note": f"{note}."},
        "by_epoch": list(pictures.by_epoch(epochs)) if len(epochs) > 1 else [],
        "histograms": list(pictures.histograms(epochs)),
    }


def prediction_parts(model: Module | None, data: Dataset | None) -> dict[str, Any]:
    """The decision boundary, the table of classes and the misclassified images, where there are such."""
    from plaingrad.inspect.report import pictures

    parts: dict[str, Any] = {"boundary": None, "confusion": None, "samples": []}
    truth = None if data is None else class_indices(data.targets)
    if model is None or data is None or truth is None or not isinstance(data.inputs, Tensor):
        return parts
    outputs = predict(model, data.inputs)
    if not isinstance(outputs, Tensor) or outputs.ndim != 2 or outputs.shape[1] <= int(truth.max()):
        return parts
    predicted, truth = outputs.argmax(1).cpu(), truth.cpu()
    names = [str(name) for name in data.class_names] or [str(k) for k in range(outputs.shape[1])]
    if len(names) <= MOST_CLASSES:
        counts = torch.zeros(len(names), len(names), dtype=torch.int64)
        counts.index_put_((truth, predicted), torch.ones_like(truth), accumulate=True)
        parts["confusion"] = {"names": names, "counts": counts.tolist()}
    if data.inputs.ndim == 2 and data.inputs.shape[1] == 2:
        shown = replace(data, targets=truth, class_names=names)
        parts["boundary"] = pictures.boundary(lambda x: predict(model, x).argmax(1).cpu(), shown)
    if pictures.are_images(data.inputs):
        parts["samples"] = list(pictures.samples(data.inputs, truth, predicted, names))
    return parts


def listed_settings(
    history: History, run: Any, record: Trace | None, settings: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """The settings that are known, and those of the caller, as rows."""
    optimizer = record.optimizer if run is None and record is not None else getattr(run, "optimizer", None)
    loss = getattr(run, "loss", None)
    known = {
        "loss": None if loss is None else repr(loss),
        "optimizer": None if optimizer is None else optimizer_text(optimizer),
        "engine": history.engine_reason or history.engine,
        "ended": history.stopped,
    }
    return [(name, str(value)) for name, value in {**known, **settings}.items() if value not in (None, "")]


def optimizer_text(optimizer: Any) -> str:
    """The update rule with the options of its first group of parameters."""
    options = {name: value for name, value in optimizer.param_groups[0].items() if name != "params"}
    return f"{type(optimizer).__name__}({', '.join(f'{name}={value!r}' for name, value in options.items())})"


def versions() -> dict[str, str]:
    """The versions of what a run depends on."""
    system = f"{platform.system()} {platform.machine()}"
    python = platform.python_version()
    return {"plaingrad": __version__, "PyTorch": torch.__version__, "Python": python, "system": system}
