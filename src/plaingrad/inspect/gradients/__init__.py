"""The gradient checker."""

from plaingrad.inspect.gradients.check import check_gradients
from plaingrad.inspect.gradients.finding import KINDS, Finding, Mistake
from plaingrad.inspect.gradients.report import Report, Row

__all__ = ["KINDS", "Finding", "Mistake", "Report", "Row", "check_gradients"]
