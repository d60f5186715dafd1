from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from plaingrad import nn, predict
from plaingrad.data import Dataset

ROWS = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
READ_ONLY = ROWS.copy()
READ_ONLY.setflags(write=False)


@pytest.mark.parametrize(
    "inputs",
    [
        ROWS,
        ROWS.tolist(),
        READ_ONLY,
        pd.DataFrame(ROWS),
        ROWS[::-1, ::-1][::-1, ::-1],
        np.flip(np.flip(ROWS).copy()),
        ROWS.T.copy().T,
        ROWS.astype(">f8"),
        ROWS.astype("f2"),
        torch.from_numpy(ROWS),
    ],
)
def test_inputs_of_any_layout(inputs: Any) -> None:
    assert Dataset.of((inputs, [0, 1, 2])).inputs.tolist() == ROWS.tolist()
    model = nn.Linear(2, 1, dtype=torch.float64)
    assert torch.equal(predict(model, inputs), predict(model, torch.from_numpy(ROWS)))


@pytest.mark.parametrize("kind", ["bool", "u1", "i1", "i2", "i4", "i8", "u2", "u4", ">i4"])
def test_class_indices_of_any_width_become_int64(kind: str) -> None:
    targets = Dataset.of((ROWS, np.array([0, 1, 1]).astype(kind))).targets
    assert (targets.dtype, targets.tolist()) == (torch.int64, [0, 1, 1])
    as_series = Dataset.of((ROWS, pd.Series([0, 1, 1]).astype(np.dtype(kind).newbyteorder("=")))).targets
    assert torch.equal(as_series, targets)


@pytest.mark.parametrize("kind", [str, object, np.longdouble, complex])
def test_what_is_no_number_for_torch_is_told_by_name(kind: Any) -> None:
    bad = ROWS.astype(kind)
    message = "data: expected numbers of at most 64 bits as {}, got " + str(bad.dtype)
    with pytest.raises(ValueError, match=message.format("inputs")):
        Dataset.of((bad, [0, 1, 2]))
    with pytest.raises(ValueError, match=message.format("targets")):
        Dataset.of((ROWS, bad))
    with pytest.raises(ValueError, match=message.format("inputs")):
        predict(nn.Linear(2, 1), bad)


def test_rows_that_differ_are_told() -> None:
    with pytest.raises(ValueError, match="data: expected inputs in rows of one length, got rows that differ"):
        Dataset.of(([[1.0, 2.0], [3.0]], [0, 1]))


def test_large_numbers_are_finite() -> None:
    large = torch.full((3, 2), torch.finfo(torch.float32).max)
    assert len(Dataset(large, large)) == 3


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_one_number_that_is_not_finite_is_told_with_its_place(value: float) -> None:
    inputs = torch.randn(50, 4)
    inputs[0, 0] = -torch.finfo(torch.float32).max
    inputs[31, 2] = value
    with pytest.raises(ValueError, match=rf"expected finite inputs, got {value} at \[31, 2\] \(1 in all\)"):
        Dataset(inputs, torch.zeros(50))


def test_a_class_without_samples_has_its_column() -> None:
    data = Dataset(torch.zeros(2, 1), torch.tensor([0, 1]), ["x"], ["a", "b", "c"])
    assert data.one_hot().targets.tolist() == [[1, 0, 0], [0, 1, 0]]
