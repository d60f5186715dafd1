"""The parts of a table as a network gets them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from plaingrad.console.output import plural
from plaingrad.errors import InputError
from plaingrad.tables import TableEncoder, Target
from plaingrad.tables.columns.strange import StrangeCounts
from plaingrad.tables.model.automatic import automatic_bins, automatic_max_levels
from plaingrad.tables.model.raw import RawRows
from plaingrad.tables.model.rows import Rows, Samples
from plaingrad.tables.reading.source import IGNORE, mendable
from plaingrad.tables.settings import Settings
from plaingrad.tables.splits.parts import Parts


@dataclass(frozen=True)
class Encoded:
    """The parts of a table as a network gets them.

    Attributes:
        encoder: fitted to the training rows.
        train: what the network is trained on.
        validation: what tells when to stop; None if nothing does.
        test: what the network is judged by; None if it has been judged before.
        strange: the strange cells of tables other than the one of the training rows.
        raw: training and test rows with the columns as they stand; None without test rows.
    """

    encoder: TableEncoder
    train: Samples
    validation: Samples | None
    test: Samples | None
    strange: Mapping[Path, StrangeCounts] = field(default_factory=dict)
    raw: RawRows | None = None

    @classmethod
    def of(cls, parts: Parts, settings: Settings) -> Encoded:
        """Encode the columns as the training rows ask for.

        Raises:
            InputError: a column, the batch size or the embedding cannot be used.
        """
        rows = len(parts.train)
        if settings.batch_size is not None and settings.batch_size > rows:
            raise InputError(
                f"expected at most the {rows} training rows, got {settings.batch_size}", argument="batch_size"
            )
        with mendable(IGNORE):
            encoder = encoder_of(parts.train, settings)
            if settings.embedding and not encoder.cardinalities_:
                raise InputError("expected a column with categories, and there is none", argument="embedding")
            # What is tested is encoded now as well: a value that cannot be used shall cost no training.
            strange = defaultdict[Path, StrangeCounts](StrangeCounts)
            train, validation, test = (
                None if part is None else part.encoded(encoder, strange[part.source])
                for part in (parts.train, parts.validation, parts.test)
            )
            raw = None
            if parts.test is not None:
                raw = RawRows.of(encoder, parts.train, parts.test, settings.seed)
        assert train is not None
        del strange[parts.train.source]  # rare levels, which a part need not have
        return cls(encoder, train, validation, test, strange, raw)

    def retargeted(self, target: Target, other: Target) -> Encoded:
        """The same with the values of a target as another one has them."""
        parts = {
            name: replace(part, y=other.standardised(target.undo(part.y)))
            for name in ("train", "validation", "test")
            if (part := getattr(self, name)) is not None
        }
        return replace(self, **parts)

    def description(self) -> str:
        """The numbers of rows of the parts, in words."""
        counts = [f"{plural(len(self.train), 'row')} to train"]
        counts += [f"{len(self.validation):,} to validate"] if self.validation else []
        counts += [f"{len(self.test):,} to test"] if self.test else []
        return ", ".join(counts)

    def counts(self) -> dict[str, int]:
        """The same for a program."""
        named = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: len(rows) for name, rows in named.items() if rows is not None}


def encoder_of(rows: Rows, settings: Settings) -> TableEncoder:
    """An encoder fitted to training rows, with as many features as they can bear unless the settings say it.

    Raises:
        InputError: a column cannot be used, or none can.
    """
    levels = settings.max_levels or automatic_max_levels(len(rows))
    bins = settings.bins
    if bins is None:
        bins = automatic_bins(len(rows), rows.frame.shape[1])
    return fitted_encoder(rows, levels, settings.embedding, bins)


def fitted_encoder(rows: Rows, max_levels: int, embedding: bool = False, bins: int = 0) -> TableEncoder:
    """An encoder fitted to the columns of some rows; arguments as for `TableEncoder`.

    Raises:
        InputError: a column cannot be used, or none can.
    """
    with rows.located():
        encoder = TableEncoder(max_levels=max_levels, embedding=embedding, bins=bins)
        return encoder.fit(rows.frame, schema=rows.meaning.schema)
