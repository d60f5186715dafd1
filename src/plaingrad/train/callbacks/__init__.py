"""What can happen around epochs and batches, with Keras' names."""

from plaingrad.train.callbacks.callback import Callback, Run

__all__ = ["Callback", "Run"]
