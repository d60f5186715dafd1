"""Trained networks with all that it takes to predict from a table, in memory and in one file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import msgspec
import narwhals as nw
import numpy as np
import pandas as pd
import torch
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from plaingrad import interop
from plaingrad.contract.html import html_table
from plaingrad.errors import InputError
from plaingrad.estimators.base import BaseMultilayerPerceptron
from plaingrad.estimators.networks import expect_outputs
from plaingrad.estimators.prediction import Predictor
from plaingrad.estimators.saved import holds_estimator
from plaingrad.estimators.targets import without_class_weights
from plaingrad.module import Module
from plaingrad.nn import ColumnEmbedding, Parallel
from plaingrad.tables import TableEncoder, Target
from plaingrad.tables.columns.order import class_probabilities, median_class
from plaingrad.tables.columns.strange import StrangeCounts
from plaingrad.tables.model.decision import Decision
from plaingrad.tables.model.metadata import Metadata
from plaingrad.tables.model.opened import Opened, opened

KIND = "table"
STRUCTURE = (
    "kind",
    "target",
    "link",
    "classes",
    "class_weights",
    "decision",
)  # facts of which the model is made
ENCODER = "encoder"  # the attachment
PREDICTION = "prediction"  # the column


@dataclass(frozen=True, repr=False)
class TableModel:
    """Predicts a column of a table from its other columns: what `plaingrad train` makes and `load` reads.

    Attributes:
        members: the networks, whose predictions are averaged.
        encoder: from columns to the networks' inputs.
        target: what is predicted.
        link: from outputs to what is predicted, a name of `plaingrad.estimators.objectives.LINKS`.
        classes: the indices in ``target.labels`` of the classes that the networks know; empty for numbers.
        weights: of these classes in training; None if they counted alike.
        facts: what else is to be known, as JSON has it. What `plaingrad train` writes (settings, history,
            scores, numbers of rows) has names of its own, see `plaingrad.tables.model.metadata`.
        decision: between two classes; None for the more probable one, and for other targets.
    """

    members: Sequence[Module]
    encoder: TableEncoder
    target: Target
    link: str
    classes: np.ndarray
    weights: np.ndarray | None
    facts: Mapping[str, Any]
    decision: Decision | None = None

    @classmethod
    def of(
        cls,
        estimator: BaseMultilayerPerceptron,
        encoder: TableEncoder,
        target: Target,
        facts: Mapping[str, Any] = MappingProxyType({}),
    ) -> TableModel:
        """A model of its parts.

        Args:
            estimator: fitted to what ``encoder`` makes of the columns and ``target`` of its own, as
                ``target.learned`` has it; to codes for an embedding less 1, for estimators count from 0.
            encoder: fitted to the columns.
            target: what was predicted.
            facts: what is to be kept in the file besides, as JSON has it.

        Raises:
            InputError: a part is of another kind, or does not fit the others.
        """
        kinds = {"estimator": BaseMultilayerPerceptron, "encoder": TableEncoder, "target": Target}
        for (name, kind), part in zip(kinds.items(), (estimator, encoder, target)):
            if not isinstance(part, kind):
                hint = "; Target.of(values) makes one of the column" if kind is Target else ""
                raise InputError(f"{name}: expected a {kind.__name__}, got {part!r:.60}{hint}")
            if kind is not Target:
                check_is_fitted(part)
        _expect_codes(estimator.modules_, encoder)
        classes = getattr(estimator, "classes_", np.empty(0)).astype(np.int64)
        if target.task == "ordinal":
            classes = np.arange(len(target.labels))
        weights = getattr(estimator.state_.targets, "class_weights", None)
        return cls(estimator.modules_, encoder, target, estimator.out_activation_, classes, weights, facts)

    def __repr__(self) -> str:
        """The target, the columns and the size of the networks, in words."""
        sizes = [sum(parameter.value.numel() for parameter in member.parameters()) for member in self.members]
        several = f"{len(sizes)} networks" if len(sizes) > 1 else "a network"
        parts = [
            f"{self.target.task} of {self.target.name!r:.60}{_into(self.target.class_names)}",
            f"from {len(self.columns)} columns ({some(self.columns)})",
            f"by {several} with {sum(sizes):,} parameters",
        ]
        return f"{type(self).__name__}({' '.join(parts)})"

    def _repr_html_(self) -> str:
        """A row for each thing that the model says of itself, for a notebook."""
        scores = self.facts.get("scores", {}).items()
        sizes = [sum(parameter.value.numel() for parameter in member.parameters()) for member in self.members]
        rows = [
            ("predicts", f"{self.target.task} of {self.target.name!r:.60}{_into(self.target.class_names)}"),
            ("from", f"{len(self.columns)} columns: {some(self.columns, 12)}"),
            ("by", f"{len(sizes)} network{'s' * (len(sizes) > 1)} with {sum(sizes):,} parameters"),
            *((name, f"{value:.4g}") for name, value in scores if value is not None),
        ]
        return html_table(type(self).__name__, (), rows)

    @property
    def columns(self) -> list[str]:
        """The columns that it needs, by name."""
        return list(self.encoder.used_)

    @property
    def class_weights(self) -> dict[str, float] | None:
        """The weights by class; None if they counted alike."""
        if self.weights is None:
            return None
        names = (self.target.class_names[code] for code in self.classes)
        return dict(zip(names, self.weights.tolist()))

    def outputs(self, X: np.ndarray) -> np.ndarray:
        """The averaged predictions for encoded rows: a column for each class, or one of scaled numbers.

        In float64, whose last digits alone depend on which other rows are predicted in the same call.
        """
        members = [deepcopy(member).to(torch.float64) for member in self.members]
        return self.complete(Predictor(members, self.link)(X))

    def complete(self, outputs: np.ndarray) -> np.ndarray:
        """Predictions with a column for each class; of two, networks predict the second."""
        return class_probabilities(outputs) if self.link == "logistic" else outputs

    def codes(self, outputs: np.ndarray) -> np.ndarray:
        """Outputs as indices of classes in ``target.labels``, or as scaled numbers.

        Of ordered classes it is the median, which is off by the fewest classes on average.
        """
        if self.decision is not None and self.decision.threshold is not None:
            return self.decision.codes(self.probabilities(outputs))
        if self.target.task == "ordinal":
            return median_class(outputs)
        return self.classes[outputs.argmax(1)] if len(self.classes) else outputs[:, 0]

    def probabilities(self, outputs: np.ndarray) -> np.ndarray:
        """Outputs as the probability of each class of ``target.labels``, shape ``(rows, classes)``."""
        outputs = without_class_weights(outputs, self.weights)
        if len(self.classes) == len(self.target.labels):
            return outputs
        every = np.zeros((len(outputs), len(self.target.labels)), outputs.dtype)
        every[:, self.classes] = outputs
        return every

    def predict(self, frame: Any, strange: StrangeCounts | None = None) -> Any:
        """Predict from a data frame.

        Args:
            frame: of pandas, polars or another library that narwhals knows, with the needed columns in any
                order; or a matrix, whose columns are called x0, x1 and so on. Text is read as the text of the
                training was; of a file, `read_frame` with ``text=True`` keeps it as it stands.
            strange: counts the cells that are not what their column held in training; None: a
                `StrangeCellsWarning` tells of them.

        Returns:
            A frame of the same kind and as many rows, with pandas' index: the column ``prediction`` of
            labels, or of numbers in the target's own units; and for each class its probability, in a column
            such as ``probability_yes``.

        Raises:
            InputError: a column is missing or of another kind, or a number is infinite.
        """
        outputs = self.outputs(self.encoder.transform(frame, strange=strange))
        if len(self.classes):
            columns = {PREDICTION: self.target.decode(self.codes(outputs)), **self._named(outputs)}
        else:
            columns = {PREDICTION: self.target.undo(self.codes(outputs))}
        return _like(frame, columns)

    @available_if(lambda model: bool(model.target.labels))
    def predict_proba(self, frame: Any) -> Any:
        """Predict the probability of each class, for a target of classes.

        Args:
            frame: as for `predict`.

        Returns:
            A frame as `predict` gives it, without the labels: for each class its probability, in a column
            such as ``probability_yes``.

        Raises:
            InputError: as `predict` does.
            AttributeError: the target is a number.
        """
        outputs = self.outputs(self.encoder.transform(frame))
        return _like(frame, self._named(outputs))

    def _named(self, outputs: np.ndarray) -> dict[str, np.ndarray]:
        """The probabilities as columns."""
        pairs = zip(self.target.class_names, self.probabilities(outputs).T)
        return {f"probability_{name}": values for name, values in pairs}

    def opened(self, frame: Any, member: int = 0) -> Opened:
        """One of the networks by itself, to look into or to train further, with rows as it sees them.

        ``plaingrad.playground(model, frame)`` shows it; `plaingrad.inspect.record` takes its parts.

        Args:
            frame: with the model's columns and the target; rows without a target are left out.
            member: the index of the network.

        Returns:
            A copy of the network, the encoded rows, and a loss. Of two classes it has a score for each, with
            the same probabilities as the one output of the model.

        Raises:
            InputError: the target is missing, a value cannot be encoded, or the model is one of counts or of
                more than two ordered classes.
        """
        return opened(self, frame, member)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it to one file.

        Raises:
            InputError: a fact is not what its name stands for, or nothing that JSON can hold.
        """
        metadata = {
            **self.facts,
            "kind": KIND,
            "target": self.target.to_dict(),
            "link": self.link,
            "classes": self.classes.tolist(),
            "class_weights": None if self.weights is None else self.weights.tolist(),
            "columns": msgspec.to_builtins(self.encoder.choices()),
            **({} if self.decision is None else {"decision": msgspec.to_builtins(self.decision)}),
        }
        Metadata.of(metadata).expect_columns(self.encoder)
        module = self.members[0] if len(self.members) == 1 else Parallel(*self.members)
        interop.describe(module)  # refuses classes that `load` would not know
        interop.save(module, path, metadata, {ENCODER: self.encoder.to_bytes()})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> TableModel:
        """Read it again; nothing that the file holds is run.

        Raises:
            InputError: the file holds no such model, or one that contradicts itself.
            OSError: the file cannot be read.
        """
        file = interop.read_file(path)
        try:
            return cls._from(file)
        except ValueError as error:
            raise InputError(str(error), file=os.fspath(path)) from None

    @classmethod
    def _from(cls, file: interop.ModelFile) -> TableModel:
        if not holds_table(file):
            got = "a network without a table"
            if holds_estimator(file):
                got = f"an {file.facts.get('estimator')!s:.40}, which is for Python (its class method load)"
            raise InputError(f"expected a model that plaingrad train has made, got {got}")
        encoder = TableEncoder.from_bytes(file.attachments[ENCODER])
        metadata = Metadata.of(file.facts)
        members = list(file.module) if isinstance(file.module, Parallel) else [file.module]
        width = outputs_of(metadata.link, len(metadata.classes))
        expect_outputs(members, len(encoder.names_), width, "the encoder's ")
        _expect_codes(members, encoder)
        metadata.expect_columns(encoder)
        weights = None if metadata.class_weights is None else np.array(metadata.class_weights, np.float64)
        classes, rest = np.array(metadata.classes, np.int64), {**file.facts, "versions": file.versions}
        decision = metadata.decision if isinstance(metadata.decision, Decision) else None
        return cls(members, encoder, metadata.target, metadata.link, classes, weights, rest, decision)


def outputs_of(link: str, classes: int) -> int:
    """The number of a network's outputs with a link, for so many classes; 0 for numbers."""
    return max(1, classes - (link == "logistic"))


def _like(frame: Any, columns: Mapping[str, np.ndarray]) -> Any:
    """A frame of the same kind and rows with these columns; pandas' for a matrix."""
    if isinstance(frame, np.ndarray):
        return pd.DataFrame(columns)
    rows = nw.from_native(frame, eager_only=True)
    series = [nw.new_series(name, values, backend=rows.implementation) for name, values in columns.items()]
    return rows.with_columns(*series).select(*columns).to_native()


def _into(classes: Sequence[str]) -> str:
    return f" into {some(classes)}" if classes else ""


def some(names: Sequence[str], most: int = 5) -> str:
    """The first few names, each not too long."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(f"{name:.30}" for name in names[:most]) + more


def holds_table(file: interop.ModelFile) -> bool:
    """True for a model file of a table, and of no other network."""
    return file.facts.get("kind") == KIND and ENCODER in file.attachments


def _expect_codes(members: Sequence[Module], encoder: TableEncoder) -> None:
    """Refuse embeddings of other columns than the encoder's codes, or of more or fewer codes."""
    for member in members:
        for layer in member.modules():
            if not isinstance(layer, ColumnEmbedding):
                continue
            sizes = {column: table.num_embeddings for column, table in layer.columns.items()}
            if sizes != encoder.cardinalities_:
                raise InputError(
                    f"expected an embedding of the encoder's codes {encoder.cardinalities_}, got {sizes}"
                )
