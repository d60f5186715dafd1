"""The health of a network in training: measures of each layer, and findings in words."""

from plaingrad.inspect.health.callback import Health
from plaingrad.inspect.health.diagnosis import Diagnosis, health
from plaingrad.inspect.health.finding import HealthFinding
from plaingrad.inspect.health.measures import EpochHealth, Histogram, LayerHealth

__all__ = ["Diagnosis", "EpochHealth", "Health", "HealthFinding", "Histogram", "LayerHealth", "health"]
