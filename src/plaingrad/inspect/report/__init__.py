"""A run as one page that needs no network connection."""

from plaingrad.inspect.report.report import report

__all__ = ["report"]
