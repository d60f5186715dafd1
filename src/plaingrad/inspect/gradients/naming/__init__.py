"""Names for the mistakes behind wrong gradients."""

from plaingrad.inspect.gradients.naming import runs
from plaingrad.inspect.gradients.naming.namer import SECONDS, Namer

__all__ = ["SECONDS", "Namer", "runs"]
