"""Estimators with scikit-learn's interface, the picture of their loss, and models of whole tables."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plaingrad.estimators.classifier import MLPClassifier
    from plaingrad.estimators.display import LossCurveDisplay
    from plaingrad.estimators.regressor import MLPRegressor
    from plaingrad.estimators.table import TableModel

# Names are looked up when they are first used: who needs a network alone need not wait for scikit-learn.
_HOME = {
    "LossCurveDisplay": "display",
    "MLPClassifier": "classifier",
    "MLPRegressor": "regressor",
    "TableModel": "table",
}

__all__ = ["LossCurveDisplay", "MLPClassifier", "MLPRegressor", "TableModel"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
