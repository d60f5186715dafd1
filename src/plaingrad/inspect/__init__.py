"""Inspection of networks: the gradient checker and plots."""

from plaingrad.inspect.gradients import Report, Row, check_gradients

__all__ = ["Report", "Row", "check_gradients"]
