"""The one rule of the core: PyTorch's tensor operations, and nothing that knows derivatives or networks.

The rule is read off the syntax trees, as lists of what is allowed: a name of torch that nobody has thought
about yet is refused until somebody has.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import plaingrad

PACKAGE = Path(plaingrad.__file__).parent
CORE = sorted(PACKAGE / name for name in ("module.py", "parameter.py", "init.py", "errors.py")) + sorted(
    path for folder in ("contract", "nn", "optim") for path in (PACKAGE / folder).rglob("*.py")
)

MODULES = re.compile(
    r"torch|math|jaxtyping|__future__|copy|types|typing|collections(\.abc)?|contextlib|contextvars|dataclasses"
    r"|enum|functools|inspect|itertools|numbers|operator|string|sys|warnings|weakref"
    r"|plaingrad\.(module|parameter|init|errors)|plaingrad\.(contract|nn|optim)(\..*)?|plaingrad"
)
FROM_TORCH = {"Tensor"}
FROM_PLAINGRAD = {"init", "parameter"}

# Types, constants, constructors, and mathematics that was there before neural networks.
TORCH = set(
    """
    Size Tensor Generator device dtype bool float16 bfloat16 float32 float64 int16 int32 int64 inf nan
    is_grad_enabled no_grad finfo
    arange as_tensor cat chunk empty empty_like eye full full_like linspace ones ones_like rand randn stack
    tensor
    zeros zeros_like randperm var_mean linalg linalg.qr linalg.vector_norm linalg.LinAlgError
    abs addcmul amax amin bincount broadcast_tensors div einsum erf exp expm1 isnan log log1p logaddexp
    logsumexp matmul maximum minimum mul sigmoid sign split sqrt tanh where
    """.split()
)

# Methods of tensors that would be the framework doing our work.
FORBIDDEN = re.compile(
    r"autograd|requires_grad_?|grad_fn|retain_grad|is_leaf|register_hook|\w+_backward"
    r"|(log_)?softmax|softmin|relu_?|prelu|rrelu_?|celu_?|elu_?|selu_?|gelu|silu_?|mish_?|hardshrink|softshrink"
    r"|softplus|logsigmoid|log_sigmoid|hardtanh_?|hardsigmoid|hardswish|glu|dropout_?|embedding|batch_norm"
    r"|layer_norm|group_norm|conv[123]d|max_pool[123]d|nll_loss|cross_entropy|mse_loss|bilinear|lstm|gru|_C|ops"
)
# Where PyTorch's recording is looked for in order to refuse it, or a backward without it.
REFUSES_RECORDING = {PACKAGE / "contract" / name for name in ("fields.py", "recording.py")}
FORBIDDEN_NAMES = {"eval", "exec", "compile", "__import__", "importlib", "getattr"}


def dotted(node: ast.expr) -> str:
    """``a.b.c`` of nested attributes, or an empty string."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (base := dotted(node.value)):
        return f"{base}.{node.attr}"
    return ""


def violations(source: str) -> Iterator[str]:
    """What in this source is against the rule, one sentence each."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if not MODULES.fullmatch(alias.name) or alias.asname:
                    yield f"line {node.lineno}: imports {alias.name}"
        elif isinstance(node, ast.ImportFrom):
            module, names = node.module or "", {alias.name for alias in node.names}
            wrong = not MODULES.fullmatch(module) or any(alias.asname for alias in node.names)
            wrong |= module == "torch" and not names <= FROM_TORCH
            wrong |= module == "plaingrad" and not names <= FROM_PLAINGRAD
            if wrong or node.level:
                yield f"line {node.lineno}: imports {sorted(names)} from {module!r}"
        elif isinstance(node, ast.Attribute):
            name = dotted(node)
            if name.startswith("torch.") and name.removeprefix("torch.") not in TORCH:
                yield f"line {node.lineno}: uses {name}"
            elif FORBIDDEN.fullmatch(node.attr) and dotted(node.value) != "self":  # a layer's, not a tensor's
                yield f"line {node.lineno}: uses .{node.attr}"
        elif isinstance(node, ast.Name) and node.id in FORBIDDEN_NAMES:
            yield f"line {node.lineno}: uses {node.id}"


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_core_uses_tensor_operations_alone(path: Path) -> None:
    found = list(violations(path.read_text(encoding="utf-8")))
    if path in REFUSES_RECORDING:
        found = [each for each in found if not each.endswith("uses .requires_grad")]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "import torch.nn",
        "import torch as t",
        "import numpy",
        "from torch import nn",
        "from torch.nn import functional",
        "from torch.autograd import grad",
        "from plaingrad.train import fit",
        "from plaingrad import data",
        "from . import data",
        "torch.nn.functional.relu(x)",
        "torch.conv2d(x, w)",
        "torch.softmax(x, 1)",
        "torch._C",
        "torch.ops.aten.add(x, x)",
        "torch.threshold_backward(x, x, 0)",
        "x.softmax(1)",
        "self.x.softmax(1)",
        "x.relu()",
        "x.requires_grad_()",
        "y.grad_fn",
        "self.x.relu()",
        "getattr(torch, 'nn')",
        "exec('import torch.nn')",
        "__import__('torch.nn')",
    ],
)
def test_what_is_against_the_rule_is_seen(source: str) -> None:
    assert list(violations(source))


def test_importing_plaingrad_changes_no_global_state_of_torch() -> None:
    program = """
import torch
def state():
    return (
        torch.get_default_dtype(), torch.get_default_device(), torch.is_grad_enabled(),
        torch.get_num_threads(), torch.get_num_interop_threads(), torch.initial_seed(),
        torch.get_rng_state().sum().item(), torch.are_deterministic_algorithms_enabled(),
        torch.backends.mkldnn.enabled, torch.get_float32_matmul_precision(), torch.is_anomaly_enabled(),
        sorted(vars(torch.Tensor)),
    )
torch.manual_seed(3)
before = state()
import plaingrad
for name in plaingrad.__all__:
    getattr(plaingrad, name)
assert state() == before
"""
    subprocess.run([sys.executable, "-c", program], check=True)
