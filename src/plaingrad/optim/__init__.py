"""Update rules and schedules, named as torch.optim names them."""

from plaingrad.optim.adadelta import Adadelta
from plaingrad.optim.adafactor import Adafactor
from plaingrad.optim.adagrad import Adagrad
from plaingrad.optim.adam import Adam, AdamW
from plaingrad.optim.adamax import Adamax
from plaingrad.optim.asgd import ASGD
from plaingrad.optim.clip import clip_grad_norm_, clip_grad_value_
from plaingrad.optim.lbfgs import LBFGS
from plaingrad.optim.muon import Muon
from plaingrad.optim.nadam import NAdam
from plaingrad.optim.optimizer import Optimizer
from plaingrad.optim.radam import RAdam
from plaingrad.optim.rmsprop import RMSprop
from plaingrad.optim.rprop import Rprop
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
from plaingrad.optim.sparse_adam import SparseAdam

__all__ = [
    "ASGD",
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "CosineAnnealingLR",
    "ExponentialLR",
    "LinearLR",
    "Muon",
    "NAdam",
    "OneCycleLR",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "ReduceLROnPlateau",
    "Rprop",
    "Schedule",
    "SparseAdam",
    "StepLR",
    "clip_grad_norm_",
    "clip_grad_value_",
]
