"""Model files that are not what they should be: how each is made, and the words of the refusal."""

from bad.models import architecture, container, document, tensors
from bad.models.writer import Table, good

BAD: Table = {**container.BAD, **document.BAD, **architecture.BAD, **tensors.BAD}

__all__ = ["BAD", "good"]
