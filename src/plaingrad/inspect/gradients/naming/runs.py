"""The backward that is under test, run again: with other upstream gradients, or watched."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from torch import Tensor

from plaingrad.inspect.gradients.tested import ModuleUnderTest, as_tuple, doubled, leaves


def gradients(
    under_test: ModuleUnderTest,
    dys: Sequence[Tensor | None],
    watching: AbstractContextManager[Any] | None = None,
    seed: int | None = None,
) -> dict[str, Tensor]:
    """The gradients of inputs and parameters by name, as one forward and backward give them.

    Args:
        under_test: the module.
        dys: the upstream gradients.
        watching: entered around backward.
        seed: the random state in which backward begins; that in which forward ended if None.
    """
    try:
        under_test.zero_grad()
        under_test.forward(doubled(under_test.inputs))
        if seed is not None:
            under_test.reseed(seed)
        with watching or nullcontext():
            returned = under_test.backward(doubled(dys))
        entries = under_test.with_entries(len(as_tuple(returned)))
        single = len(entries) == 1
        pairs = zip(entries, (returned,) if single else as_tuple(returned))
        by_name = dict(each for name, nest in pairs for each in leaves(name, nest))
        return by_name | {name: p.grad.clone() for name, p in under_test.parameters.items()}
    finally:
        under_test.zero_grad()
