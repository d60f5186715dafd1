"""Inspection of networks: the gradient checker, the record of a step, the importance of inputs, plots."""

from plaingrad.inspect.attribution import GradientImportance, gradient_importance
from plaingrad.inspect.gradients import Finding, Mistake, Report, Row, check_gradients
from plaingrad.inspect.record import Call, Trace, record

__all__ = [
    "Call",
    "Finding",
    "GradientImportance",
    "Mistake",
    "Report",
    "Row",
    "Trace",
    "check_gradients",
    "gradient_importance",
    "record",
]
