"""Inspection of networks: the gradient checker, the importance of inputs, and plots."""

from plaingrad.inspect.attribution import GradientImportance, gradient_importance
from plaingrad.inspect.gradients import Report, Row, check_gradients

__all__ = ["GradientImportance", "Report", "Row", "check_gradients", "gradient_importance"]
