"""Update rules and schedules, named as torch.optim names them."""

from plaingrad.optim.adagrad import Adagrad
from plaingrad.optim.adam import Adam, AdamW
from plaingrad.optim.clip import clip_grad_norm_, clip_grad_value_
from plaingrad.optim.optimizer import Optimizer
from plaingrad.optim.rmsprop import RMSprop
from plaingrad.optim.sgd import SGD

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop", "clip_grad_norm_", "clip_grad_value_"]
