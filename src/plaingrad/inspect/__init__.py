"""Inspection of networks: checks, summaries and records of them, the importance of inputs, plots."""

from plaingrad.inspect.attribution import GradientImportance, gradient_importance
from plaingrad.inspect.gradients import Report, Row, check_gradients
from plaingrad.inspect.record import Call, Trace, record
from plaingrad.inspect.summary import Layer, Summary, summary

__all__ = [
    "Call",
    "GradientImportance",
    "Layer",
    "Report",
    "Row",
    "Summary",
    "Trace",
    "check_gradients",
    "gradient_importance",
    "record",
    "summary",
]
