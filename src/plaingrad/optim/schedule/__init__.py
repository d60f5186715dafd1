"""Schedules of the learning rate, a file for each family."""

from plaingrad.optim.schedule.annealing import CosineAnnealingLR, LinearLR, PolynomialLR
from plaingrad.optim.schedule.combined import ChainedScheduler, SequentialLR
from plaingrad.optim.schedule.cyclic import CyclicLR
from plaingrad.optim.schedule.decay import ConstantLR, ExponentialLR, MultiStepLR, StepLR
from plaingrad.optim.schedule.functions import LambdaLR, MultiplicativeLR
from plaingrad.optim.schedule.one_cycle import OneCycleLR
from plaingrad.optim.schedule.plateau import ReduceLROnPlateau
from plaingrad.optim.schedule.restarts import CosineAnnealingWarmRestarts
from plaingrad.optim.schedule.schedule import Schedule
from plaingrad.optim.schedule.swa import SWALR

__all__ = [
    "SWALR",
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "Schedule",
    "SequentialLR",
    "StepLR",
]
