"""The contents of a run's page, by the names that its template has for them."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from plaingrad._version import __version__
from plaingrad.data import Dataset
from plaingrad.errors import InputError
from plaingrad.inspect.classes import class_count, predicted_classes, threshold_of, with_classes
from plaingrad.inspect.health import Diagnosis, EpochHealth
from plaingrad.inspect.health.measures import measured
from plaingrad.inspect.health.table import HEADINGS, caption, rows
from plaingrad.inspect.player import step_player
from plaingrad.inspect.record import Trace
from plaingrad.inspect.report import pictures
from plaingrad.module import Module
from plaingrad.train import History, predict
from plaingrad.train.callbacks import Run

MOST_CLASSES = 30  # in the table of true and predicted classes


def contents(
    history: History,
    run: Run | None,
    diagnosis: Diagnosis | None,
    record: Trace | None,
    model: Module | None,
    data: Dataset | None,
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    """Everything but the title."""
    loss = run.loss if run is not None else None if record is None else record.calls[-1].module
    return {
        "summary": summary(history),
        "findings": None if diagnosis is None else [finding.words for finding in diagnosis],
        "step": None if record is None else player_of(record, data),
        "record": None if record is None else record.to_html(),
        "settings": listed_settings(history, run, record, loss, settings),
        "versions": list(versions().items()),
        "curves": list(pictures.curves(history)) if len(history) else [],
        **network_parts(model),
        **health_parts(diagnosis, record),
        **prediction_parts(model, data, loss),
    }


def player_of(record: Trace, data: Dataset | None) -> str | None:
    """The page on which the step is taken layer by layer; None for a network that it cannot draw."""
    try:
        return step_player(record, data)
    except InputError:
        return None


def summary(history: History) -> str:
    """The run in a sentence."""
    losses = f", loss {history.loss[-1]:.4g}" if len(history) else ""
    seconds = f"{history.seconds:.2g} s" if history.seconds else "no time"
    return f"{len(history)} epochs, {history.steps:,} steps in {seconds} ({history.engine} engine){losses}."


def network_parts(model: Module | None) -> dict[str, Any]:
    """The network as text, and its size."""
    if model is None:
        return {"network": None, "parameters": None}
    count = sum(parameter.value.numel() for parameter in model.parameters())
    return {"network": repr(model), "parameters": f"{count:,} parameters."}


def health_parts(diagnosis: Diagnosis | None, record: Trace | None) -> dict[str, Any]:
    """The layers in a table and in pictures."""
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


def prediction_parts(model: Module | None, data: Dataset | None, loss: Any) -> dict[str, Any]:
    """The decision boundary, the table of classes and the misclassified images, where there are such."""
    parts: dict[str, Any] = {"boundary": None, "confusion": None, "samples": []}
    classified = None if data is None else with_classes(data)
    if model is None or data is None or classified is None or not isinstance(data.inputs, Tensor):
        return parts
    outputs, truth = predict(model, data.inputs), classified.targets.cpu()
    count = class_count(outputs)
    if count <= int(truth.max()):
        return parts
    threshold = threshold_of(model, data, loss)
    predicted = predicted_classes(outputs, threshold).cpu()
    names = [str(name) for name in classified.class_names] or [str(k) for k in range(count)]
    if len(names) <= MOST_CLASSES:
        counts = torch.zeros(len(names), len(names), dtype=torch.int64)
        counts.index_put_((truth, predicted), torch.ones_like(truth), accumulate=True)
        parts["confusion"] = {"names": names, "counts": counts.tolist()}
    if data.inputs.ndim == 2 and data.inputs.shape[1] == 2:
        parts["boundary"] = pictures.boundary(
            lambda x: predicted_classes(predict(model, x), threshold), replace(classified, class_names=names)
        )
    if pictures.are_images(data.inputs):
        parts["samples"] = list(pictures.samples(data.inputs, truth, predicted, names))
    return parts


def listed_settings(
    history: History, run: Run | None, record: Trace | None, loss: Any, settings: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """The settings that are known, and those of the caller, as rows."""
    optimizer = run.optimizer if run is not None else None if record is None else record.optimizer
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
