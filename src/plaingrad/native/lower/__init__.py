"""Lowering of modules, losses and update rules to the C++ types that compute the same."""

from plaingrad.native.lower.prediction import Prediction, lower_prediction
from plaingrad.native.lower.program import Program, lower_training
from plaingrad.native.lower.source import NotLoweredError

__all__ = ["NotLoweredError", "Prediction", "Program", "lower_prediction", "lower_training"]
