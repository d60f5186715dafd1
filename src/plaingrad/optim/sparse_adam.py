"""The name of torch.optim's rule for sparse gradients, which is refused."""

from __future__ import annotations

from typing import Any, NoReturn

from plaingrad.errors import InputError


class SparseAdam:
    """Refused: backward passes here add to dense gradients, so there is no sparse one to update by.

    `Adam` updates the same parameters; a row of an embedding that no sample looked up then moves on by its
    momentum.

    Raises:
        InputError: always.
    """

    def __new__(cls, *arguments: Any, **options: Any) -> NoReturn:  # type: ignore[misc]
        raise InputError("SparseAdam: expected sparse gradients, but all are dense here; use Adam")
