"""Networks of PyTorch whose forward is code of one's own, taken over by tracing that code."""

from plaingrad.interop.tracing.network import traced

__all__ = ["traced"]
