"""Equations with numbers: what a module computed in a recorded step, term by term."""

from plaingrad.inspect.explain import linear as linear  # each registers what it explains
from plaingrad.inspect.explain.explain import explain
from plaingrad.inspect.explain.explanation import Explanation

__all__ = ["Explanation", "explain"]
