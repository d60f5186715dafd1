"""The conformance table: the rows of every file in this folder."""

import importlib
from pathlib import Path

from conformance.case import Case

FILES = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith("test_"))

CASES: list[Case] = [
    case
    for name in FILES
    if name not in ("__init__", "case", "table")
    for case in importlib.import_module(f"conformance.{name}").CASES
]
