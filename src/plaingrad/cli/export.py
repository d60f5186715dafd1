"""`plaingrad export`: a model for programs without Python."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plaingrad.cli.outputs import expect_writable_file
from plaingrad.cli.predict import Model
from plaingrad.console.options import Json, Quiet
from plaingrad.console.output import Reporter, json_text
from plaingrad.errors import InputError
from plaingrad.files import replacing

if TYPE_CHECKING:
    from plaingrad.module import Module
    from plaingrad.tables.model.model import TableModel

EXAMPLE = "Example: plaingrad export out/titanic/model.safetensors titanic.onnx"
INPUT = "features"
KEYS = ("task", "target", "input", "output", "columns", "preprocessing")


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
    features as its one input. The JSON file tells how to compute them from
    the columns, and the target in its own units from the output.
    """
    if output.suffix.lower() != ".onnx":
        raise InputError(f"{output}: expected a file with the suffix .onnx")
    beside = output.with_suffix(".json")
    for path in (output, beside):
        expect_writable_file(path, "FILE.onnx", {"MODEL": model})
    _expect_own(beside)

    from plaingrad import interop
    from plaingrad.tables.model.model import TableModel

    loaded = TableModel.load(model)
    network, link, name = _graph(loaded)
    notes = {
        "features": loaded.encoder.names_,
        "target": loaded.target.name,
        "classes": loaded.target.class_names,
    }
    with (
        replacing(output, parents=True) as temporary,
        replacing(beside, parents=True) as temporary_beside,
    ):
        interop.export_onnx(
            network,
            temporary,
            (len(loaded.encoder.names_),),
            output=link,
            input_name=INPUT,
            output_name=name,
            metadata=notes,
        )
        description = _description(loaded, name, json.loads(loaded.encoder.to_bytes()))
        temporary_beside.write_text(json_text(description) + "\n", encoding="utf-8")
    reporter = Reporter(quiet, as_json)
    reporter.text(
        f"input {INPUT!r}: float32 (batch, {len(loaded.encoder.names_)}), the encoded columns",
        f"output {name!r}: {description['output']['is']}",
        "left out of the graph: the encoding of the columns"
        + ("" if loaded.target.labels else ", and the target's own units"),
        f"the graph is {output}; how to use it tells {beside}",
    )
    reporter.result({"graph": str(output), "beside": str(beside), **description})


def _expect_own(path: Path) -> None:
    """Refuse to replace a file that export has not written."""
    if not path.exists():
        return
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        content = None
    if not (isinstance(content, dict) and set(KEYS) <= set(content)):
        raise InputError(
            f"{path}: expected what an earlier export has written, or no such file, "
            "for it would be replaced; choose another name"
        )


def _graph(model: TableModel) -> tuple[Module, str | None, str]:
    """The network, the function of its outputs, and the name of the graph's output."""
    from plaingrad.estimators.prediction import averaged
    from plaingrad.tables.model.model import outputs_of

    name = "probabilities" if model.target.labels else "prediction"
    return *averaged(model.members, model.link, outputs_of(model.link, len(model.classes))), name


def _description(model: TableModel, name: str, encoder: Any) -> dict[str, Any]:
    """The meaning of the graph's input and output, as plain data."""
    target = model.target
    output: dict[str, Any] = {"name": name, "dtype": "float32"}
    if len(model.classes) == 2:
        second = target.class_names[model.classes[1]]
        output |= {"shape": ["batch", 1], "is": f"the probability of {second!r}, shape (batch, 1)"}
    elif target.task == "ordinal":
        count = len(model.classes) - 1
        meaning = "the probability that the target lies above each class but the last, in their order"
        output |= {"shape": ["batch", count], "is": f"{meaning}, shape (batch, {count})"}
    elif target.labels:
        output |= {
            "shape": ["batch", len(model.classes)],
            "is": f"the probability of each class, shape (batch, {len(model.classes)})",
        }
    else:
        meaning = "the target, shape (batch, 1)"
        if (target.mean, target.deviation) != (0.0, 1.0):
            meaning = (
                f"the scaled target, shape (batch, 1): times {target.deviation:.9g}, plus {target.mean:.9g}"
            )
        if target.log_scale is not None:
            meaning += f", and {target.log_scale:.9g} times the hyperbolic sine of that"
            output["log_scale"] = target.log_scale
        output |= {"shape": ["batch", 1], "is": meaning, "mean": target.mean, "deviation": target.deviation}
    if target.labels:
        output["classes"] = [target.labels[index] for index in model.classes]
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
