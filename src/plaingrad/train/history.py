"""The history of a training run, epoch by epoch."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from plaingrad.contract.html import escaped
from plaingrad.extras import needed_by
from plaingrad.files import replacing
from plaingrad.train.sparkline import svg_curves

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

LOSSES = ("loss", "val_loss")


@dataclass(repr=False)
class History:
    """The record of one call of `plaingrad.fit`.

    ``history["val_loss"]`` is the list of that column's values, one per epoch; ``len(history)`` counts the
    epochs.

    Attributes:
        epochs: a list per column: ``loss`` (the mean over the samples of the losses of their batches, as
            they were met during the epoch), ``<name>_loss`` for each of several losses, the metrics by name,
            ``val_loss`` and ``val_<metric>`` if there was validation data, ``penalty`` (what the weight decay
            added to the losses of the batches) where that is meant for one sample, ``lr`` (of the first
            parameter group, as the epoch began) and ``seconds`` (training alone).
        steps: the number of updates.
        seconds: the time of the whole call.
        engine: ``"eager"``, ``"native"``, or ``"native and eager"`` where a callback or a schedule made a
            change for which nothing was compiled.
        engine_reason: the reason for it, ``"native: saves about 12 s for a compile of 0.8 s"`` for instance.
        stopped: why training ended; empty while it runs.
    """

    epochs: dict[str, list[float]] = field(default_factory=dict)
    steps: int = 0
    seconds: float = 0.0
    engine: str = ""
    engine_reason: str = ""
    stopped: str = ""

    def append(self, values: dict[str, float]) -> None:
        """Add an epoch's value to each column."""
        for name, value in values.items():
            self.epochs.setdefault(name, []).append(value)

    def last(self) -> dict[str, float]:
        """The values of the last epoch; empty before the first one has ended."""
        return {name: column[-1] for name, column in self.epochs.items()}

    def __repr__(self) -> str:
        """The last losses and how training went, on one line."""
        last = ", ".join(f"{name} {self.last()[name]:.4g}" for name in LOSSES if name in self.epochs)
        epochs = f"{len(self)} epoch{'' if len(self) == 1 else 's'}"
        parts = [epochs + (f": {last}" if last else ""), self.stopped, f"{self.engine}, {self.seconds:.2g} s"]
        return f"History({'; '.join(filter(None, parts if self.engine else parts[:2]))})"

    def _repr_html_(self) -> str:
        """The line of the printed form with the curves of the losses below it, for a notebook."""
        return f"<div>{escaped(self)}</div>{svg_curves([self.epochs.get(name, []) for name in LOSSES])}"

    def __len__(self) -> int:
        return len(self.epochs.get("loss", []))

    def __getitem__(self, name: str) -> list[float]:
        if name not in self.epochs:
            raise KeyError(f"history: no column {name!r}; there are {', '.join(self.epochs) or 'none yet'}")
        return self.epochs[name]

    @property
    def loss(self) -> list[float]:
        """The training loss of each epoch."""
        return self["loss"]

    @property
    def val_loss(self) -> list[float]:
        """The validation loss of each epoch."""
        return self["val_loss"]

    def to_dict(self) -> dict[str, Any]:
        """The history as JSON data: dicts, lists, numbers and strings; NaN and infinity become None."""
        columns = {
            name: [value if math.isfinite(value) else None for value in column]
            for name, column in self.epochs.items()
        }
        return {**vars(self), "epochs": columns}

    def to_frame(self) -> pd.DataFrame:
        """A pandas table with a row per epoch, counted from 1, and a column per quantity."""
        with needed_by("History.to_frame"):
            import pandas as pd
        return pd.DataFrame(self.epochs, index=pd.RangeIndex(1, len(self) + 1, name="epoch"))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write `to_dict` as a JSON file, atomically."""
        with replacing(path) as temporary:
            temporary.write_text(
                json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n", encoding="utf-8"
            )

    def plot(
        self,
        ax: Axes | None = None,
        *,
        best: int | None = None,
        title: str = "Loss during training",
        ylabel: str = "loss",
    ) -> Axes:
        """Draw the loss curves over the epochs, and return the axes.

        Args:
            ax: the axes to draw on; None creates a pyplot figure.
            best: the epoch to mark as kept, counted from 1.
            title: the title of a new figure.
            ylabel: the name of the loss.
        """
        from plaingrad.drawing import dress
        from plaingrad.train.curve import draw_losses

        if ax is None:
            import matplotlib.pyplot as plt

            ax = plt.figure(figsize=(7, 4.2), layout="constrained").subplots()
            dress(ax, title)
        draw_losses(ax, self["loss"], self.epochs.get("val_loss", ()), best, ylabel)
        return ax
