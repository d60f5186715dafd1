"""Inspection of networks: gradient checks, records of a step, explanations, health, reports, plots."""

from __future__ import annotations

import warnings
from typing import Any

from plaingrad.inspect.animation import BoundaryFrames, boundary_animation
from plaingrad.inspect.attribution import GradientImportance, gradient_importance
from plaingrad.inspect.explain import Explanation, explain
from plaingrad.inspect.gradients import GradientFinding, GradientReport, Mistake, Row, check_gradients
from plaingrad.inspect.health import Diagnosis, Health, HealthFinding, health
from plaingrad.inspect.player import step_player
from plaingrad.inspect.record import Call, Trace, record
from plaingrad.inspect.report import report
from plaingrad.inspect.summary import Layer, Summary, summary

__all__ = [
    "BoundaryFrames",
    "Call",
    "Diagnosis",
    "Explanation",
    "GradientFinding",
    "GradientImportance",
    "GradientReport",
    "Health",
    "HealthFinding",
    "Layer",
    "Mistake",
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
    "step_player",
    "summary",
]


def __getattr__(name: str) -> Any:
    if name == "Report":
        text = "plaingrad.inspect.Report is GradientReport now; the old name is refused from 0.4 on"
        warnings.warn(text, DeprecationWarning, stacklevel=2)
        return GradientReport
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
