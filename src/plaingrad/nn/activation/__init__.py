"""Activations, a file for each family."""

from plaingrad.nn.activation.relu import ReLU

__all__ = ["ReLU"]
