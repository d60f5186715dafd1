"""The options that say how a table file is to be read."""

from __future__ import annotations

from dataclasses import dataclass

from plaingrad.tables.reading.encoding import UTF_8


@dataclass(frozen=True)
class ReadOptions:
    """The options of `read_frame` that a user may have to give, for a file whose first bytes do not tell.

    Attributes:
        format: the format, whatever the suffix; None: the suffix tells.
        separator: what stands between two fields of a text file; None: the first line tells.
        encoding: in which a text file was written.
        header: whether the first line of a text file names the columns; None: it does, and is refused where
            it looks like data.
    """

    format: str | None = None
    separator: str | None = None
    encoding: str = UTF_8
    header: bool | None = None
