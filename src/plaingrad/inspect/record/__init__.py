"""The record of one step of training, from which everything that shows a step is drawn."""

from plaingrad.inspect.record.recording import record
from plaingrad.inspect.record.trace import Call, Trace

__all__ = ["Call", "Trace", "record"]
