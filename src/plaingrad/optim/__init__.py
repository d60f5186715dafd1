"""Update rules and schedules, named as torch.optim names them."""

from plaingrad.optim.optimizer import Optimizer
from plaingrad.optim.sgd import SGD

__all__ = ["SGD", "Optimizer"]
