"""The default generator of initialisers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch

_current: ContextVar[torch.Generator | None] = ContextVar("_current", default=None)


@contextmanager
def drawing_from(generator: torch.Generator) -> Iterator[None]:
    """Set the default generator of initialisers, so that PyTorch's global generator is left alone.

    It applies to this thread and to modules built in the block, as in
    ``with init.drawing_from(generator): nn.Linear(2, 3)``.
    """
    token = _current.set(generator)
    try:
        yield
    finally:
        _current.reset(token)


def source(generator: torch.Generator | None) -> torch.Generator | None:
    """The generator itself, or the default of the block; None stands for PyTorch's global generator."""
    return _current.get() if generator is None else generator
