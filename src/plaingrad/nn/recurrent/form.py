"""The forms in which sequences come and go: a batch, a single one, or packed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor

from plaingrad.nn.recurrent.steps import Steps


@dataclass(frozen=True)
class Form:
    """The form of a batch of sequences.

    Attributes:
        steps: their layout as rows.
        batch_axis: the axis of the batch; None for packed sequences and for a single one.
        packed: the packed sequences, without data; None if they are not packed.
    """

    steps: Steps
    batch_axis: int | None
    packed: Any = None

    def rows(self, x: Any) -> Float[Tensor, "rows features"] | None:
        """The steps of sequences, or of their gradients, in rows."""
        if self.packed is not None:
            return x if x is None else x[0]
        if x is None or self.batch_axis is None:
            return x
        return (x.transpose(0, 1) if self.batch_axis == 0 else x).reshape(-1, x.shape[2])

    def sequences(self, rows: Float[Tensor, "rows features"], gradient: bool = False) -> Any:
        """The rows in this form; of a gradient, what is no number is None."""
        if self.packed is not None:
            nothing = self.packed._make([None] * len(self.packed))
            return (nothing if gradient else self.packed)._replace(data=rows)
        if self.batch_axis is None:
            return rows
        x = rows.view(len(self.steps.sizes), self.steps.batch, rows.shape[1])
        return x.transpose(0, 1) if self.batch_axis == 0 else x

    def states(self, states: Tensor) -> Float[Tensor, "layers batch size"]:
        """States, or their gradients, in the order of the rows."""
        if self.packed is not None:
            return states if self.packed[2] is None else states.index_select(1, self.packed[2])
        return states.unsqueeze(1) if self.batch_axis is None else states

    def of_states(self, states: Float[Tensor, "layers batch size"]) -> Tensor:
        """States, or their gradients, from the order of the rows."""
        if self.packed is not None:
            return states if self.packed[3] is None else states.index_select(1, self.packed[3])
        return states.squeeze(1) if self.batch_axis is None else states
