"""The gradient checker."""

from plaingrad.inspect.gradients.check import check_gradients
from plaingrad.inspect.gradients.report import Report, Row

__all__ = ["Report", "Row", "check_gradients"]
