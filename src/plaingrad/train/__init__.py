"""Training: fit, evaluate, predict, and what happens around them."""

from plaingrad.native.predict import CompiledPredictor, compile_predict
from plaingrad.train import callbacks
from plaingrad.train.diagnose import TrainingDiverged
from plaingrad.train.evaluation import evaluate, predict
from plaingrad.train.history import History
from plaingrad.train.loop import fit
from plaingrad.train.many import fit_many

__all__ = [
    "CompiledPredictor",
    "History",
    "TrainingDiverged",
    "callbacks",
    "compile_predict",
    "evaluate",
    "fit",
    "fit_many",
    "predict",
]
