"""How much is tried of what could be tried without end."""

from __future__ import annotations

import os

THOROUGH = "PLAINGRAD_THOROUGH" in os.environ
# A run that is not thorough tries one in so many.
SHARE = 3


def draws(count: int) -> int:
    """Random examples for a property: ``count`` in a thorough run, else a third of them, two at least."""
    return count if THOROUGH else max(2, count // SHARE)


def every_third(k: int) -> slice:
    """What row ``k`` is tried with: everything in a thorough run, else a third, another for the next row."""
    return slice(None) if THOROUGH else slice(k % SHARE, None, SHARE)
