"""Networks that travel: as plain data, as one file, to PyTorch and to ONNX."""

from plaingrad.interop.architecture import describe
from plaingrad.interop.builder import build
from plaingrad.interop.holder import Graph, Holder
from plaingrad.interop.model_file import ModelFile, load, save
from plaingrad.interop.onnx import export_onnx
from plaingrad.interop.optimizer import load_torch_optimizer_state, to_torch_optimizer_state
from plaingrad.interop.torch import from_torch, to_torch

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
    "save",
    "to_torch",
    "to_torch_optimizer_state",
]
