"""The layers that the kernels know, each by its exact type."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from plaingrad import nn
from plaingrad.module import Module
from plaingrad.native.activations import cpp_activation
from plaingrad.native.lower.rules import LEAST_EPS
from plaingrad.native.lower.source import ELEMENTS, Source, refuse, sizes
from plaingrad.native.lower.sparsity import LEAST_COLUMNS, gives_zeros

Shape = tuple[int, ...]


def lower_layers(module: Module, shape: Shape, source: Source) -> tuple[list[str], Shape]:
    """The C++ types of a network's layers, in order, and the shape of what they give for one sample.

    Args:
        module: the network.
        shape: of one input sample.
        source: what has been found so far; added to.

    Raises:
        NotLoweredError: there is a module among them that the kernels do not know.
    """
    types: list[str] = []
    modules = flat(module)
    while modules:
        before = [*modules]
        first = modules.pop(0)
        known = LAYERS.get(type(first))
        if source.indices and type(first) is not nn.Embedding:
            raise refuse(first, "inputs of integers are not among what it knows")
        if source.begun and type(first) in (nn.ColumnEmbedding, nn.Embedding):
            raise refuse(first, "inputs other than the data are not among what it knows")
        source.begun = True
        if known is not None:
            lowered, shape = known(first, shape, modules, source)
        elif cpp_activation(first) is not None:
            source.headers.add("layers/elementwise.hpp")
            lowered = [f"Elementwise<Setting, {math.prod(shape)}, {activation(first, source)}>"]
        else:
            raise refuse(first)
        types += lowered
        for each in before[: len(before) - len(modules)]:
            source.sparse = gives_zeros(each, source.sparse)
    return types, shape


def flat(module: Module) -> list[Module]:
    """The modules that run one after another, out of their containers; what does nothing is left out."""
    if type(module) is nn.Sequential:
        return [each for child in module for each in flat(child)]
    return [] if type(module) is nn.Identity else [module]


def activation(module: Module, source: Source) -> str:
    """The C++ type of an activation."""
    cpp = cpp_activation(module)
    assert cpp is not None
    arguments = [source.numbers(cpp.constants)] if cpp.constants else []
    return source.instance(cpp.name, *arguments)


def features(module: Module, shape: Shape) -> int:
    """The number of features of a sample that is a plain vector."""
    if len(shape) != 1:
        raise refuse(module, f"inputs of shape {('batch', *shape)} are not among what it knows")
    return shape[0]


Lowered = tuple[list[str], Shape]
Lower = Callable[[Any, Shape, list[Module], Source], Lowered]


def linear(module: nn.Linear, shape: Shape, rest: list[Module], source: Source) -> Lowered:
    """A linear layer takes the activation after it along."""
    inputs = features(module, shape)
    slope = "Identity"
    if rest and cpp_activation(rest[0]) is not None:
        slope = activation(rest.pop(0), source)
    outputs = module.out_features
    groups = {"weight_group": source.hold(module.weight), "bias_group": source.hold(module.bias)}
    sparse = source.sparse and source.training and inputs >= LEAST_COLUMNS
    zeros = {"sparse_inputs": "true"} if sparse else {}
    source.headers.add("layers/linear.hpp")
    named = sizes("LinearSizes", inputs=inputs, outputs=outputs, **groups, **zeros)
    return [source.instance("Linear", "Setting", named, slope)], (outputs,)


def flatten(module: nn.Flatten, shape: Shape, rest: list[Module], source: Source) -> Lowered:
    """Rows are stored flat already."""
    if module.start_dim != 1 or module.end_dim not in (-1, len(shape)):
        raise refuse(module, "only all axes of a sample can be joined")
    return [], (math.prod(shape),)


def dropout(module: nn.Dropout, shape: Shape, rest: list[Module], source: Source) -> Lowered:
    """Each module that draws has a number. One with p = 0 never does, and none in evaluation."""
    if module.p == 0 or not source.training:
        return [], shape
    if module in source.dropouts:
        raise refuse(module, "to be used twice is not among what it knows")
    source.headers.add("layers/dropout.hpp")
    keep = 1 - module.p
    constants = source.numbers({"limit": round(keep * 2**32), "scale": 1 / keep if keep else 0.0})
    number = len(source.dropouts)
    source.dropouts.append(module)
    named = sizes("DropoutSizes", features=math.prod(shape), number=number)
    return [source.instance("Dropout", "Setting", named, constants)], shape


def batch_norm(module: nn.BatchNorm1d, shape: Shape, rest: list[Module], source: Source) -> Lowered:
    """Normalisation of single columns, with what it learns and tracks."""
    columns = features(module, shape)
    expect_eps(module)
    constants = {"eps": module.eps, "momentum": module.momentum or 0.0, "cumulative": module.momentum is None}
    groups = {"weight_group": source.hold(module.weight), "bias_group": source.hold(module.bias)}
    if module.running_mean is None:
        if not source.training:
            raise refuse(module, "evaluation by the statistics of all samples is not among what it knows")
        source.evaluates = False
    tracked = source.track(module.running_mean, module.running_var, module.num_batches_tracked)
    source.headers.add("layers/batchnorm.hpp")
    named = sizes("BatchNormSizes", features=columns, **groups, statistics_group=tracked)
    return [source.instance("BatchNorm", "Setting", named, source.numbers(constants))], shape


def layer_norm(module: nn.LayerNorm, shape: Shape, rest: list[Module], source: Source) -> Lowered:
    """Normalisation of whole samples."""
    expect_eps(module)
    if module.normalized_shape != shape:
        raise refuse(module, f"samples of shape {shape} are not among what it knows")
    groups = {"weight_group": source.hold(module.weight), "bias_group": source.hold(module.bias)}
    source.headers.add("layers/layernorm.hpp")
    named = sizes("LayerNormSizes", features=math.prod(shape), **groups)
    return [source.instance("LayerNorm", "Setting", named, source.numbers({"eps": module.eps}))], shape


def expect_eps(module: nn.BatchNorm1d | nn.LayerNorm) -> None:
    """Refuse a normalisation that could divide by 0 where there is no sample."""
    if not module.eps > LEAST_EPS:
        raise refuse(module, f"an eps of {module.eps:g} is not among what it knows")


def softmax(module: nn.Softmax | nn.LogSoftmax, shape: Shape, rest: list[Module], source: Source) -> Lowered:
    """Along the features."""
    columns = features(module, shape)
    if module.dim not in (None, 1, -1):
        raise refuse(module, f"dim={module.dim} is not among what it knows")
    source.headers.add("layers/softmax.hpp")
    return [source.instance(type(module).__name__, "Setting", columns)], shape


def residual(module: nn.Residual, shape: Shape, rest: list[Module], source: Source) -> Lowered:
    """A chain of its own inside."""
    types, inside = lower_layers(nn.Sequential(*module), shape, source)
    if inside != shape:
        raise refuse(module, f"modules that make {inside} of {shape} are not among what it knows")
    if not types:
        source.headers.add("layers/elementwise.hpp")
        types = [f"Elementwise<Setting, {math.prod(shape)}, Identity>"]
    return [source.instance("Residual", source.instance("Chain", *types))], shape


def embedding(module: nn.Embedding, shape: Shape, rest: list[Module], source: Source) -> Lowered:
    """One table for all columns, of integers."""
    columns, size = math.prod(shape), module.embedding_dim
    element, source.indices = source.indices, ""
    table = look_up(module, 0, columns, 0, source)
    named = sizes("EmbeddingSizes", inputs=columns, outputs=columns * size)
    return [source.instance("Embedding", "Setting", element, named, "PassThrough<>", table)], (*shape, size)


def column_embedding(module: nn.ColumnEmbedding, shape: Shape, rest: list[Module], source: Source) -> Lowered:
    """A table for each column of codes, which are numbers as the rest."""
    width, tables = len(module.passed), []
    for column, table in module.columns.items():
        tables.append(look_up(table, column, 1, width, source))
        width += table.embedding_dim
    element = ELEMENTS[table.weight.value.dtype]
    passed = f"PassThrough<{', '.join(map(str, module.passed))}>"
    named = sizes("EmbeddingSizes", inputs=features(module, shape), outputs=width)
    return [source.instance("Embedding", "Setting", element, named, passed, *tables)], (width,)


def look_up(table: nn.Embedding, first_input: int, inputs: int, first_output: int, source: Source) -> str:
    """A table, looked up for so many columns of the data; its vectors fill the output from a column on."""
    for name in ("max_norm", "scale_grad_by_freq"):
        if getattr(table, name):
            raise refuse(table, f"{name} is not among what it knows")
    source.headers.add("layers/embedding.hpp")
    named = sizes(
        "LookUpSizes",
        first_input=first_input,
        inputs=inputs,
        first_output=first_output,
        rows=table.num_embeddings,
        length=table.embedding_dim,
        padding=-1 if table.padding_idx is None else table.padding_idx,
        group=source.hold(table.weight),
    )
    return source.instance("LookUp", "Setting", named)


LAYERS: dict[type[Module], Lower] = {
    nn.BatchNorm1d: batch_norm,
    nn.ColumnEmbedding: column_embedding,
    nn.Dropout: dropout,
    nn.Embedding: embedding,
    nn.Flatten: flatten,
    nn.LayerNorm: layer_norm,
    nn.Linear: linear,
    nn.LogSoftmax: softmax,
    nn.Residual: residual,
    nn.Softmax: softmax,
}
