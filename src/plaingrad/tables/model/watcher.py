"""The callbacks of a training of a table that see its validation data."""

from __future__ import annotations

from plaingrad.tables import Target
from plaingrad.tables.model.rows import Samples
from plaingrad.tables.settings import Settings
from plaingrad.train.callbacks import Callback


class Watcher(Callback):
    """A callback that may look at the validation data itself."""

    def begin(self, held_out: Samples | None, target: Target, settings: Settings) -> None:
        """Take note of the data, before training begins.

        Args:
            held_out: the validation rows, if there are any.
            target: what is predicted.
            settings: of network and training.
        """
