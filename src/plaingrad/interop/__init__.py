"""Conversion of networks to and from PyTorch, to ONNX, and by `plaingrad.saving` to data and files."""

from plaingrad.interop.onnx import export_onnx
from plaingrad.interop.optimizer import load_torch_optimizer_state, to_torch_optimizer_state
from plaingrad.interop.torch import from_torch, to_torch
from plaingrad.saving import Graph, Holder, ModelFile, build, describe, load, read_file, save

__all__ = [
    "Graph",
    "Holder",
    "ModelFile",
    "build",
    "describe",
    "export_onnx",
    "from_torch",
    "load",
    "load_torch_optimizer_state",
    "read_file",
    "save",
    "to_torch",
    "to_torch_optimizer_state",
]
