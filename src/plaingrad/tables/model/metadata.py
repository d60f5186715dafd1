"""The metadata of a table's model: all that its file says beside the networks and the encoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from plaingrad.errors import InputError
from plaingrad.saving.schema import Count, History, Number, Positive, decode
from plaingrad.tables import Choice, TableEncoder, Target
from plaingrad.tables.model.decision import Decision

LINKS = {
    "classification": ("softmax", "logistic"),
    "ordinal": ("logistic",),
    "regression": ("identity", "exp"),
}


class Network(Struct, frozen=True):
    """The sizes of the networks."""

    architecture: list[Annotated[int, Meta(gt=0)]]
    parameters: Count
    models: Count
    embedded_columns: Count


class Training(Struct, frozen=True):
    """The course of the training."""

    epochs: Count
    best_epoch: Count | None
    stopped: str
    engine: str
    engine_reason: str
    batch_size: Count
    seconds: Number

    def __post_init__(self) -> None:
        if self.best_epoch is not None and not 1 <= self.best_epoch <= self.epochs:
            raise InputError(f"best_epoch: expected 1 to {self.epochs}, got {self.best_epoch}")


class Settings(Struct, frozen=True):
    """The settings of the training that a prediction depends on."""

    loss: str
    quantile: Number

    def __post_init__(self) -> None:
        if not 0 < self.quantile < 1:
            raise InputError(f"quantile: expected a number between 0 and 1, got {self.quantile}")


class Metadata(Struct, frozen=True):
    """The fields that have a meaning; there may be others, of which nothing is expected.

    The first ones say how a model predicts; those that may be missing tell of its training.
    """

    target: Target
    link: str
    classes: list[Count]
    class_weights: list[Positive] | None
    task: str | UnsetType = UNSET
    judged_by: str | UnsetType = UNSET
    rows: Annotated[dict[str, Count], Meta(min_length=1)] | UnsetType = UNSET
    network: Network | UnsetType = UNSET
    training: Training | UnsetType = UNSET
    settings: Settings | UnsetType = UNSET
    scores: Annotated[dict[str, Number | None], Meta(min_length=1)] | UnsetType = UNSET
    history: History | UnsetType = UNSET
    columns: list[Choice] | UnsetType = UNSET
    decision: Decision | UnsetType = UNSET

    def __post_init__(self) -> None:
        labels, classes, weights = self.target.labels, self.classes, self.class_weights
        task = self.target.task
        if self.link not in LINKS[task]:
            raise InputError(f"expected a link for {task}, got {self.link!r:.40}")
        if not all(each < len(labels) for each in classes):
            raise InputError(f"expected classes among {len(labels)} labels, got {classes!r:.40}")
        if bool(classes) != bool(labels) or len(set(classes)) < len(classes) or len(classes) == 1:
            raise InputError(f"expected distinct classes for {task}, got {classes!r:.40}")
        if task == "ordinal" and classes != list(range(len(labels))):
            raise InputError(f"expected all classes in their order for {task}, got {classes!r:.40}")
        if task == "classification" and (self.link == "logistic") != (len(classes) == 2):
            raise InputError(f"expected a link for {len(classes)} classes, got {self.link!r:.40}")
        if weights is not None and len(weights) != len(classes):
            raise InputError(f"expected a weight above 0 for each class, got {weights!r:.40}")
        if self.decision is not UNSET and len(labels) != 2:
            raise InputError(f"decision: expected none but between two classes, got one of {len(labels)}")
        if self.task not in (UNSET, task):
            raise InputError(f"task: expected {task!r}, got {self.task!r:.60}")
        if self.training is not UNSET and self.history is not UNSET:
            epochs = len(self.history.epochs.get("loss", []))
            if self.training.epochs != epochs:
                raise InputError(f"training: epochs: expected {epochs}, got {self.training.epochs}")

    @classmethod
    def of(cls, metadata: Mapping[str, Any]) -> Metadata:
        """The metadata in the facts of a model file.

        Raises:
            InputError: one is of another type, incomplete, or contradicts another.
        """
        return decode(cls, dict(metadata), "facts")

    def expect_columns(self, encoder: TableEncoder) -> None:
        """Refuse an encoder of other columns than these."""
        if self.columns is not UNSET:
            columns = [(each.name, each.features) for each in self.columns]
            expected = [(each.name, each.features) for each in encoder.choices()]
            if columns != expected:
                raise InputError(f"facts: columns: expected {expected!r:.100}, got {columns!r:.100}")


KNOWN: tuple[str, ...] = Metadata.__struct_fields__
