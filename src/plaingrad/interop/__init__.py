"""Networks that travel: as plain data, as one file, to PyTorch and to ONNX."""

from plaingrad.interop.architecture import build, describe
from plaingrad.interop.model_file import ModelFile, load, save

__all__ = ["ModelFile", "build", "describe", "load", "save"]
