"""The export of a network to an ONNX file."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from plaingrad import nn
from plaingrad._version import __version__
from plaingrad.errors import InputError
from plaingrad.extras import needed_by
from plaingrad.files import replacing
from plaingrad.interop.onnx import activations, layers
from plaingrad.interop.onnx.graph import Graph
from plaingrad.module import Module, ModuleError
from plaingrad.nn.container.base import Container
from plaingrad.saving.holder import Holder

OPSET = 19  # the first in which Pad wraps around
IR_VERSION = 9
LARGEST = 2**31 - 1  # bytes that the format holds
DTYPES: dict[torch.dtype, np.dtype[Any]] = {
    torch.float32: np.dtype(np.float32),
    torch.float64: np.dtype(np.float64),
}
CONTAINERS = (nn.Sequential, nn.Residual, nn.Parallel)
OPERATORS = {**layers.OPERATORS, **activations.OPERATORS}

# Functions of the scores, in which classes lie along axis 1, as losses have it.
OUTPUTS: dict[str | None, Callable[[Graph, str], str]] = {
    None: lambda graph, y: y,
    "softmax": lambda graph, y: graph.op("Softmax", y, axis=1),
    "sigmoid": lambda graph, y: graph.op("Sigmoid", y),
    "exp": lambda graph, y: graph.op("Exp", y),
}


def export_onnx(
    module: Module | Holder,
    path: str | os.PathLike[str],
    sample_shape: Sequence[int] | None = None,
    *,
    output: str | None = None,
    dtype: torch.dtype | None = None,
    input_name: str = "input",
    output_name: str = "output",
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Write a network, as it computes in evaluation, to an ONNX file; it is either whole or not there.

    The graph has one input and one output, each with a batch of any size as its first axis; the network's
    parameters keep their names. ONNX holds a few constants, eps among them, in single precision.

    Args:
        module: of the classes of `plaingrad.nn`, without losses; or a trained estimator of them, whose
            graph gives what it predicts with (probabilities, or numbers) of its columns, and whose metadata
            describe these and the classes.
        path: the file, by custom ``*.onnx``; its folder must exist.
        sample_shape: the shape of one sample, without the batch; None if the first layer determines it, as
            `plaingrad.nn.Linear` does.
        output: the function of the scores: ``"softmax"`` over axis 1 or ``"sigmoid"`` for probabilities,
            ``"exp"`` for a rate; None for the scores themselves.
        dtype: float32 or float64, of all numbers in the graph; the network's own if None. Indices are int64.
        input_name: the input's name.
        output_name: the output's name.
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
    if output not in OUTPUTS:
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
    _expect_operators(module)
    dtype = _dtype(module, dtype)
    network = copy.deepcopy(module).to("cpu", dtype).eval()
    size = sum(value.numel() * value.element_size() for value in network.state_dict().values())
    if size > LARGEST:
        raise InputError(f"export_onnx: expected at most {LARGEST:,} bytes of parameters, got {size:,}")
    sample = _sample_shape(network) if sample_shape is None else tuple(sample_shape)
    if any(size < 1 for size in sample):
        raise InputError(f"export_onnx: expected a sample_shape of sizes from 1, got {sample}")
    first = _first(network, [*layers.WITHOUT_EFFECT, nn.Flatten])
    takes_indices = isinstance(first, (nn.Embedding, nn.EmbeddingBag))
    two, three = (
        torch.zeros(batch, *sample, dtype=torch.int64 if takes_indices else dtype) for batch in (2, 3)
    )

    graph = Graph(network, DTYPES[dtype])
    y = _emit(graph, network, Value(input_name, two))
    axes = _axes(y.example, network.forward(three))
    if output == "softmax" and y.example.ndim < 2:
        raise InputError("export_onnx: expected scores (batch, classes, *rest) for a softmax, got (batch,)")
    name = OUTPUTS[output](graph, y.name)
    other_names = ["", *graph.numbers, *[each for node in graph.nodes for each in node.output]]
    if input_name in other_names or output_name in [*other_names, input_name]:
        names = f"{input_name!r} and {output_name!r}"
        raise InputError(f"export_onnx: expected names that no other value has, got {names}")
    graph.rename(name, output_name)

    helper = onnx.helper
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            type(module).__name__,
            [_value_info(helper, input_name, two, ["batch", *sample])],
            [_value_info(helper, output_name, y.example, axes)],
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


@dataclass(frozen=True)
class Value:
    """A value in the graph.

    Attributes:
        name: its name.
        example: its numbers for a batch of two samples of zeros; only their shape and dtype matter.
    """

    name: str
    example: Tensor


def _expect_operators(module: Module) -> None:
    """Refuse a network with a module that has no operators."""
    if isinstance(module, Container) and type(module) in CONTAINERS:
        for key, child in module.named_children():
            _at(module, key, _expect_operators, child)
    elif type(module) not in OPERATORS:
        raise ModuleError(module, "expected a module for which ONNX has operators")


def _at(parent: Module, key: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function for the child of this name; if it refuses something, the name is added."""
    try:
        return function(*arguments)
    except ModuleError as error:
        error.inside(parent, key)
        raise


def _emit(graph: Graph, module: Module, x: Value) -> Value:
    """Add the operators of a module, and those of the modules in it."""
    kind, y = type(module), x
    if isinstance(module, nn.Sequential):
        for key, child in module.named_children():
            y = _at(module, key, _emit, graph, child, y)
        if kind is nn.Sequential:
            return y
        name = graph.op("Add", x.name, y.name)
    elif isinstance(module, nn.Parallel):
        parts = [_at(module, key, _emit, graph, child, x).name for key, child in module.named_children()]
        is_sum = module.combine == "sum"
        name = graph.op("Sum", *parts) if is_sum else graph.op("Concat", *parts, axis=module.dim)
    else:
        name = OPERATORS[kind](graph, module, x.name, x.example)
    return Value(name, module.forward(x.example))


def _dtype(module: Module, dtype: torch.dtype | None) -> torch.dtype:
    own = (value.dtype for value in module.state_dict().values() if value.is_floating_point())
    dtype = next(own, torch.float32) if dtype is None else dtype
    if dtype not in DTYPES:
        raise InputError(f"export_onnx: expected dtype torch.float32 or torch.float64, got {dtype}")
    return dtype


def _first(module: Module, skipped: Collection[type[Module]]) -> Module:
    """The first module that is no container and none of those."""
    if isinstance(module, Container):
        return next((_first(each, skipped) for each in module if type(each) not in skipped), module)
    return module


def _sample_shape(module: Module) -> tuple[int, ...]:
    first = _first(module, layers.WITHOUT_EFFECT)
    if isinstance(first, nn.Linear):
        return (first.in_features,)
    if isinstance(first, nn.BatchNorm1d):
        return (first.num_features,)
    if isinstance(first, nn.LayerNorm):
        return first.normalized_shape
    raise InputError(
        f"export_onnx: expected sample_shape, since {first.signature()} takes samples of several shapes"
    )


def _axes(two: Tensor, three: Tensor) -> list[int | str | None]:
    """The sizes of an output's axes, compared over two sizes of batch; None where they are not constant."""
    axes: list[int | str | None] = []
    for a, b in zip(two.shape, three.shape):
        axes.append(a if a == b else "batch" if (a, b) == (2, 3) else None)
    return axes


def _value_info(helper: Any, name: str, example: Tensor, axes: Sequence[int | str | None]) -> Any:
    kind = helper.np_dtype_to_tensor_dtype(example.numpy().dtype)
    return helper.make_tensor_value_info(name, kind, axes)
