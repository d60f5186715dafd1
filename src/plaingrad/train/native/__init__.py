"""`plaingrad.native`, under the name that it had before: found until 0.4."""

import importlib
import pkgutil
import sys
import warnings

import plaingrad.native

warnings.warn(f"{__name__} is plaingrad.native now; refused from 0.4 on", DeprecationWarning, stacklevel=2)

for _info in pkgutil.walk_packages(plaingrad.native.__path__, "plaingrad.native."):
    _module = importlib.import_module(_info.name)
    _path = _info.name.removeprefix("plaingrad.native.").removeprefix("compile.")
    sys.modules[f"{__name__}.{_path}"] = _module
    if "." not in _path:
        globals()[_path] = _module
