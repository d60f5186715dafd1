from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
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
from plaingrad import nn
from plaingrad.interop import export_onnx
from plaingrad.interop.onnx.export import OPERATORS
from plaingrad.module import Module, ModuleError
from plaingrad.nn.convolution.conv import Convolution
from plaingrad.nn.convolution.transposed import TransposedConvolution
from plaingrad.nn.loss.reduction import Reduction
from plaingrad.nn.pooling.maximum import MaxPool
from plaingrad.nn.recurrent.base import Recurrent

CONTAINERS = {"Sequential", "Residual", "Parallel", "Words"}
TWO_INPUTS = {nn.Bilinear, nn.CosineSimilarity, nn.PairwiseDistance, nn.AdaptiveLogSoftmaxWithLoss}
NOT_WRITTEN = {
    getattr(nn, name)
    for name in nn.__all__
    if re.fullmatch(
        r"(AvgPool|LPPool|Adaptive|MaxUnpool|Fractional|Upsampl|.*Pad\d|Transformer).*|Fold|Unfold"
        r"|MultiheadAttention|(RNN|GRU|LSTM)(Cell)?|Graph",
        name,
    )
    or re.match(r"plaingrad\.nn\.(arithmetic|shape\.(axes|join|select|split))", getattr(nn, name).__module__)
}
FEED_FORWARD = [
    case for case in CASES if not issubclass(case.ours, (Reduction, Recurrent, *NOT_WRITTEN, *TWO_INPUTS))
]

# onnxruntime has no double precision for these.
SINGLE = {"Erf", "Conv", "ConvTranspose"}


def run(path: Path, x: np.ndarray) -> np.ndarray:
    """What the graph gives, by onnxruntime, or by onnx' own reference for what that does not have."""
    graph = onnx.load(path).graph
    name = graph.input[0].name
    if x.dtype != np.float32 and any(node.op_type in SINGLE for node in graph.node):
        return ReferenceEvaluator(str(path)).run(None, {name: x})[0]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return session.run(None, {name: x})[0]


@pytest.mark.parametrize("case", FEED_FORWARD, ids=repr)
@examples
@given(data=st.data(), dtype=st.sampled_from([torch.float32, torch.float64]))
def test_graphs_compute_what_networks_do(
    case: Case, data: st.DataObject, dtype: torch.dtype, tmp_path: Path
) -> None:
    module, (x, *others) = row(case, data)
    assume(not others)
    assume(x.ndim > 0 and not getattr(module, "return_indices", False))
    if isinstance(module, (Convolution, TransposedConvolution, MaxPool)):
        assume(x.ndim == len(module.axes) + 2)
    if isinstance(module, TransposedConvolution):  # onnxruntime takes no more, and onnx' reference less
        assume(all(more < stride for more, stride in zip(module.output_padding, module.stride)))
        assume(dtype == torch.float32)
    sample = x.shape[1:]
    x = x.to(dtype) if x.is_floating_point() else x.long()
    module = module.to(dtype).eval()
    try:
        for batch in (2, 3):
            module.forward(torch.zeros(batch, *sample, dtype=x.dtype))
    except ModuleError:
        assume(False)  # for a batch of this size alone
    path = tmp_path / "model.onnx"
    export_onnx(module, path, sample, dtype=dtype)
    for batch in (x, torch.cat([x, x, x])):
        try:
            expected = module.forward(batch)
        except ModuleError:
            continue
        np.testing.assert_allclose(run(path, batch.numpy()), expected.numpy(), rtol=1e-5, atol=1e-5)


def test_every_layer_of_one_input_can_go() -> None:
    layers = {each for name in nn.__all__ if issubclass(each := getattr(nn, name), Module)}
    expected = {
        each for each in layers if not issubclass(each, Reduction) and each.forward is not Module.forward
    }
    assert set(OPERATORS) | {nn.Sequential, nn.Residual, nn.Parallel} == expected - NOT_WRITTEN - TWO_INPUTS


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
    "a layer of two inputs": (
        lambda: nn.Sequential(nn.Bilinear(2, 3, 4)),
        {},
        r"^Sequential\[0\] Bilinear\(2, 3, 4\): expected a module for which ONNX has operators$",
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
