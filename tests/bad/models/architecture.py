"""Architectures that are none, or that no network should have."""

from __future__ import annotations

from typing import Any

from bad.models.writer import HUGE, Table, architecture, deep, layer, linear, sequential


def chain(levels: int, inside: dict[str, Any]) -> dict[str, Any]:
    """A module in so many containers."""
    for _ in range(levels):
        inside = sequential(inside)
    return inside


def doubling(times: int) -> dict[str, Any]:
    """Containers of two, in which the second child is the first one again."""
    inside = layer("ReLU")
    for level in range(times):
        path = ".".join(["0"] * (times - level))
        inside = sequential(inside, {"shared": path})
    return inside


BAD: Table = {
    "an architecture that is null": (lambda: architecture(None), "class and arguments, got a NoneType"),
    "an unknown layer": (
        lambda: architecture(layer("Perceiver")),
        "a class of plaingrad.nn, got 'Perceiver'",
    ),
    "a function as layer": (lambda: architecture(layer("os.system", command="true")), "got 'os.system'"),
    "the base of losses": (lambda: architecture(layer("Loss")), "a class of plaingrad.nn, got 'Loss'"),
    "a layer without class": (lambda: architecture({"arguments": {}}), "a class of plaingrad.nn, got None"),
    "a class that is a list": (lambda: architecture({"class": ["ReLU"]}), "got ['ReLU']"),
    "an unknown layer deep inside": (
        lambda: architecture(
            sequential(layer("ReLU"), {"class": "Residual", "children": [{"name": "x", "class": "?"}]})
        ),
        "Sequential[1].Residual[x] architecture: expected a class of plaingrad.nn, got '?'",
    ),
    "parameters that are one with none": (
        lambda: architecture({**linear(), "tied": {"weight": "other"}}),
        "expected tied to be names of parameters",
    ),
    "parameters that are one with another shape": (
        lambda: architecture({**linear(), "tied": {"bias": "weight"}}),
        "expected 'bias' to be as 'weight', got another shape or dtype",
    ),
    "a graph of unknown operations": (
        lambda: architecture(
            layer(
                "Graph",
                inputs=["x"],
                outputs="y",
                nodes=[{"name": "y", "operation": "z", "arguments": ["x"], "options": {}}],
                values={},
            )
        ),
        "expected the operation of a child or value, got 'z'",
    ),
    "a graph without nodes": (
        lambda: architecture(layer("Graph", inputs=["x"], outputs="x")),
        "expected the nodes of a graph",
    ),
    "an unknown argument": (
        lambda: architecture(linear(device="cuda")),
        "Linear: expected arguments from in_features, out_features, bias, dtype; got 'device'",
    ),
    "an argument for a layer that has none": (
        lambda: architecture(layer("ReLU", inplace=True)),
        "ReLU: expected arguments from none at all; got 'inplace'",
    ),
    "a missing argument": (
        lambda: architecture(layer("Linear", in_features=3)),
        "Linear: expected an argument out_features, got none",
    ),
    "arguments that are a list": (
        lambda: architecture({"class": "Linear", "arguments": [3, 2]}),
        "Linear: expected arguments by name, got [3, 2]",
    ),
    "a size that is a string": (
        lambda: architecture(linear(in_features="3")),
        "expected in_features to be an integer up to 2,147,483,647, got '3'",
    ),
    "a size that is a fraction": (lambda: architecture(linear(in_features=3.0)), "got 3.0"),
    "a size that is true": (lambda: architecture(linear(in_features=True)), "got True"),
    "a size below zero": (
        lambda: architecture(sequential(linear(in_features=-3))),
        "Sequential[0] Linear: expected sizes that tensors can have, got {'in_features': -3,",
    ),
    "a weight of a size below zero": (
        lambda: architecture(layer("BCELoss", weight={"shape": [-1], "dtype": "float32"})),
        "BCELoss: expected sizes that tensors can have, got {'weight': {'shape': [-1],",
    ),
    "a convolution of -1 channels": (
        lambda: architecture(layer("Conv2d", in_channels=-1, out_channels=2, kernel_size=[2, 2])),
        "Conv2d: expected sizes that tensors can have, got {'in_channels': -1,",
    ),
    "a size of 2^70": (lambda: architecture(linear(in_features=2**70)), "got 1180591620717411303424"),
    "a layer of 2^62 numbers": (
        lambda: architecture(linear(in_features=HUGE, out_features=HUGE)),
        "Linear: expected sizes that tensors can have, got {'in_features': 2147483647,",
    ),
    "a layer of 10^12 numbers": (
        lambda: architecture(linear(in_features=10**6, out_features=10**6)),
        "Linear: expected at most 1,000,000,000 parameters up to here, got more",
    ),
    "many layers of 10^8 numbers": (
        lambda: architecture(sequential(*[linear(in_features=10**4, out_features=10**4)] * 11)),
        "Sequential[9] Linear: expected at most 1,000,000,000 parameters up to here, got more",
    ),
    "a kernel of 2^40 pixels": (
        lambda: architecture(layer("MaxPool2d", kernel_size=[2**20, 2**20])),
        "expected kernel_size to be a list of 1 to 6 integers up to 4,096, got [1048576, 1048576]",
    ),
    "a norm over 2^217 numbers": (
        lambda: architecture(layer("LayerNorm", normalized_shape=[HUGE] * 7)),
        "LayerNorm: expected sizes that tensors can have, got {'normalized_shape': [2147483647,",
    ),
    "a norm over 100 axes": (
        lambda: architecture(layer("LayerNorm", normalized_shape=[1] * 100)),
        "expected normalized_shape to be a list of 1 to 8 integers",
    ),
    "an unknown dtype": (
        lambda: architecture(linear(dtype="complex64")),
        "expected dtype to be one of float16,",
    ),
    "a probability of 2": (
        lambda: architecture(layer("Dropout", p=2)),
        "Dropout: expected p between 0 and 1",
    ),
    "a mode that there is not": (
        lambda: architecture(layer("GELU", approximate="x" * 10**6)),
        "GELU: expected approximate to be a short string, got 'x",
    ),
    "a frozen parameter that there is not": (
        lambda: architecture({**sequential(linear()), "frozen": ["0.weight", "1.weight"]}),
        "expected frozen to be names of parameters, got ['0.weight', '1.weight']",
    ),
    "a frozen buffer": (
        lambda: architecture({**layer("BatchNorm1d", num_features=2), "frozen": ["running_mean"]}),
        "expected frozen to be names of parameters, got ['running_mean']",
    ),
    "frozen parameters by name": (
        lambda: architecture({**linear(), "frozen": {"weight": True}}),
        "expected frozen to be names of parameters, got {'weight': True}",
    ),
    "a frozen list": (
        lambda: architecture({**linear(), "frozen": [["weight"]]}),
        "expected frozen to be names of parameters, got [['weight']]",
    ),
    "frozen parameters of a child": (
        lambda: architecture(sequential({**linear(), "frozen": ["weight"]})),
        "Sequential[0] Linear: expected class, arguments; got 'frozen'",
    ),
    "a table frozen by a number": (
        lambda: architecture(layer("Embedding", num_embeddings=2, embedding_dim=2, _freeze=1)),
        "Embedding: expected arguments from num_embeddings, embedding_dim,",
    ),
    "children of a layer": (
        lambda: architecture({**linear(), "children": []}),
        "Linear: expected class, arguments; got 'children'",
    ),
    "children by name": (
        lambda: architecture({"class": "Sequential", "children": {"0": linear()}}),
        "Sequential: expected a list of children, got something else",
    ),
    "two children of one name": (
        lambda: architecture({"class": "Sequential", "children": [{"name": "a", **linear()}] * 2}),
        "Sequential: expected a name of its own for each child, got 'a'",
    ),
    "a child without name": (
        lambda: architecture({"class": "Sequential", "children": [linear()]}),
        "expected a name of its own for each child, got None",
    ),
    "a child's name with a dot": (
        lambda: architecture({"class": "Sequential", "children": [{"name": "a.b", **linear()}]}),
        "Sequential: expected a name without dots, got 'a.b'",
    ),
    "a child's empty name": (
        lambda: architecture({"class": "Sequential", "children": [{"name": "", **linear()}]}),
        "Sequential: expected a name without dots, got ''",
    ),
    "no branches": (lambda: architecture(layer("Parallel", combine="sum")), "expected at least one branch"),
    "a module shared with one that comes later": (
        lambda: architecture(sequential({"shared": "1"}, linear())),
        "Sequential[0] shared: expected the path of a module before it, got '1'",
    ),
    "a module inside itself": (
        lambda: architecture(sequential({"shared": ""})),
        "Sequential[0] shared: expected the path of a module before it, got ''",
    ),
    "65 levels": (lambda: deep(65), "architecture: expected at most 64 levels, got more"),
    "100,000 levels": (lambda: deep(100_000), "too many levels"),
    "20,000 modules": (
        lambda: architecture(sequential(*[layer("ReLU")] * 20_000)),
        "architecture: expected at most 10,000 modules, got more",
    ),
    "a module that doubles 60 times": (
        lambda: architecture(doubling(60)),
        "architecture: expected at most 10,000 modules, got more",
    ),
    "levels that add up by sharing": (
        lambda: architecture(sequential(chain(60, layer("ReLU")), chain(60, {"shared": "0"}))),
        "architecture: expected at most 64 levels, got more",
    ),
    "a child's name of two lines": (
        lambda: architecture({"class": "Sequential", "children": [{"name": "a\nb", **linear()}]}),
        "expected names of at most 100 printable characters, got 'a\\nb'",
    ),
    "a child's name of a megabyte": (
        lambda: architecture({"class": "Sequential", "children": [{"name": "a" * 10**6, **linear()}]}),
        "expected names of at most 100 printable characters, got 'aaaa",
    ),
}
