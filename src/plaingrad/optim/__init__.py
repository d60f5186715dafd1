"""Update rules and schedules, named as torch.optim names them."""

from plaingrad.nn.absent import missing
from plaingrad.optim.adadelta import Adadelta
from plaingrad.optim.adafactor import Adafactor
from plaingrad.optim.adagrad import Adagrad
from plaingrad.optim.adam import Adam, AdamW
from plaingrad.optim.adamax import Adamax
from plaingrad.optim.asgd import ASGD
from plaingrad.optim.clip import clip_grad_norm_, clip_grad_value_, clip_grads_with_norm_, get_total_norm
from plaingrad.optim.lbfgs import LBFGS
from plaingrad.optim.muon import Muon
from plaingrad.optim.nadam import NAdam
from plaingrad.optim.optimizer import Optimizer
from plaingrad.optim.radam import RAdam
from plaingrad.optim.rmsprop import RMSprop
from plaingrad.optim.rprop import Rprop
from plaingrad.optim.schedule import (
    SWALR,
    ChainedScheduler,
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    CyclicLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    OneCycleLR,
    PolynomialLR,
    ReduceLROnPlateau,
    Schedule,
    SequentialLR,
    StepLR,
)
from plaingrad.optim.sgd import SGD
from plaingrad.optim.sparse_adam import SparseAdam

__all__ = [
    "ASGD",
    "LBFGS",
    "SGD",
    "SWALR",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
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
    "Muon",
    "NAdam",
    "OneCycleLR",
    "Optimizer",
    "PolynomialLR",
    "RAdam",
    "RMSprop",
    "ReduceLROnPlateau",
    "Rprop",
    "Schedule",
    "SequentialLR",
    "SparseAdam",
    "StepLR",
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "get_total_norm",
]

ABSENT = {"LRScheduler": "it is Schedule", "lr_scheduler": "its schedules are here, beside the rules"}


def __getattr__(name: str) -> object:
    raise missing(__name__, name, ABSENT)
