"""The page of a run: from its history, its health and its network to one file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import NoneType
from typing import Any

from plaingrad.data import Dataset
from plaingrad.data.checks import one_line
from plaingrad.errors import InputError
from plaingrad.files import replacing
from plaingrad.inspect.health import Diagnosis, Health
from plaingrad.inspect.record import Trace
from plaingrad.module import Module
from plaingrad.train import History


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
        record: one step, to be shown call by call, and of a chain that begins with a `Linear` layer by layer,
            forward and backward, to be stepped through. Without ``health`` its layers are shown.
        model: the trained network.
        data: what its predictions are judged by: a `Dataset`, or a pair of inputs and targets. The training
            data of ``health`` if None.
        settings: further settings to be listed, by name.
        title: the heading.

    Returns:
        The path.

    Raises:
        InputError: an argument is of another kind, such as a network in the place of the history.
        OSError: the file cannot be written.
    """
    for name, value, kinds, expected in (
        ("history", history, History, "what plaingrad.fit returns"),
        ("path", path, (str, os.PathLike), "the path of a file"),
        ("health", health, (Health, Diagnosis, NoneType), "a Health callback or what inspect.health returns"),
        ("record", record, (Trace, NoneType), "what inspect.record returns"),
        ("model", model, (Module, NoneType), "a plaingrad Module"),
    ):
        if not isinstance(value, kinds):  # type: ignore[arg-type]
            raise InputError(f"{name}: expected {expected}, got {one_line(value):.80}")
    from jinja2 import Environment, PackageLoader, StrictUndefined

    from plaingrad.inspect.report.page import contents  # and with it matplotlib

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
        **contents(
            history, run, diagnosis, record, model, None if data is None else Dataset.of(data), settings or {}
        ),
    )
    target = Path(path)
    with replacing(target) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return target
