"""`plaingrad info`: what is in a model file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from plaingrad.cli.output import Json, Quiet, Voice
from plaingrad.cli.predict import Model

if TYPE_CHECKING:
    from plaingrad.interop import ModelFile
    from plaingrad.module import Module

EXAMPLE = "Example: plaingrad info out/titanic/model.safetensors"


def info(model: Model, quiet: Quiet = False, json: Json = False) -> None:
    """Show what a model file holds: layers, shapes, parameters, columns, history and versions.

    Any file that plaingrad.interop.save has written can be shown; those of
    plaingrad train tell more.
    """
    from plaingrad import interop
    from plaingrad.estimators.table import KIND, TableModel

    file = interop.load(model)
    facts: dict[str, Any] = {
        "file": str(model),
        "layers": layers(file.module),
        "parameters": sum(value.numel() for value, _ in file.module.parameters()),
        "versions": file.versions,
    }
    if file.facts.get("kind") == KIND:
        TableModel.load(model)  # so that nothing is told of a file that contradicts itself
    facts |= {name: value for name, value in file.facts.items() if name != "kind"}
    voice = Voice(quiet, json)
    voice.say(*_shown(file, facts))
    voice.tell(facts)


def layers(module: Module) -> list[dict[str, Any]]:
    """The layers of a network in order, each with its parameters and buffers."""
    found = []
    for name, layer in _leaves(module, ""):
        shapes = {key: list(value.shape) for key, value in layer.state_dict().items()}
        parameters = sum(value.numel() for value, _ in layer.parameters())
        found.append({"name": name, "layer": repr(layer), "shapes": shapes, "parameters": parameters})
    return found


def _leaves(module: Module, name: str) -> list[tuple[str, Module]]:
    children = list(module.named_children())
    if not children:
        return [(name, module)]
    return [leaf for key, child in children for leaf in _leaves(child, f"{name}.{key}" if name else key)]


def _shapes(shapes: dict[str, list[int]]) -> str:
    return ", ".join(f"{name} {'×'.join(map(str, shape)) or 'scalar'}" for name, shape in shapes.items())


def _shown(file: ModelFile, facts: dict[str, Any]) -> list[Any]:
    from plaingrad.cli.table import terminal
    from plaingrad.cli.table.grids import Grid, columns_grid, scores_grid

    rows = [
        [
            each["name"],
            each["layer"],
            _shapes(each["shapes"]),
            f"{each['parameters']:,}" if each["parameters"] else "",
        ]
        for each in facts["layers"]
    ]
    title = f"{type(file.module).__name__} with {facts['parameters']:,} parameters"
    shown: list[Any] = [terminal.drawn(Grid(title, ["name", "layer", "shapes", "parameters"], rows, (3,)))]
    if "columns" in facts:
        target = facts["target"]
        told = f"{facts['task']} of {target['name']!r}"
        told += f" into {', '.join(map(str, target['labels'][:20]))}" if target["labels"] else ""
        shown += [f"\n{told}", terminal.drawn(columns_grid(facts["columns"]))]
        shown += [terminal.drawn(scores_grid({"scores": facts["scores"]})), f" {facts['judged_by']}"]
    if facts.get("history"):
        shown += [terminal.drawn(_history(facts["history"], facts["training"]["best_epoch"]))]
    rest = {
        name: value
        for name, value in facts.items()
        if name not in TOLD and value is not None and not isinstance(value, (dict, list))
    }
    versions = [[name, version] for name, version in facts["versions"].items()]
    shown += [terminal.drawn(Grid("Written by", ["", ""], versions + [[n, str(v)] for n, v in rest.items()]))]
    return shown


TOLD = ("file", "layers", "parameters", "versions", "task", "judged_by", "link")


def _history(history: dict[str, Any], best: int | None) -> Any:
    from plaingrad.cli.table.grids import Grid, number

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
    return Grid(
        "Training history", ["epoch", *columns], rows, range(1, 1 + len(columns)), history.get("stopped", "")
    )
