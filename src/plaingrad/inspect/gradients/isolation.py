"""The state of PyTorch in which modules are checked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from plaingrad.train.threads import threads


@contextmanager
def isolated(device: torch.device) -> Iterator[None]:
    """Disable autograd, set double precision and one thread; then restore torch's global state."""
    dtype = torch.get_default_dtype()
    with (
        torch.inference_mode(False),
        torch.no_grad(),
        torch.random.fork_rng([device] if device.type == "cuda" else []),
        threads(1),  # for thousands of small forwards
    ):
        torch.set_default_dtype(torch.float64)
        try:
            yield
        finally:
            torch.set_default_dtype(dtype)
