"""Networks as ONNX graphs, which many programs run without Python."""

from plaingrad.interop.onnx.export import export_onnx

__all__ = ["export_onnx"]
