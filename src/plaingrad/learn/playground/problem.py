"""The data of a run: points of the plane or rows of a table, their features, and the two parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from plaingrad.data import Dataset
from plaingrad.errors import InputError
from plaingrad.learn.playground.choices import FEATURES, SOURCES
from plaingrad.learn.playground.state import State, Table

MARGIN = 1.1  # of the shown square beyond the data


@dataclass(frozen=True)
class Frame:
    """The way from the columns of the data to the features of a network.

    Attributes:
        names: of the features.
        columns: of the data, the shown two first.
        centre: of each column.
        half: the unit of each column.
        middle: where the columns that are not shown stay, as the plane is looked at.
        functions: whether the features are functions of the plane (`FEATURES`), else they are the columns.
    """

    names: list[str]
    columns: list[str]
    centre: Tensor
    half: Tensor
    middle: Tensor
    functions: bool

    def features(self, rows: Tensor) -> Tensor:
        """The features of rows of the data, shape ``(n, len(names))``."""
        scaled = (rows - self.centre) / self.half
        if self.functions:
            return torch.stack([FEATURES[name](scaled) for name in self.names], 1)
        return scaled[:, [self.columns.index(name) for name in self.names]]

    def at(self, points: Tensor) -> Tensor:
        """Rows at points of the shown plane, the other columns at their centres."""
        others = self.middle[2:].expand(len(points), -1)
        return torch.cat([points[:, : len(self.centre)], others], 1)


@dataclass(frozen=True)
class Problem:
    """The data of a run.

    Attributes:
        frame: makes features of the rows.
        train: features and targets; int64 classes, or numbers ``(n, 1)``.
        test: likewise.
        train_rows: the rows as they were, the label in the last column.
        test_rows: likewise.
        bounds: the left, right, lower and upper end of what is shown.
        classes: their names; empty in regression.
        values: the least and the largest label in regression.
    """

    frame: Frame
    train: Dataset
    test: Dataset
    train_rows: Tensor
    test_rows: Tensor
    bounds: tuple[float, float, float, float]
    classes: list[str]
    values: tuple[float, float]

    @classmethod
    def of(cls, state: State) -> Problem:
        """The data of a state.

        Raises:
            InputError: there are fewer than two samples.
        """
        rows, classes = _rows(state)
        return cls.split(rows, classes, state, lambda train: _frame(state, train))

    @classmethod
    def split(
        cls, rows: Tensor, classes: list[str], state: State, framed: Callable[[Tensor], Frame]
    ) -> Problem:
        """The problem of rows of data, parted as a state says.

        Args:
            rows: all samples, the label in the last column.
            classes: the names of the classes; empty in regression.
            state: has the seed and the share of the parts.
            framed: makes the frame from the rows of the training data.

        Raises:
            InputError: there are fewer than two samples.
        """
        if len(rows) < 2:
            raise InputError(f"data: expected at least two points, got {len(rows)}; paint some")
        generator = torch.Generator().manual_seed(state.data_seed)
        order = torch.randperm(len(rows), generator=generator)
        count = min(max(1, round(state.train_share * len(rows))), len(rows) - 1)
        frame = framed(rows[order[:count]])
        here, there = rows[order[:count]], rows[order[count:]]
        train, test = (_dataset(frame, part, classes) for part in (here, there))
        labels = rows[:, -1]
        values = (float(labels.min()), float(labels.max()))
        return cls(frame, train, test, here, there, _bounds(frame, rows), classes, values)

    def grid(self, size: int) -> Tensor:
        """The features of a grid of points over what is shown, row by row from below."""
        left, right, bottom, top = self.bounds
        y, x = torch.meshgrid(
            torch.linspace(bottom, top, size), torch.linspace(left, right, size), indexing="ij"
        )
        return self.frame.features(self.frame.at(torch.stack([x.reshape(-1), y.reshape(-1)], 1)))


def _rows(state: State) -> tuple[Tensor, list[str]]:
    """All samples, with the label in the last column, and the names of the classes."""
    if state.table is not None:
        table = state.table
        return torch.tensor(ordered(table, state.features)), table.classes
    source, parts, classes = SOURCES[state.data], [], ["0", "1"]
    if source.make is not None:
        options = {"classes": state.classes} if source.has_classes else {}
        drawn = source.make(state.samples, state.noise * source.half, state.data_seed, **options)
        parts.append(torch.cat([drawn.inputs, drawn.targets.view(len(drawn), 1).float()], 1))
        classes = list(drawn.class_names)
    if state.points:
        parts.append(torch.tensor(state.points))
    rows = torch.cat(parts) if parts else torch.zeros(0, 3)
    if state.task == "regression":
        return rows, []
    painted = int(rows[:, 2].max()) + 1 if len(rows) else 0
    classes += [str(k) for k in range(len(classes), painted)]
    return rows, classes


def ordered(table: Table, features: list[str]) -> list[list[float]]:
    """The rows of a table with the columns of the features first, so that these are shown."""
    names = [*features, *(name for name in table.names if name not in features)]
    order = [table.names.index(name) for name in names]
    return [[*(row[k] for k in order), row[-1]] for row in table.rows]


def _frame(state: State, train: Tensor) -> Frame:
    if state.table is None:
        source = SOURCES[state.data]
        centre, half = torch.tensor(source.centre), torch.full((2,), source.half)
        return Frame(state.features, ["x1", "x2"], centre, half, centre, functions=True)
    names = [*state.features, *(name for name in state.table.names if name not in state.features)]
    inputs = train[:, :-1]
    half = inputs.std(0, correction=0) if len(inputs) > 1 else torch.ones(inputs.shape[1])
    centre = inputs.mean(0)
    return Frame(state.features, names, centre, torch.where(half > 0, half, 1.0), centre, functions=False)


def _dataset(frame: Frame, rows: Tensor, classes: list[str]) -> Dataset:
    labels = rows[:, -1]
    targets = labels.long() if classes else labels[:, None]
    return Dataset(frame.features(rows[:, :-1]), targets, frame.names, classes)


def _bounds(frame: Frame, rows: Tensor) -> tuple[float, float, float, float]:
    """The square around the data, or the rectangle around the two shown columns of a table."""
    if frame.functions:
        low, high = frame.centre - MARGIN * frame.half, frame.centre + MARGIN * frame.half
    else:
        shown = rows[:, :-1][:, :2]
        low, high = shown.amin(0), shown.amax(0)
        margin = 0.05 * (high - low).clamp(min=1e-6)
        low, high = low - margin, high + margin
    if len(low) == 1:  # a single column is drawn along a line
        low, high = torch.cat([low, torch.tensor([-1.0])]), torch.cat([high, torch.tensor([1.0])])
    return float(low[0]), float(high[0]), float(low[1]), float(high[1])
