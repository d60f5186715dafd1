"""How much is measured: all, or with BENCH_QUICK=FOLDER the least that shows it to work, written there."""

from __future__ import annotations

import os
from pathlib import Path

QUICK = os.environ.get("BENCH_QUICK", "")
FOLDER = Path(QUICK) if QUICK else Path(__file__).parent


def repetitions(full: int) -> int:
    """How often something is timed, which is so often when figures count."""
    return 1 if QUICK else full
