from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from onnx.reference import ReferenceEvaluator

from conformance.case import Case
from conformance.table import CASES
from interop.rows import examples, row
from interop.test_tracing import FUNCTIONS, NETWORKS, Of
from plaingrad import nn
from plaingrad.interop import export_onnx, from_torch
from plaingrad.interop.onnx.registry import COMPOSITES, OPERATORS
from plaingrad.module import Module
from plaingrad.nn.attention.block import Block
from plaingrad.nn.convolution.conv import Convolution
from plaingrad.nn.convolution.transposed import TransposedConvolution
from plaingrad.nn.loss.reduction import Reduction
from plaingrad.nn.normalization.instance import InstanceNorm
from plaingrad.nn.pooling.average import Average, LPPool
from plaingrad.nn.pooling.maximum import Maximum
from plaingrad.nn.recurrent.base import Recurrent
from plaingrad.nn.recurrent.cell import Cell
from plaingrad.parameter import Buffer

CONTAINERS = {"Sequential", "Residual", "Parallel", "Words"}
WINDOWS = (Average, LPPool, Maximum)
NOT_WRITTEN = {
    getattr(nn, name)
    for name in nn.__all__
    if re.fullmatch(
        r"(MaxUnpool|Fractional|Lazy).*|Fold|Unfold|AdaptiveLogSoftmaxWithLoss|(Weight|Spectral)Norm", name
    )
}
WRITTEN = [case for case in CASES if not issubclass(case.ours, (Reduction, *NOT_WRITTEN))]
SEVERAL = [case for case in WRITTEN if case.ours.__name__ not in CONTAINERS]

ONE_IS_FREE = [case for case in WRITTEN if case.ours not in (nn.Squeeze, nn.Bilinear)]

# onnxruntime has no double precision for these.
SINGLE = {"Erf", "Conv", "ConvTranspose", "AveragePool", "GlobalAveragePool", "GRU", "RNN", "LSTM"}


def run_all(path: Path, inputs: Mapping[str, np.ndarray], dtype: torch.dtype) -> list[np.ndarray]:
    """What the graph gives, by onnxruntime, or by onnx' own reference for what that does not have."""
    graph = onnx.load(path).graph
    if dtype != torch.float32 and any(node.op_type in SINGLE for node in graph.node):
        return ReferenceEvaluator(str(path)).run(None, dict(inputs))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return session.run(None, dict(inputs))


def run(path: Path, x: np.ndarray) -> np.ndarray:
    """What the graph of one input and one output gives."""
    name = onnx.load(path).graph.input[0].name
    dtype = torch.float64 if x.dtype == np.float64 else torch.float32
    return run_all(path, {name: x}, dtype)[0]


def flat(nest: Any) -> list[torch.Tensor]:
    if isinstance(nest, tuple):
        return [each for entry in nest for each in flat(entry)]
    return [] if nest is None else [nest]


def drawn(case: Case, data: st.DataObject, dtype: torch.dtype) -> tuple[Module, list[torch.Tensor]]:
    """A module and inputs that the operators take."""
    module, inputs = row(case, data)
    x = inputs[0]
    assume(x.ndim > 0 and not getattr(module, "return_indices", False))
    if isinstance(module, (Convolution, TransposedConvolution, *WINDOWS)):
        assume(x.ndim == len(module.axes) + 2)
    if isinstance(module, TransposedConvolution):  # onnxruntime takes no more, and onnx' reference less
        assume(all(more < stride for more, stride in zip(module.output_padding, module.stride)))
        assume(dtype == torch.float32)
    if isinstance(module, Recurrent):  # onnx' reference takes less
        assume(dtype == torch.float32 and not getattr(module, "proj_size", 0))
        assume(x.ndim == (2 if isinstance(module, Cell) else 3))
    module = module.to(dtype).eval()
    if isinstance(module, InstanceNorm):
        assume(x.ndim == module.ranks[1])
    assume(not isinstance(module, nn.EmbeddingBag) or len(inputs) == 1)
    kinds = [dtype if x.is_floating_point() else torch.int64 for x in inputs]
    return module, [x if x.dtype == torch.bool else x.to(kind) for x, kind in zip(inputs, kinds)]


def tolerance(module: Module, dtype: torch.dtype) -> dict[str, float]:
    """More for single precision behind several normalisations of a few numbers each."""
    is_deep = isinstance(module, (Block, nn.Transformer, nn.TransformerEncoder, nn.TransformerDecoder))
    most = 1e-3 if is_deep and dtype == torch.float32 else 1e-5
    return {"rtol": most, "atol": most}


def around(module: Module, inputs: list[torch.Tensor], free: int) -> nn.Graph:
    """The module in a network of so many inputs, the others being buffers of it."""
    names = [f"x{i}" for i in range(len(inputs))]
    fixed: Any = {name: (Buffer(x),) for name, x in list(zip(names, inputs))[free:]}
    return nn.Graph(names[:free], {**fixed, "y": (module, *names)}, "y").eval()


@pytest.mark.parametrize("case", ONE_IS_FREE, ids=repr)
@examples
@given(data=st.data(), dtype=st.sampled_from([torch.float32, torch.float64]))
def test_graphs_compute_what_networks_do(
    case: Case, data: st.DataObject, dtype: torch.dtype, tmp_path: Path
) -> None:
    module, (x, *others) = drawn(case, data, dtype)
    sample = x.shape[1:]
    assume(0 not in sample)
    assume(not isinstance(module, (nn.Split, nn.Chunk)) or module.dim % x.ndim)
    network = around(module, [x, *others], 1) if others else module
    try:
        for batch in (2, 3):
            network.forward(torch.zeros(batch, *sample, dtype=x.dtype))
    except ValueError:
        assume(False)  # for a batch of this size alone
    path = tmp_path / "model.onnx"
    export_onnx(network, path, sample, dtype=dtype)
    name = onnx.load(path).graph.input[0].name
    for batch in (x, torch.cat([x, x, x])):
        try:
            expected = network.forward(batch)
        except ValueError:
            continue
        for y, actual in zip(flat(expected), run_all(path, {name: batch.numpy()}, dtype), strict=True):
            np.testing.assert_allclose(actual, y.numpy(), **tolerance(module, dtype))


@pytest.mark.parametrize("case", SEVERAL, ids=repr)
@examples
@given(data=st.data(), dtype=st.sampled_from([torch.float32, torch.float64]))
def test_operators_compute_what_modules_do(
    case: Case, data: st.DataObject, dtype: torch.dtype, tmp_path: Path
) -> None:
    module, inputs = drawn(case, data, dtype)
    network, path = around(module, inputs, 0), tmp_path / "model.onnx"
    export_onnx(network, path, {}, dtype=dtype)
    expected = flat(network.forward())
    for y, actual in zip(expected, run_all(path, {}, dtype), strict=True):
        assert actual.shape == y.shape
        np.testing.assert_allclose(actual, y.numpy(), **tolerance(module, dtype))


def test_every_layer_can_go() -> None:
    layers = {each for name in nn.__all__ if issubclass(each := getattr(nn, name), Module)}
    expected = {
        each for each in layers if not issubclass(each, Reduction) and each.forward is not Module.forward
    }
    assert set(OPERATORS) | set(COMPOSITES) == expected - NOT_WRITTEN


def image_network() -> nn.Sequential:
    features = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding="same", padding_mode="circular"),
        nn.Conv2d(4, 4, (2, 4), padding="same"),  # one more row and column after than before
        nn.ReLU(),
        nn.MaxPool2d(2, ceil_mode=True),
    )
    head = nn.Sequential(nn.Linear(36, 8), nn.BatchNorm1d(8), nn.GELU(), nn.Dropout(0.5), nn.Linear(8, 3))
    return nn.Sequential({"features": features, "flat": nn.Flatten(), "head": head})


def test_a_whole_network_with_names_shapes_and_notes(tmp_path: Path) -> None:
    network, path = image_network(), tmp_path / "model.onnx"
    with torch.no_grad():
        network.forward(torch.randn(4, 3, 5, 5))
    export_onnx(
        network,
        path,
        (3, 5, 5),
        output="softmax",
        input_name="pixels",
        output_name="probabilities",
        metadata={"classes": ["a", "b", "c"], "task": "classification"},
    )
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    axes = [
        [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim]
        for v in (*model.graph.input, *model.graph.output)
    ]
    assert axes == [["batch", 3, 5, 5], ["batch", 3]]
    assert (model.graph.input[0].name, model.graph.output[0].name) == ("pixels", "probabilities")
    assert {p.key: p.value for p in model.metadata_props} == {
        "classes": '["a", "b", "c"]',
        "task": "classification",
    }
    assert model.producer_name == "plaingrad"
    floats = {name for name, value in network.state_dict().items() if value.is_floating_point()}
    assert floats <= {each.name for each in model.graph.initializer}
    assert network.training
    for batch in (1, 7):
        x = torch.randn(batch, 3, 5, 5)
        expected = network.eval().forward(x).softmax(1)
        np.testing.assert_allclose(run(path, x.numpy()), expected.numpy(), rtol=1e-5, atol=1e-5)
        network.train()


def compared(network: nn.Graph, inputs: tuple[torch.Tensor, ...], path: Path) -> None:
    """The same outputs, for batches of another size too, from a file that was written for one sample."""
    network.eval()
    names = network.inputs
    shapes = dict(zip(names, (x.shape[1:] for x in inputs)))
    export_onnx(network, path, shapes, input_name=list(names))
    for batch in (inputs, tuple(torch.cat([x, x.flip(0), x]) for x in inputs)):
        feed = {name: x.numpy() for name, x in zip(names, batch)}
        expected = flat(network.forward(*batch))
        for y, actual in zip(expected, run_all(path, feed, torch.float32), strict=True):
            np.testing.assert_allclose(actual, y.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_of_pytorch_that_were_taken_over(name: str, tmp_path: Path) -> None:
    make, inputs = NETWORKS[name]
    compared(from_torch(make()), inputs, tmp_path / "model.onnx")


SMALL = [
    *("operators", "reversed operators", "stack", "chunk", "split", "index", "einsum", "squeeze"),
    *("statistics", "norm", "elementwise", "where", "bmm", "functional", "weights", "pad", "softmax"),
    *("several outputs", "maximum"),
]


@pytest.mark.parametrize("name", SMALL)
def test_functions_of_pytorch_that_were_taken_over(name: str, tmp_path: Path) -> None:
    compared(from_torch(Of(FUNCTIONS[name])), (torch.randn(3, 4),), tmp_path / "model.onnx")


def test_sizes_that_depend_on_the_batch(tmp_path: Path) -> None:
    nodes: Any = {
        "batch": (nn.Size(0), "x"),
        "twice": (nn.Multiply(), "batch", 2),
        "half": (nn.Divide("floor"), "twice", 2),
        "positions": (nn.Arange(), "x", "half"),
        "column": (nn.Unsqueeze(1), "positions"),
    }
    row = {"row": (Buffer(torch.randn(1, 2)),)}
    nodes["spread"] = (nn.Expand(), "row", "batch", 2)
    nodes["mean"] = (nn.Divide(), "x", "batch")
    nodes["y"] = (nn.Add(), "column", "spread", "mean")
    network = nn.Graph(["x"], {**row, **nodes}, ("y", ("mean",)))
    compared(network, (torch.randn(4, 2),), tmp_path / "model.onnx")


def test_a_batch_of_pairs(tmp_path: Path) -> None:
    network = nn.Graph(["a", "b"], {"y": (nn.Bilinear(2, 3, 4), "a", "b")}, "y")
    compared(network, (torch.randn(4, 5, 2), torch.randn(4, 5, 3)), tmp_path / "model.onnx")


def towers() -> nn.Graph:
    nodes: Any = {
        "seen": (nn.Linear(3, 4), "image"),
        "read": (nn.Embedding(5, 4), "word"),
        "both": (nn.Concatenate(1), "seen", "read"),
        "score": (nn.Linear(8, 1), "both"),
    }
    return nn.Graph(["image", "word"], nodes, ("score", "seen"))


def test_several_inputs_and_outputs_have_names_and_types(tmp_path: Path) -> None:
    network, path = towers(), tmp_path / "model.onnx"
    shapes: dict[str, Any] = {"image": (3,), "word": ()}
    export_onnx(network, path, shapes)
    graph = onnx.load(path).graph
    assert [(x.name, x.type.tensor_type.elem_type) for x in graph.input] == [("image", 1), ("word", 7)]
    assert [y.name for y in graph.output] == ["output_0", "output_1"]
    assert {name for name, _ in network.named_parameters()} <= {each.name for each in graph.initializer}
    export_onnx(network, path, shapes, input_name=["a", "b"], output_name=["c", "d"])
    graph = onnx.load(path).graph
    assert [each.name for each in (*graph.input, *graph.output)] == ["a", "b", "c", "d"]


def test_a_mask_is_an_input_of_truth_values(tmp_path: Path) -> None:
    network = nn.Graph(["x", "m"], {"y": (nn.MaskedFill(-1.0), "x", "m")}, "y")
    compared(network, (torch.randn(4, 3), torch.rand(4, 3) > 0.5), tmp_path / "model.onnx")


@pytest.mark.parametrize(
    ("output", "function"), [(None, lambda y: y), ("sigmoid", torch.sigmoid), ("exp", torch.exp)]
)
def test_what_is_made_of_scores(output: str | None, function: Callable[..., Any], tmp_path: Path) -> None:
    network, x = nn.Sequential(nn.Dropout(), nn.Linear(3, 2)), torch.randn(4, 3)
    export_onnx(network, tmp_path / "model.onnx", output=output)
    expected = function(network.eval().forward(x))
    np.testing.assert_allclose(
        run(tmp_path / "model.onnx", x.numpy()), expected.numpy(), rtol=1e-5, atol=1e-6
    )


def test_another_dtype_than_the_network_s_own(tmp_path: Path) -> None:
    network, x = nn.Linear(3, 2, dtype=torch.float64), torch.randn(4, 3, dtype=torch.float64)
    export_onnx(network, tmp_path / "model.onnx", dtype=torch.float32)
    actual = run(tmp_path / "model.onnx", x.float().numpy())
    assert actual.dtype == np.float32
    np.testing.assert_allclose(actual, network.forward(x).numpy(), rtol=1e-5, atol=1e-6)
    assert network.weight.value.dtype == torch.float64


def test_a_shared_module_is_written_once(tmp_path: Path) -> None:
    shared = nn.Linear(3, 3)
    network, x = nn.Sequential(shared, nn.Tanh(), shared), torch.randn(4, 3)
    export_onnx(network, tmp_path / "model.onnx")
    assert len(onnx.load(tmp_path / "model.onnx").graph.initializer) == 2
    actual = run(tmp_path / "model.onnx", x.numpy())
    np.testing.assert_allclose(actual, network.eval().forward(x).numpy(), rtol=1e-5, atol=1e-6)


def test_constants_are_exact_in_double_precision(tmp_path: Path) -> None:
    network = nn.Sequential(nn.SELU(), nn.Hardswish(), nn.LeakyReLU(0.1), nn.CELU(0.3), nn.Hardsigmoid())
    x = torch.randn(50, 3, dtype=torch.float64)
    export_onnx(network, tmp_path / "model.onnx", (3,), dtype=torch.float64)
    expected = network.eval().forward(x).numpy()
    np.testing.assert_allclose(run(tmp_path / "model.onnx", x.numpy()), expected, rtol=1e-14, atol=1e-14)


class Own(Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


class OwnSequence(nn.Sequential):
    pass


REFUSED: dict[str, tuple[Callable[[], Module], dict[str, Any], str]] = {
    "a class of one's own": (
        lambda: nn.Sequential(nn.Linear(2, 2), nn.Residual(Own())),
        {},
        r"^Sequential\[1\]\.Residual\[0\] Own\(\): expected a module for which ONNX has operators$",
    ),
    "a class of one's own, before the shape of its samples is asked for": (
        lambda: nn.Parallel(nn.Tanh(), Own()),
        {},
        r"^Parallel\[1\] Own\(\): expected a module for which ONNX has operators$",
    ),
    "a module of PyTorch": (
        lambda: torch.nn.ReLU(),
        {},
        r"^export_onnx: expected a module of plaingrad.nn, got torch\.nn\.modules\.activation\.ReLU$",
    ),
    "a loss": (nn.MSELoss, {}, r"^MSELoss\(\): expected a module for which ONNX has operators$"),
    "a layer without operators": (
        lambda: nn.Sequential(nn.Fold(4, 2)),
        {},
        r"^Sequential\[0\] Fold\(4, 2\): expected a module for which ONNX has operators$",
    ),
    "a layer of two inputs": (
        lambda: nn.Bilinear(2, 3, 4),
        {"sample_shape": (2,)},
        r"^Bilinear\(2, 3, 4\): expected one input, or a Graph around a module of 2$",
    ),
    "a graph with one shape for two inputs": (towers, {"sample_shape": (3,)}, "by name, for image, word$"),
    "a shape for another input": (
        towers,
        {"sample_shape": {"image": (3,), "words": ()}},
        "expected sample_shape for image, word, got it for image, words$",
    ),
    "one name for two inputs": (
        towers,
        {"sample_shape": {"image": (3,), "word": ()}, "input_name": ["image"]},
        r"expected names of 2 inputs, got \('image',\)$",
    ),
    "one name for two outputs": (
        towers,
        {"sample_shape": {"image": (3,), "word": ()}, "output_name": ["score"]},
        r"expected names of 2 outputs, got \('score',\)$",
    ),
    "scores among two outputs": (
        towers,
        {"sample_shape": {"image": (3,), "word": ()}, "output": "softmax"},
        "expected one output for 'softmax', got 2$",
    ),
    "a number as an output": (
        lambda: nn.Graph(["x"], {"y": (nn.Size(0), "x")}, "y"),
        {"sample_shape": (3,)},
        "expected a network whose outputs are tensors$",
    ),
    "a projection": (
        lambda: nn.LSTM(2, 3, proj_size=2),
        {"sample_shape": (4, 2)},
        "expected proj_size 0, which ONNX has alone, got 2$",
    ),
    "one sequence": (
        lambda: nn.GRU(2, 3),
        {"sample_shape": (2,)},
        r"expected a batch of sequences, got samples \(2,\)$",
    ),
    "one state": (lambda: nn.RNNCell(2, 3), {"sample_shape": ()}, r"^RNNCell.*: expected input \(batch, 2\)"),
    "a split of the batch": (
        lambda: nn.Chunk(2),
        {"sample_shape": (3,)},
        "expected an axis whose size does not depend on the batch",
    ),
    "a batch without its axis": (
        lambda: nn.Squeeze(0),
        {"sample_shape": (3,)},
        "expected an axis whose size does not depend on the batch, got",
    ),
    "an index of truth values": (
        lambda: nn.Select((slice(None), torch.tensor([True, False, True]))),
        {"sample_shape": (3,)},
        "expected an index of integers, slices, '...' and None, got",
    ),
    "two axes of the batch": (
        lambda: nn.Graph(
            ["x"],
            {
                "n": (nn.Size(0), "x"),
                "wide": (nn.Expand(), "x", "n", -1, -1),
                "y": (nn.Reshape(), "wide", "n", "n", 1, 3),
            },
            "y",
        ),
        {"sample_shape": (3,)},
        r"expected one size that depends on the batch, got \(-1, -1, 1, 3\)$",
    ),
    "a container of one's own": (
        lambda: OwnSequence(nn.Linear(2, 2)),
        {},
        r"^OwnSequence.*: expected a module for which ONNX has operators$",
    ),
    "two outputs": (
        lambda: nn.Sequential(nn.MaxPool2d(2, return_indices=True)),
        {"sample_shape": (1, 4, 4)},
        r"^Sequential\[0\] MaxPool2d\(2, return_indices=True\): expected one output",
    ),
    "a single image": (
        lambda: nn.MaxPool2d(2),
        {"sample_shape": (4, 4)},
        r"expected samples \(channels, rows, columns\), got \(4, 4\)",
    ),
    "a sample that does not fit": (
        lambda: nn.Sequential(nn.Linear(3, 2)),
        {"sample_shape": (4,)},
        r"^Sequential\[0\] Linear\(3, 2\): expected input \(\*, 3\)",
    ),
    "a sample of nothing": (lambda: nn.Tanh(), {"sample_shape": (3, 0)}, r"of sizes from 1, got \(3, 0\)"),
    "no shape": (lambda: nn.Sequential(nn.Tanh()), {}, r"expected sample_shape, since Tanh\(\) takes"),
    "a half precision": (lambda: nn.Linear(2, 2, dtype=torch.float16), {}, "expected dtype torch.float32 or"),
    "an unknown output": (lambda: nn.Linear(2, 2), {"output": "argmax"}, "expected output None, 'softmax'"),
    "one name for both": (
        lambda: nn.Linear(2, 2),
        {"input_name": "x", "output_name": "x"},
        "got 'x' and 'x'",
    ),
    "no name": (
        lambda: nn.Linear(2, 2),
        {"input_name": ""},
        "expected names that no other value has, got ''",
    ),
    "a parameter's name": (lambda: nn.Linear(2, 2), {"output_name": "bias"}, "got 'input' and 'bias'"),
    "an operator's name": (lambda: nn.Linear(2, 2), {"input_name": "Gemm_0"}, "got 'Gemm_0' and 'output'"),
    "a softmax over nothing": (
        lambda: nn.Flatten(0, -1),
        {"sample_shape": (2,), "output": "softmax"},
        r"expected scores \(batch, classes, \*rest\)",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_go_is_refused_and_nothing_written(name: str, tmp_path: Path) -> None:
    make, options, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        export_onnx(make(), tmp_path / "model.onnx", **options)
    assert not list(tmp_path.iterdir())


def test_without_onnx_it_says_how_to_get_it(tmp_path: Path) -> None:
    program = """
import sys
sys.modules["onnx"] = None
from plaingrad import interop, nn
try:
    interop.export_onnx(nn.Linear(1, 1), "model.onnx")
except ImportError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "export_onnx needs onnx: pip install 'plaingrad[onnx]'\n"
    assert not list(tmp_path.iterdir())
