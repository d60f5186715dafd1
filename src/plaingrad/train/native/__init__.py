"""`plaingrad.native`, under the name that it had before: found until 0.4."""

import importlib
import sys

_MODULES = ("activations", "call", "compile.builder", "compile.cache", "cost", "lower", "predict")

for _module in _MODULES:
    _name = f"{__name__}.{_module.rpartition('.')[2]}"
    sys.modules[_name] = importlib.import_module(f"plaingrad.native.{_module}")
