"""A record as plain data, for programs and pages."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from torch import Tensor

if TYPE_CHECKING:
    from plaingrad.inspect.record.trace import Call, Trace


def contents(trace: Trace) -> dict[str, Any]:
    """The record in dicts, lists, texts and numbers; "NaN", "Infinity" and "-Infinity" are texts."""
    return {
        "loss": as_data(trace.loss),
        "target": as_data(trace.target),
        "optimizer": None if trace.optimizer is None else repr(trace.optimizer),
        "calls": [call_contents(call) for call in trace.calls],
        "backward_order": [trace.calls.index(call) for call in trace.backward_calls],
    }


def call_contents(call: Call) -> dict[str, Any]:
    """One call in the same form; the fields are those of `Call`."""
    grads = None if call.grad_outputs is None else as_data(call.grad_outputs)
    return {
        "path": call.path,
        "depth": call.depth,
        "use": call.use,
        "class": type(call.module).__name__,
        "signature": call.module.signature(),
        "equations": list(call.equations),
        "inputs": as_data(call.inputs),
        "options": as_data(call.options),
        "outputs": as_data(call.outputs),
        "grad_outputs": grads,
        "grad_inputs": as_data(call.grad_inputs),
        "parameters": as_data(call.parameters),
        "gradients": as_data(call.gradients),
        "updated": as_data(call.updated),
        "training": call.training,
    }


def as_data(value: Any) -> Any:
    """Tensors in a nest as nested lists; anything that is no data in its printed form."""
    if isinstance(value, Tensor):
        return as_data(value.tolist())
    if isinstance(value, complex):
        return [as_data(value.real), as_data(value.imag)]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, (list, tuple)):
        return [as_data(entry) for entry in value]
    if isinstance(value, dict):
        return {str(key): as_data(entry) for key, entry in value.items()}
    return value if isinstance(value, (bool, int, float, str, type(None))) else repr(value)
