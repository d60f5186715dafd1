"""The gradient checker, a file for each of its parts."""

from plaingrad.inspect.gradients.check import check_gradients
from plaingrad.inspect.gradients.report import Report, Row

__all__ = ["Report", "Row", "check_gradients"]
