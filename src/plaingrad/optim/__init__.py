"""Update rules and schedules, named as torch.optim names them."""

from plaingrad.optim.adagrad import Adagrad
from plaingrad.optim.adam import Adam, AdamW
from plaingrad.optim.clip import clip_grad_norm_, clip_grad_value_
from plaingrad.optim.optimizer import Optimizer
from plaingrad.optim.rmsprop import RMSprop
from plaingrad.optim.schedule import (
    CosineAnnealingLR,
    ExponentialLR,
    LinearLR,
    OneCycleLR,
    ReduceLROnPlateau,
    Schedule,
    StepLR,
)
from plaingrad.optim.sgd import SGD

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "CosineAnnealingLR",
    "ExponentialLR",
    "LinearLR",
    "OneCycleLR",
    "Optimizer",
    "RMSprop",
    "ReduceLROnPlateau",
    "Schedule",
    "StepLR",
    "clip_grad_norm_",
    "clip_grad_value_",
]
