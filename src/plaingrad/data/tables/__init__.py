"""Tables: read from files, encoded for networks, and the column that is to be predicted."""

from plaingrad.data.tables.encoder import Choice, TableEncoder
from plaingrad.data.tables.reading import read_frame
from plaingrad.data.tables.target import Target

__all__ = ["Choice", "TableEncoder", "Target", "read_frame"]
