"""The metadata of an estimator's file, as `FittedState` and the parameters make it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from plaingrad.errors import InputError
from plaingrad.saving.schema import Count, History, Number, Strict, expect_distinct

MOST_FEATURES = 10**7
LONG = 2**63 - 1


class NotFinite(Strict, frozen=True):
    """A number that JSON does not have."""

    float: Literal["inf", "-inf", "nan"]


ExtendedNumber = Number | NotFinite
NonNegative = Annotated[int, Meta(ge=0, le=LONG)] | Annotated[float, Meta(ge=0)]


class Labels(Strict, frozen=True):
    """The labels of a classifier."""

    dtype: str
    values: list[Any]


class RecordData(Strict, frozen=True):
    """A `Record` without its best weights, which the network has."""

    loss_curve: list[ExtendedNumber]
    validation_loss_curve: list[ExtendedNumber] | None
    validation_scores: list[ExtendedNumber] | None
    best_loss: ExtendedNumber | None
    best_validation_score: ExtendedNumber | None
    n_iter: Count
    t: Count
    no_improvement: Count

    def __post_init__(self) -> None:
        for name in ("validation_loss_curve", "validation_scores"):
            curve = getattr(self, name)
            if curve is not None and len(curve) != len(self.loss_curve):
                raise InputError(f"expected {name!r} as long as 'loss_curve', got {len(curve)}")
        if self.best_loss is None and self.validation_scores is None:
            raise InputError("expected 'best_loss' or 'validation_scores', got neither")


class EstimatorMetadata(Struct, frozen=True):
    """All that an estimator's file says beside the networks."""

    estimator: str
    parameters: dict[str, Any]
    not_kept: list[str]  # for people
    own_network: bool
    features: Annotated[int, Meta(ge=1, le=MOST_FEATURES)]
    feature_names: list[str] | None
    columns: Count
    link: str
    classes: Labels | None
    class_weights: list[NonNegative] | None
    levels: dict[str, list[Any]]
    loss: ExtendedNumber
    epochs: Count
    samples: Count
    records: list[RecordData]
    histories: list[History] | None

    def __post_init__(self) -> None:
        if self.feature_names is not None:
            expect_distinct("feature_names", self.feature_names)
            if len(self.feature_names) != self.features:
                got = len(self.feature_names)
                raise InputError(f"expected 'feature_names' to be {self.features}, got {got}")
        for name in self.levels:
            if name not in (self.feature_names or ()):
                raise InputError(f"levels: expected names among 'feature_names', got {name!r:.40}")
