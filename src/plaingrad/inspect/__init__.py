"""Inspection of networks: the gradient checker, the record of a step in numbers and equations, plots."""

from plaingrad.inspect.attribution import GradientImportance, gradient_importance
from plaingrad.inspect.explain import Explanation, explain
from plaingrad.inspect.gradients import Report, Row, check_gradients
from plaingrad.inspect.record import Call, Trace, record

__all__ = [
    "Call",
    "Explanation",
    "GradientImportance",
    "Report",
    "Row",
    "Trace",
    "check_gradients",
    "explain",
    "gradient_importance",
    "record",
]
