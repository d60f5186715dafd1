"""Training: fit, evaluate, predict, and what happens around them."""

from plaingrad.native.predict import CompiledPredictor, compile_predict
from plaingrad.train import callbacks
from plaingrad.train.averaging import (
    AveragedModel,
    get_ema_avg_fn,
    get_ema_multi_avg_fn,
    get_swa_avg_fn,
    get_swa_multi_avg_fn,
    update_bn,
)
from plaingrad.train.diagnose import TrainingDiverged
from plaingrad.train.evaluation import evaluate, predict
from plaingrad.train.history import History
from plaingrad.train.loop import fit
from plaingrad.train.many import fit_many
from plaingrad.train.ranks.group import RanksLost

__all__ = [
    "AveragedModel",
    "CompiledPredictor",
    "History",
    "RanksLost",
    "TrainingDiverged",
    "callbacks",
    "compile_predict",
    "evaluate",
    "fit",
    "fit_many",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "predict",
    "update_bn",
]
