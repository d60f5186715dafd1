"""Where files are to be written."""

from __future__ import annotations

import errno
import os
from pathlib import Path


def expect_place(path: Path | None) -> None:
    """Say before any work is done that a file could not be written; None is none.

    Raises:
        OSError: there is no such folder, or the path is one.
    """
    if path is None:
        return
    path.parent.stat()
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
