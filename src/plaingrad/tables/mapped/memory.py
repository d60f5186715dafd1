"""Estimates of the memory that is left, and of what it takes to train on a table in memory."""

from __future__ import annotations

import re
from pathlib import Path

from plaingrad.tables.mapped.pieces import Pieces
from plaingrad.tables.reading.compression import COMPRESSIONS

BYTES_PER_CELL = 40  # cells as they stand, as numbers, and as features, and copies on the way
BYTES_PER_BYTE = 6  # of a text file
COMPRESSED = 5  # bytes of a text that make one, roughly
SHARE = 0.8  # of the memory that is left

LIMITS = (  # of a group of processes, and what it takes of it
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)


def available() -> float:
    """The bytes of memory that this process may still take; infinite where the system does not say."""
    left = [float("inf")]
    meminfo = Path("/proc/meminfo")
    if meminfo.exists() and (match := re.search(r"MemAvailable:\s*(\d+) kB", meminfo.read_text())):
        left.append(1024 * float(match[1]))
    for limit, usage in LIMITS:
        try:
            left.append(float(Path(limit).read_text()) - float(Path(usage).read_text()))
        except (OSError, ValueError):  # there is none
            continue
    return min(left)


def needed(pieces: Pieces) -> float:
    """The bytes of memory that it takes to train on a table in memory, roughly."""
    if pieces.rows is not None:
        return BYTES_PER_CELL * pieces.rows * len(pieces.names)
    sizes = (
        path.stat().st_size * (COMPRESSED if path.suffix.lower() in COMPRESSIONS else 1)
        for path, _ in pieces.files
    )
    return BYTES_PER_BYTE * sum(sizes)


def fits(pieces: Pieces) -> bool:
    """True for a table that can be trained on in memory."""
    return needed(pieces) <= SHARE * available()
