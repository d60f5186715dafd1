"""`plaingrad export`: a model for programs without Python."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plaingrad.cli.errors import MissingExtra
from plaingrad.cli.output import Json, Quiet, Voice, json_text
from plaingrad.cli.places import expect_place, placed
from plaingrad.cli.predict import Model

if TYPE_CHECKING:
    from plaingrad.module import Module
    from plaingrad.tables.model.model import TableModel

EXAMPLE = "Example: plaingrad export out/titanic/model.safetensors titanic.onnx"
INPUT = "features"
TOLD = ("task", "target", "input", "output", "columns", "preprocessing")


def export(
    model: Model,
    output: Annotated[
        Path, typer.Argument(metavar="FILE.onnx", help="ONNX file; FILE.json tells how to use it.")
    ],
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Write a model as an ONNX graph, and beside it what a caller must know.

    The graph begins where the columns have become numbers, and has the
    features as its one input. What makes them of the columns, and numbers
    in the target's own units of the output, is told by the JSON file.
    """
    if output.suffix.lower() != ".onnx":
        raise ValueError(f"{output}: expected a file with the suffix .onnx")
    beside = output.with_suffix(".json")
    for path in (output, beside):
        expect_place(path, "FILE.onnx", {"MODEL": model})
    _expect_own(beside)

    from plaingrad import interop
    from plaingrad.tables.model.model import TableModel

    known = TableModel.load(model)
    network, link, name = _graph(known)
    notes = {
        "features": known.encoder.names_,
        "target": known.target.name,
        "classes": known.target.class_names,
    }
    with placed(output) as temporary, placed(beside) as told:
        try:
            interop.export_onnx(
                network,
                temporary,
                (len(known.encoder.names_),),
                output=link,
                input_name=INPUT,
                output_name=name,
                metadata=notes,
            )
        except ImportError:
            raise MissingExtra("export", "onnx", "onnx") from None
        facts = _told(known, name, json.loads(known.encoder.to_bytes()))
        told.write_text(json_text(facts) + "\n", encoding="utf-8")
    voice = Voice(quiet, as_json)
    voice.say(
        f"input {INPUT!r}: float32 (batch, {len(known.encoder.names_)}), the encoded columns",
        f"output {name!r}: {facts['output']['is']}",
        "left out of the graph: the encoding of the columns"
        + ("" if known.target.labels else ", and the target's own units"),
        f"the graph is {output}; how to use it tells {beside}",
    )
    voice.tell({"graph": str(output), "beside": str(beside), **facts})


def _expect_own(path: Path) -> None:
    """Refuse to replace a file that export has not written."""
    if not path.exists():
        return
    try:
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        found = None
    if not (isinstance(found, dict) and set(TOLD) <= set(found)):
        raise ValueError(
            f"{path}: expected what an earlier export has written, or no such file, "
            "for it would be replaced; choose another name"
        )


def _graph(model: TableModel) -> tuple[Module, str | None, str]:
    """The network, what its graph makes of its outputs, and the name of that."""
    from plaingrad.estimators.prediction import averaged

    name = "probabilities" if model.target.labels else "prediction"
    width = len(model.classes) if model.link == "softmax" else 1
    return *averaged(model.members, model.link, width), name


def _told(model: TableModel, name: str, encoder: Any) -> dict[str, Any]:
    """What a caller must know, as plain data."""
    target = model.target
    output: dict[str, Any] = {"name": name, "dtype": "float32"}
    if len(model.classes) == 2:
        second = target.class_names[model.classes[1]]
        output |= {"shape": ["batch", 1], "is": f"the probability of {second!r}, shape (batch, 1)"}
    elif target.labels:
        output |= {
            "shape": ["batch", len(model.classes)],
            "is": f"the probability of each class, shape (batch, {len(model.classes)})",
        }
    else:
        told = "the target, shape (batch, 1)"
        if (target.mean, target.deviation) != (0.0, 1.0):
            told = (
                f"the scaled target, shape (batch, 1): times {target.deviation:.9g}, plus {target.mean:.9g}"
            )
        output |= {"shape": ["batch", 1], "is": told, "mean": target.mean, "deviation": target.deviation}
    if target.labels:
        output["classes"] = [target.labels[place] for place in model.classes]
        if model.weights is not None:
            output["class_weights"] = model.weights.tolist()
            output["is"] += (
                "; training has weighted the classes: for the classes as they occur, divide the probability "
                "of each by its class_weights, and all by their sum"
            )
    return {
        "task": target.task,
        "target": target.name,
        "input": {
            "name": INPUT,
            "dtype": "float32",
            "shape": ["batch", len(model.encoder.names_)],
            "features": model.encoder.names_,
        },
        "output": output,
        "columns": model.columns,
        "preprocessing": encoder,
    }
