"""Looking into networks: the gradient checker."""

from plaingrad.inspect.gradients import Report, Row, check_gradients

__all__ = ["Report", "Row", "check_gradients"]
