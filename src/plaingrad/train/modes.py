"""Training and evaluation mode for the length of a block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from plaingrad.module import Module


@contextmanager
def mode(training: bool, *roots: Module) -> Iterator[None]:
    """Put these networks in training or evaluation mode, and afterwards every module back as it was."""
    before = [(module, module.training, module.saving) for root in roots for module in root.modules()]
    try:
        for root in roots:
            root.train(training)
        yield
    finally:
        for module, was_training, was_saving in before:
            module.training, module.saving = was_training, was_saving
