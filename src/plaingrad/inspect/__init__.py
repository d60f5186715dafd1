"""Inspection of networks: gradient checks, records of a step, explanations, health, reports, plots."""

from plaingrad.inspect.animation import BoundaryFrames, boundary_animation
from plaingrad.inspect.attribution import GradientImportance, gradient_importance
from plaingrad.inspect.explain import Explanation, explain
from plaingrad.inspect.gradients import Finding, Mistake, Report, Row, check_gradients
from plaingrad.inspect.health import Diagnosis, Health, HealthFinding, health
from plaingrad.inspect.record import Call, Trace, record
from plaingrad.inspect.report import report
from plaingrad.inspect.summary import Layer, Summary, summary

__all__ = [
    "BoundaryFrames",
    "Call",
    "Diagnosis",
    "Explanation",
    "Finding",
    "GradientImportance",
    "Health",
    "HealthFinding",
    "Layer",
    "Mistake",
    "Report",
    "Row",
    "Summary",
    "Trace",
    "boundary_animation",
    "check_gradients",
    "explain",
    "gradient_importance",
    "health",
    "record",
    "report",
    "summary",
]
