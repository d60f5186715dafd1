"""A table in parts: what a network is trained on, what ends its training, and what it is judged by."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from plaingrad.data import Dataset, Scale, split
from plaingrad.data.table import Table

VALIDATION_SIZE = 0.1


@dataclass(frozen=True)
class Parts:
    """Standardised parts of a table.

    Attributes:
        train: float32, standardised by its own mean and deviation.
        validation: standardised likewise; None if there is none.
        test: standardised likewise.
        truth: the targets of the test part in their own units: class indices or values ``(n, 1)``.
        inputs: how the columns were standardised.
        targets: how the values to be predicted were; None for classes.
    """

    train: Dataset
    validation: Dataset | None
    test: Dataset
    truth: Tensor
    inputs: Scale
    targets: Scale | None

    @classmethod
    def of(cls, table: Table, test_size: float, validate: bool, seed: int) -> Parts:
        """Draw the parts; classes keep their share in each, as far as there are enough rows.

        Raises:
            ValueError: there are too few rows for a training and a test part with all classes.
        """
        data, classes = table.data, len(table.data.class_names)
        rest, test = split(data, test_size, seed)
        for name, part in (("test", test), ("training", rest)):
            if len(part) < classes:
                raise ValueError(
                    f"too few rows: {len(data)} leave {len(part)} for the {name} part, "
                    f"which has to hold {classes} classes"
                )
        train, validation = split(rest, VALIDATION_SIZE, seed) if validate else (rest, None)
        inputs = Scale.of(train.inputs)
        targets = None if classes else Scale.of(train.targets)

        def prepared(part: Dataset) -> Dataset:
            values = targets.apply(part.targets) if targets else part.targets
            return replace(part, inputs=inputs.apply(part.inputs), targets=values).to(torch.float32)

        return cls(
            prepared(train),
            prepared(validation) if validation else None,
            prepared(test),
            test.targets,
            inputs,
            targets,
        )

    def told(self) -> str:
        """How many rows each part has."""
        counts = [f"{len(self.train):,} rows to train"]
        counts += [f"{len(self.validation):,} to validate"] if self.validation else []
        return ", ".join([*counts, f"{len(self.test):,} to test"])

    def understood(self, outputs: Tensor) -> Tensor:
        """A network's outputs as classes, or as values in the target's units."""
        return self.targets.undo(outputs.double()) if self.targets else outputs.argmax(1)

    def described(self, table: Table) -> dict[str, Any]:
        """What one must know to use the network on other rows of such a table."""
        facts: dict[str, Any] = {
            "task": table.task,
            "target": table.target,
            "features": list(table.data.feature_names),
            "input_mean": self.inputs.mean.tolist(),
            "input_deviation": self.inputs.deviation.tolist(),
        }
        if self.targets is None:
            return {**facts, "classes": list(table.data.class_names)}
        return {
            **facts,
            "target_mean": self.targets.mean.item(),
            "target_deviation": self.targets.deviation.item(),
        }
