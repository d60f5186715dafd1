"""Where initial values come from when no generator is named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch

_current: ContextVar[torch.Generator | None] = ContextVar("_current", default=None)


@contextmanager
def drawing_from(generator: torch.Generator) -> Iterator[None]:
    """Let initialisers that are given no generator draw from this one, so that PyTorch's own stays as it is.

    It counts for this thread and for what is built in the block, as in
    ``with init.drawing_from(generator): nn.Linear(2, 3)``.
    """
    token = _current.set(generator)
    try:
        yield
    finally:
        _current.reset(token)


def source(generator: torch.Generator | None) -> torch.Generator | None:
    """The generator itself, or if it is None that of the block; None for PyTorch's own."""
    return _current.get() if generator is None else generator
