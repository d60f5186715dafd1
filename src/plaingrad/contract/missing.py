"""Attributes that modules do not have: what to write for those of torch.nn, and what `load` once gave."""

from __future__ import annotations

import warnings
from typing import Any

from plaingrad.contract.tree import Tree

FILE = ("module", "facts", "attachments", "versions")  # of the object that `load` once gave

HABITS = {
    "cpu": "write .to('cpu')",
    "cuda": "write .to('cuda')",
    "double": "write .to(torch.float64)",
    "float": "write .to(torch.float32)",
    "half": "write .to(torch.float16)",
    "register_buffer": "assign a plaingrad.Buffer to a field",
    "register_parameter": "assign a plaingrad.Parameter to a field",
}


def missing(module: Tree, name: str) -> Any:
    """The attribute of the file from which a network was read, with a warning.

    Raises:
        AttributeError: it is another attribute, or the network is from no file.
    """
    file = vars(module).get("_file")
    if file is not None and name in FILE:
        text = f"load gives the network itself now: write read_file(path).{name}; refused from 0.4 on"
        warnings.warn(text, DeprecationWarning, stacklevel=3)
        return module if name == "module" else vars(file)[name]
    hint = f"; {HABITS[name]}" if name in HABITS else ""
    text = f"{type(module).__name__!r} object has no attribute {name!r}{hint}"
    raise AttributeError(text, name=name, obj=module)
