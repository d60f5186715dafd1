"""The answer of the paper's network to a single row."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack

import numpy as np

from benchmarks.isolated import Isolated
from benchmarks.markdown import judged, table
from benchmarks.measure import Timing, ratio
from benchmarks.workloads import PAPER, WORKLOADS

REPETITIONS, CALLS = 9, 5000
ROW = np.array([[0.3, -0.7]], dtype=np.float32)
Weights = list[np.ndarray]
Predict = Callable[[], object]


def plaingrad(weights: Weights) -> Predict:
    import torch

    from benchmarks.contenders.plaingrad_fit import network
    from plaingrad import compile_predict

    model = network(PAPER)
    model.load_state_dict(dict(zip(model.state_dict(), map(torch.from_numpy, weights))))
    predict = compile_predict(model)
    return lambda: predict(ROW)


def pytorch(weights: Weights) -> Predict:
    import torch

    layers: list = []
    for weight, bias in zip(weights[::2], weights[1::2]):
        layer = torch.nn.Linear(*weight.shape[::-1])
        layer.load_state_dict({"weight": torch.from_numpy(weight), "bias": torch.from_numpy(bias)})
        layers += [layer, torch.nn.ReLU()]
    model, row = torch.nn.Sequential(*layers[:-1]), torch.from_numpy(ROW)

    @torch.inference_mode()
    def predict() -> torch.Tensor:
        return model(row)

    return predict


def jax(weights: Weights) -> Predict:
    import jax

    pairs = [(jax.numpy.asarray(w.T), jax.numpy.asarray(b)) for w, b in zip(weights[::2], weights[1::2])]

    @jax.jit
    def predict(x: jax.Array) -> jax.Array:
        for w, b in pairs[:-1]:
            x = jax.nn.relu(x @ w + b)
        return x @ pairs[-1][0] + pairs[-1][1]

    return lambda: predict(ROW).block_until_ready()


def onnx_run(weights: Weights) -> Predict:
    session = _session(weights)
    return lambda: session.run(None, {"x": ROW})[0]


def onnx_bound(weights: Weights) -> Predict:
    from onnxruntime import OrtValue

    session = _session(weights)
    binding, answer = session.io_binding(), np.zeros((1, PAPER[-1]), np.float32)
    row, bound = OrtValue.ortvalue_from_numpy(ROW), OrtValue.ortvalue_from_numpy(answer)
    binding.bind_ortvalue_input("x", row)
    binding.bind_ortvalue_output("y", bound)

    def predict() -> OrtValue:
        session.run_with_iobinding(binding)
        return bound

    return predict


def _session(weights: Weights):
    import onnx
    import onnxruntime
    from onnx import helper, numpy_helper

    tensors = [numpy_helper.from_array(value, f"p{i}") for i, value in enumerate(weights)]
    last, nodes, name = len(weights) // 2 - 1, [], "x"
    for i in range(last + 1):
        out = "y" if i == last else f"s{i}"
        nodes.append(helper.make_node("Gemm", [name, f"p{2 * i}", f"p{2 * i + 1}"], [out], transB=1))
        if i < last:
            name = f"x{i + 1}"
            nodes.append(helper.make_node("Relu", [out], [name]))
    ends = [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", size])
        for name, size in (("x", PAPER[0]), ("y", PAPER[-1]))
    ]
    graph = helper.make_graph(nodes, "network", ends[:1], ends[1:], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])


CONTENDERS: dict[str, Callable[[Weights], Predict]] = {
    "plaingrad": plaingrad,
    "PyTorch, inference mode": pytorch,
    "ONNX Runtime, run": onnx_run,
    "ONNX Runtime, bound": onnx_bound,
    "JAX jit": jax,
}
BARS = {"PyTorch, inference mode": 10, "ONNX Runtime, run": 3}

# What runs in the contenders' processes.
_current: list[Predict] = []


def _prepare(name: str, weights: Weights) -> np.ndarray:
    _current[:] = [CONTENDERS[name](weights)]
    answer = _current[0]()
    return np.array(answer.numpy() if hasattr(answer, "numpy") else answer)


def _seconds() -> float:
    predict, start = _current[0], time.perf_counter()
    for _ in range(CALLS):
        predict()
    return (time.perf_counter() - start) / CALLS


def report() -> str:
    """Markdown for the results file."""
    weights = WORKLOADS[0].start()
    found, rows, failures, answers = {}, [], {}, {}
    with ExitStack() as around:
        processes = {name: around.enter_context(Isolated()) for name in CONTENDERS}
        for name, process in processes.items():
            try:
                answers[name] = process.call(_prepare, name, weights)
                found[name] = Timing([])
                process.call(_seconds)
            except Exception as error:  # a peer that is not installed leaves a gap, no more
                failures[name] = f"{type(error).__name__}: {error}".splitlines()[0]
        for _ in range(REPETITIONS):
            for name, timing in found.items():
                timing.seconds.append(processes[name].call(_seconds))
    for name, answer in answers.items():
        np.testing.assert_allclose(answer, next(iter(answers.values())), rtol=1e-4, err_msg=name)
    for name in CONTENDERS:
        bar, cells = BARS.get(name), [failures[name] if name in failures else found[name].in_microseconds()]
        if bar and {"plaingrad", name} <= set(found):
            cells.append(judged(ratio(found, name, "plaingrad"), bar))
        else:
            cells.append(f"not measured / {bar}: **missed**" if bar else "")
        rows.append([name, *cells])
    return "\n".join(
        [
            "## Prediction of a single row",
            "",
            "The paper's network, one row in memory, one thread; microseconds a call, median (smallest to",
            "largest), and how many times faster plaingrad is / bar. Bound: to its memory beforehand.",
            table(["library", "microseconds", "plaingrad is faster"], rows),
        ]
    )
