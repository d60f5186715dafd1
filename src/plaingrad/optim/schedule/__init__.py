"""Schedules of the learning rate, a file for each family."""

from plaingrad.optim.schedule.annealing import CosineAnnealingLR, LinearLR
from plaingrad.optim.schedule.decay import ExponentialLR, StepLR
from plaingrad.optim.schedule.one_cycle import OneCycleLR
from plaingrad.optim.schedule.plateau import ReduceLROnPlateau
from plaingrad.optim.schedule.schedule import Schedule

__all__ = [
    "CosineAnnealingLR",
    "ExponentialLR",
    "LinearLR",
    "OneCycleLR",
    "ReduceLROnPlateau",
    "Schedule",
    "StepLR",
]
