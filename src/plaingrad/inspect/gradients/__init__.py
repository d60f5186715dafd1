"""The gradient checker."""

from plaingrad.inspect.gradients.check import check_gradients
from plaingrad.inspect.gradients.finding import KINDS, GradientFinding, Mistake
from plaingrad.inspect.gradients.report import GradientReport, Row

__all__ = ["KINDS", "GradientFinding", "GradientReport", "Mistake", "Row", "check_gradients"]
