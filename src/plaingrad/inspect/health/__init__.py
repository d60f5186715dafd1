"""The health of a network in training: measures of each layer, and findings in words."""

from plaingrad.inspect.health.callback import Health
from plaingrad.inspect.health.diagnosis import Diagnosis, health
from plaingrad.inspect.health.finding import Finding
from plaingrad.inspect.health.measures import EpochHealth, Histogram, LayerHealth

__all__ = ["Diagnosis", "EpochHealth", "Finding", "Health", "Histogram", "LayerHealth", "health"]
