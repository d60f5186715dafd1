"""`plaingrad info`: what is in a model file."""

from __future__ import annotations

import json as json_module
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plaingrad.cli.predict import Model
from plaingrad.console.options import Json, Quiet
from plaingrad.console.output import Reporter

if TYPE_CHECKING:
    from plaingrad.interop import ModelFile
    from plaingrad.module import Module
    from plaingrad.tables.model.model import TableModel
    from plaingrad.tables.report.grids import Grid

EXAMPLE = "Example: plaingrad info out/titanic/model.safetensors"
LONGEST = 200  # characters of an entry of unknown meaning


def info(model: Model, quiet: Quiet = False, json: Json = False) -> None:
    """Show what a model file holds: layers, shapes, parameters, columns, history and versions.

    Any file that plaingrad.save has written can be shown; those of
    plaingrad train tell more. In JSON, what the file says of itself
    stands under "facts".
    """
    from plaingrad import interop
    from plaingrad.tables.report import terminal

    file = interop.read_file(model)
    owner = _owner(file, model)
    description = {
        "file": str(model),
        "layers": layers(file.module),
        "parameters": sum(parameter.value.numel() for parameter in file.module.parameters()),
        "versions": file.versions,
    }
    reporter = Reporter(quiet, json)
    for shown in _shown(file, description, owner):
        reporter.text(shown if isinstance(shown, str) else terminal.drawn(shown))
    reporter.result({**description, "facts": file.facts})


def _owner(file: ModelFile, path: Path) -> Any:
    """The model of a table or the estimator that a file holds; None for others, which need no extra."""
    if file.facts.get("kind") not in ("table", "estimator"):
        return None
    from plaingrad.estimators import MLPClassifier, MLPRegressor
    from plaingrad.estimators.saved import holds_estimator
    from plaingrad.tables.model.model import TableModel, holds_table

    if holds_table(file):
        return TableModel.load(path)
    if not holds_estimator(file):
        return None
    kinds: dict[Any, Any] = {each.__name__: each for each in (MLPClassifier, MLPRegressor)}
    return kinds.get(str(file.facts.get("estimator")), MLPClassifier).load(path)


def layers(module: Module) -> list[dict[str, Any]]:
    """The layers of a network in order, each with its parameters and buffers."""
    entries = []
    for name, layer in _leaves(module, ""):
        shapes = {key: list(value.shape) for key, value in layer.state_dict().items()}
        parameters = sum(parameter.value.numel() for parameter in layer.parameters())
        entries.append({"name": name, "layer": repr(layer), "shapes": shapes, "parameters": parameters})
    return entries


def _leaves(module: Module, name: str) -> list[tuple[str, Module]]:
    children = list(module.named_children())
    if not children:
        return [(name, module)]
    return [leaf for key, child in children for leaf in _leaves(child, f"{name}.{key}" if name else key)]


def _shown(file: ModelFile, description: Mapping[str, Any], owner: Any) -> Iterator[str | Grid]:
    """For people: the description, and the entries of the file's metadata."""
    from plaingrad.tables.report.grids import Grid

    rows = [
        [
            each["name"],
            each["layer"],
            _shapes(each["shapes"]),
            f"{each['parameters']:,}" if each["parameters"] else "",
        ]
        for each in description["layers"]
    ]
    title = f"{type(file.module).__name__} with {description['parameters']:,} parameters"
    yield Grid(title, ["name", "layer", "shapes", "parameters"], rows, (3,))
    shown: tuple[str, ...] = ()
    if owner is not None:
        from plaingrad.estimators.saved import METADATA_KEYS
        from plaingrad.tables.model.metadata import KNOWN
        from plaingrad.tables.model.model import STRUCTURE, TableModel

        of_table = isinstance(owner, TableModel)
        shown = (*KNOWN, *STRUCTURE) if of_table else METADATA_KEYS
        yield from _of_table(owner) if of_table else _of_estimator(owner, file.facts)
    others = [[_text(name)[1:-1], _brief(value)] for name, value in file.facts.items() if name not in shown]
    if others:
        yield Grid("Facts", ["", ""], others)
    yield Grid("Written by", ["", ""], list(file.versions.items()))


def _shapes(shapes: dict[str, list[int]]) -> str:
    return ", ".join(f"{name} {'×'.join(map(str, shape)) or 'scalar'}" for name, shape in shapes.items())


def _text(value: Any) -> str:
    text = json_module.dumps(value, ensure_ascii=False)
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def _brief(value: Any) -> str:
    text = _text(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _of_table(table: TableModel) -> Iterator[str | Grid]:
    from msgspec.structs import asdict

    from plaingrad.tables.report.grids import Grid, columns_grid, loss_rows, scores_grid

    target, metadata = table.target, table.facts
    into = f" into {', '.join(target.class_names[:20])}" if target.labels else ""
    yield f"\n{target.task} of {target.name!r}{into}"
    yield columns_grid([asdict(choice) for choice in table.encoder.choices()])
    if "settings" in metadata:
        how = loss_rows(target.task, metadata["settings"], table.class_weights)
        yield Grid("How it was made", ["", ""], how)
    if "scores" in metadata:
        yield scores_grid({"scores": metadata["scores"]})
    if "judged_by" in metadata:
        yield f" {metadata['judged_by']}"
    if "history" in metadata:
        yield _history(metadata["history"], metadata.get("training", {}).get("best_epoch"))


def _of_estimator(estimator: Any, metadata: Mapping[str, Any]) -> Iterator[str | Grid]:
    from plaingrad.tables.model.model import some
    from plaingrad.tables.report.grids import Grid

    into = ""
    if hasattr(estimator, "classes_"):
        into = f" into {some([str(each) for each in metadata['classes']['values']], 20)}"
    yield f"\n{metadata['estimator']} of {metadata['features']:,} columns{into}"
    if metadata["feature_names"] is not None:
        yield f" {_brief(metadata['feature_names'])[1:-1]}"
    defaults = type(estimator)().get_params()
    changed = {name: value for name, value in estimator.get_params().items() if value != defaults[name]}
    if changed:
        yield Grid("Parameters", ["", ""], [[name, _brief_value(value)] for name, value in changed.items()])
    if metadata["not_kept"]:
        yield f" not kept: {_brief(metadata['not_kept'])[1:-1]}"
    if metadata["histories"]:
        yield _history(metadata["histories"][0], None)


def _brief_value(value: Any) -> str:
    text = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in repr(value))
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _history(history: Mapping[str, Any], best: int | None) -> Grid:
    from plaingrad.tables.report.grids import Grid, number

    columns = {name: values for name, values in history["epochs"].items() if name != "seconds"}
    count = len(history["epochs"].get("loss", []))
    shown = sorted({1, best or 1, count, *(1 + round(i * (count - 1) / 6) for i in range(7))})
    rows = [
        [
            f"{epoch}{' (kept)' if epoch == best else ''}",
            *(number(values[epoch - 1]) for values in columns.values()),
        ]
        for epoch in shown
        if count
    ]
    return Grid("Training history", ["epoch", *columns], rows, range(1, 1 + len(columns)), history["stopped"])
