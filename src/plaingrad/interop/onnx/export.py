"""The export of a network to an ONNX file."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from plaingrad._version import __version__
from plaingrad.errors import InputError
from plaingrad.extras import needed_by
from plaingrad.files import replacing
from plaingrad.interop.onnx import (  # noqa: F401  all register their modules
    activations,
    arithmetic,
    attention,
    containers,
    distance,
    layers,
    padding,
    pooling,
    recurrent,
    resampling,
    shape,
)
from plaingrad.interop.onnx.graph import Graph
from plaingrad.interop.onnx.inputs import Shapes, inputs_of
from plaingrad.interop.onnx.registry import Value, emit, expect_operators
from plaingrad.module import Module
from plaingrad.saving.holder import Holder

OPSET = 19  # the first in which Pad wraps around
IR_VERSION = 9
LARGEST = 2**31 - 1  # bytes that the format holds
DTYPES: dict[torch.dtype, np.dtype[Any]] = {
    torch.float32: np.dtype(np.float32),
    torch.float64: np.dtype(np.float64),
}

# Functions of the scores, in which classes lie along axis 1, as losses have it.
FUNCTIONS: dict[str, Callable[[Graph, str], str]] = {
    "softmax": lambda graph, y: graph.op("Softmax", y, axis=1),
    "sigmoid": lambda graph, y: graph.op("Sigmoid", y),
    "exp": lambda graph, y: graph.op("Exp", y),
}


def export_onnx(
    module: Module | Holder,
    path: str | os.PathLike[str],
    sample_shape: Shapes | None = None,
    *,
    output: str | None = None,
    dtype: torch.dtype | None = None,
    input_name: str | Sequence[str] = "input",
    output_name: str | Sequence[str] = "output",
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Write a network, as it computes in evaluation, to an ONNX file; it is either whole or not there.

    Inputs and outputs have a batch of any size as their first axis, and other axes of constant size; the
    network's parameters keep their names. Several inputs, those of a `plaingrad.nn.Graph`, keep theirs, and
    several outputs are numbered, ``output_0`` and so on, unless names are passed. ONNX holds a few constants,
    eps among them, in single precision.

    Args:
        module: of the classes of `plaingrad.nn`, without losses; or a trained estimator of them, whose
            graph gives what it predicts with (probabilities, or numbers) of its columns, and whose metadata
            describe these and the classes.
        path: the file, by custom ``*.onnx``; its folder must exist.
        sample_shape: the shape of one sample, without the batch; None if the first layer determines it, as
            `plaingrad.nn.Linear` does. For several inputs a mapping from the name of each to its shape.
        output: the function of the scores: ``"softmax"`` over axis 1 or ``"sigmoid"`` for probabilities,
            ``"exp"`` for a rate; None for the scores themselves.
        dtype: float32 or float64, of all numbers in the graph; the network's own if None. Indices are int64,
            masks truth values; what an input is follows from the first module that takes it.
        input_name: the input's name, or that of each.
        output_name: the output's name, or that of each.
        metadata: notes by name for the file's metadata; what is no text becomes JSON.

    Raises:
        ModuleError: ONNX has no operators for a module, or the samples do not fit it; its path is named.
        ValueError: the shape of a sample is not known, another argument is none of these, or the network is
            larger than an ONNX file can be.
        ImportError: onnx is not installed.

    Source: the operators of https://onnx.ai/onnx/operators.
    """
    with needed_by("export_onnx"):
        import onnx
    if output is not None and output not in FUNCTIONS:
        raise InputError(f"export_onnx: expected output None, 'softmax', 'sigmoid' or 'exp', got {output!r}")
    if isinstance(module, Holder):
        if output is not None or sample_shape is not None:
            raise InputError(
                "export_onnx: expected no output and no sample_shape for an estimator, which has its own"
            )
        content = module._graph()
        module, output, sample_shape = content.network, content.output, content.sample_shape
        metadata = {**content.metadata, **(metadata or {})}
    if not isinstance(module, Module):
        kind = f"{type(module).__module__}.{type(module).__name__}"
        raise InputError(f"export_onnx: expected a module of plaingrad.nn, got {kind}")
    expect_operators(module)
    dtype = _dtype(module, dtype)
    network = copy.deepcopy(module).to("cpu", dtype).eval()
    size = sum(value.numel() * value.element_size() for value in network.state_dict().values())
    if size > LARGEST:
        raise InputError(f"export_onnx: expected at most {LARGEST:,} bytes of parameters, got {size:,}")
    inputs = inputs_of(network, input_name, sample_shape, dtype)

    graph = Graph(network, DTYPES[dtype])
    ys = _outputs(emit(graph, network, *inputs))
    output_names = _names(output_name, len(ys))
    if output is not None:
        if len(ys) != 1:
            raise InputError(f"export_onnx: expected one output for {output!r}, got {len(ys)}")
        ys = [_scores(graph, ys[0], output)]
    taken = ["", *graph.numbers, *[each for node in graph.nodes for each in node.output]]
    named = [*(x.name for x in inputs), *output_names]
    if set(named) & set(taken) or len(set(named)) < len(named):
        names = " and ".join(map(repr, named))
        raise InputError(f"export_onnx: expected names that no other value has, got {names}")
    for y, name in zip(ys, output_names):
        (graph.rename if len(ys) == 1 else graph.output)(y.name, name)

    helper = onnx.helper
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            type(module).__name__,
            [_value_info(helper, x.name, x) for x in inputs],
            [_value_info(helper, name, y) for name, y in zip(output_names, ys)],
            [onnx.numpy_helper.from_array(value, name) for name, value in graph.numbers.items()],
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="plaingrad",
        producer_version=__version__,
    )
    notes = {
        name: each if isinstance(each, str) else json.dumps(each) for name, each in (metadata or {}).items()
    }
    helper.set_model_props(model, notes)
    onnx.checker.check_model(model, full_check=True)
    with replacing(path) as temporary:
        temporary.write_bytes(model.SerializeToString())


def _dtype(module: Module, dtype: torch.dtype | None) -> torch.dtype:
    own = (value.dtype for value in module.state_dict().values() if value.is_floating_point())
    dtype = next(own, torch.float32) if dtype is None else dtype
    if dtype not in DTYPES:
        raise InputError(f"export_onnx: expected dtype torch.float32 or torch.float64, got {dtype}")
    return dtype


def _scores(graph: Graph, y: Value, output: str) -> Value:
    """The function of the scores."""
    if output == "softmax" and y.two.ndim < 2:
        raise InputError("export_onnx: expected scores (batch, classes, *rest) for a softmax, got (batch,)")
    return Value(FUNCTIONS[output](graph, y.name), y.two, y.three)


def _outputs(nest: Any) -> list[Value]:
    """The outputs, one after another."""
    if isinstance(nest, tuple):
        return [y for each in nest for y in _outputs(each)]
    if nest is None:
        return []
    if not isinstance(nest, Value) or not isinstance(nest.two, Tensor):
        raise InputError("export_onnx: expected a network whose outputs are tensors")
    return [nest]


def _names(output_name: str | Sequence[str], count: int) -> list[str]:
    """The name of each output."""
    if isinstance(output_name, str):
        return [output_name] if count == 1 else [f"{output_name}_{i}" for i in range(count)]
    if len(output_name) != count:
        raise InputError(f"export_onnx: expected names of {count} outputs, got {tuple(output_name)}")
    return list(output_name)


def _axes(y: Value) -> list[int | str | None]:
    """The sizes of a value's axes, compared over two sizes of batch; None where they are not constant."""
    axes: list[int | str | None] = []
    for a, b in zip(y.two.shape, y.three.shape):
        axes.append(a if a == b else "batch" if (a, b) == (2, 3) else None)
    return axes


def _value_info(helper: Any, name: str, value: Value) -> Any:
    kind = helper.np_dtype_to_tensor_dtype(value.two.numpy().dtype)
    return helper.make_tensor_value_info(name, kind, _axes(value))
