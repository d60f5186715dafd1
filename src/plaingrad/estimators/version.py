"""The version of plaingrad in the pickle of an estimator."""

from __future__ import annotations

import warnings
from typing import Any

from sklearn.exceptions import InconsistentVersionWarning

from plaingrad._version import __version__

KEY = "_plaingrad_version"


class OtherVersionWarning(InconsistentVersionWarning):
    """Warning of an estimator's pickle that another version of plaingrad has written."""

    def __init__(self, name: str, version: str) -> None:
        super().__init__(
            estimator_name=name, current_sklearn_version=__version__, original_sklearn_version=version
        )

    def __str__(self) -> str:
        expected, got = self.current_sklearn_version, self.original_sklearn_version
        return (
            f"{self.estimator_name}: expected a pickle of plaingrad {expected}, got one of {got}, which may "
            "predict or go on differently; the methods save and load keep an estimator across versions"
        )


def marked(attributes: dict[str, Any]) -> dict[str, Any]:
    """The attributes for a pickle, with the version that writes it."""
    return {**attributes, KEY: __version__}


def unmarked(name: str, attributes: dict[str, Any]) -> dict[str, Any]:
    """The attributes of a pickle without its version, with a warning if that is another one."""
    written = attributes.get(KEY, "an unknown version")
    if written != __version__:
        warnings.warn(OtherVersionWarning(name, written), stacklevel=3)
    return {key: value for key, value in attributes.items() if key != KEY}
