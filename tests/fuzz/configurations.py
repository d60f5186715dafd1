"""The configuration of each number."""

from __future__ import annotations

from fuzz.configuration import Configuration
from fuzz.draw import Draw
from fuzz.layers import LAYERS
from fuzz.losses import LOSSES
from fuzz.margins import MARGINS
from fuzz.sequences import SEQUENCES
from fuzz.vocabulary import VOCABULARY
from fuzz.windows import WINDOWS

CLASSES = LAYERS | LOSSES | MARGINS | WINDOWS | SEQUENCES | VOCABULARY


def configuration(case: int) -> Configuration:
    """Draw the configuration of a number."""
    draw = Draw(case)
    chosen = CLASSES[draw.one(*CLASSES)](draw)
    chosen.case = case
    return chosen
