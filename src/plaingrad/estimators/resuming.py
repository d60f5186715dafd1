"""The folder that a fit of an estimator goes on from after it was killed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

from torch import Tensor

from plaingrad.data import Dataset
from plaingrad.data.checks import expect_folder
from plaingrad.errors import error_fields
from plaingrad.estimators.parameters import Parameters
from plaingrad.train.resume.fingerprint import digest, readable, words

# What no step depends on, or what is seen from the seed and the callbacks themselves.
ASIDE = ("checkpoint", "verbose", "random_state", "callbacks")
ATTEMPTS = 100


def run_name(
    parameters: Parameters, data: tuple[Tensor, Tensor], options: Mapping[str, Any], seed: int, before: int
) -> str:
    """The name of a fit, which is another one for other data, settings or random numbers.

    Args:
        parameters: of the estimator.
        data: inputs and targets.
        options: of the training, with the weights of the samples and the validation data.
        seed: the first number that the fit draws.
        before: samples that its networks visited before, as with ``warm_start``.
    """
    names = [field.name for field in fields(parameters) if field.name not in ASIDE]
    settings = {name: readable(getattr(parameters, name)) for name in names}
    callbacks = [words(each) for each in parameters.callbacks or () if not each.only_looks]
    held_out = options["validation"]
    validation = vars(held_out) if isinstance(held_out, Dataset) else held_out
    numbers = [digest(each) for each in (data, options["sample_weight"], validation)]
    text = repr((settings, callbacks, readable(options["loss"]), numbers, seed, before))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@contextmanager
def own_folder(parent: str | os.PathLike[str] | None, name: str) -> Iterator[Path | None]:
    """A folder for one fit among others that run at the same time; None if there is to be no checkpoint.

    Args:
        parent: that of the estimator; removed in the end if it is empty then, and likewise that of the fit.
        name: of the fit, as `run_name` has it.

    Raises:
        InputError: there is a file of this name.
        OSError: the folder cannot be created.
    """
    if parent is None:
        yield None
        return
    folder = Path(parent) / name
    with error_fields(argument="checkpoint"):
        expect_folder(folder)
    for attempt in range(ATTEMPTS):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            break
        except FileNotFoundError:  # another fit has ended and removed the parent since it was created
            if attempt == ATTEMPTS - 1:
                raise
    try:
        yield folder
    finally:
        for each in (folder, folder.parent):
            with suppress(OSError):  # there is something in it, or it is gone
                each.rmdir()
