"""Callbacks around epochs and batches, named as in Keras."""

from plaingrad.train.callbacks.average import Average
from plaingrad.train.callbacks.callback import Callback, Run
from plaingrad.train.callbacks.csv_logger import CSVLogger
from plaingrad.train.callbacks.early_stopping import EarlyStopping
from plaingrad.train.callbacks.model_checkpoint import ModelCheckpoint
from plaingrad.train.callbacks.progress_bar import ProgressBar
from plaingrad.train.callbacks.tensorboard import TensorBoard

__all__ = [
    "Average",
    "CSVLogger",
    "Callback",
    "EarlyStopping",
    "ModelCheckpoint",
    "ProgressBar",
    "Run",
    "TensorBoard",
]
