"""What looks at a training of a table while it runs."""

from __future__ import annotations

import numpy as np

from plaingrad.train.callbacks import Callback


class Watcher(Callback):
    """A callback that may look at the validation data itself."""

    def begin(self, held_out: tuple[np.ndarray, np.ndarray] | None, task: str, link: str) -> None:
        """Be told before training begins.

        Args:
            held_out: features and encoded target of the validation rows, if there are any.
            task: "classification" or "regression".
            link: how outputs become scaled numbers, "identity" or "exp".
        """
