"""The former name of `plaingrad.tables`."""

from plaingrad.lazy import exports

_NAMES = ["Choice", "TableEncoder", "Target", "read_frame"]

__getattr__, __dir__ = exports(__name__, {}, moved=dict.fromkeys(_NAMES, "plaingrad.tables"))
