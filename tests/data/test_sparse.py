"""Sparse samples: rows, batches, training and refusals are those of the same samples made dense."""

from __future__ import annotations

import pytest
import scipy.sparse
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from effort import draws
from plaingrad import fit, nn, optim
from plaingrad.data import Dataset
from plaingrad.data.sparse import batches, from_scipy, take
from plaingrad.train import TrainingDiverged, evaluate, predict


def matrix(rows: int, columns: int, density: float, seed: int) -> scipy.sparse.csr_matrix:
    return scipy.sparse.random(rows, columns, density, "csr", random_state=seed)


@settings(max_examples=draws(60), deadline=None)
@given(st.integers(1, 12), st.integers(1, 6), st.floats(0, 1), st.integers(0, 99), st.data())
def test_rows_are_those_of_the_dense_matrix(
    rows: int, columns: int, density: float, seed: int, data: st.DataObject
) -> None:
    numbers = matrix(rows, columns, density, seed)
    samples, expected = from_scipy(numbers), torch.from_numpy(numbers.toarray())
    order = torch.tensor(data.draw(st.lists(st.integers(0, rows - 1), max_size=8)), dtype=torch.int64)
    assert torch.equal(take(samples, order).to_dense(), expected[order])
    some = data.draw(st.slices(rows))
    if (some.step or 1) > 0:
        assert torch.equal(take(samples, some).to_dense(), expected[some])
    size = data.draw(st.integers(1, rows + 1))
    for part, other in zip(batches(samples, size), expected.split(size), strict=True):
        assert torch.equal(part.to_dense(), other)


def test_repeated_entries_are_added_up() -> None:
    numbers = scipy.sparse.csr_matrix(([1.0, 2.0, 4.0], [1, 1, 0], [0, 2, 3]), (2, 3))
    assert from_scipy(numbers).to_dense().tolist() == [[0.0, 3.0, 0.0], [4.0, 0.0, 0.0]]
    assert len(numbers.data) == 3  # of the caller's own


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(40, 5), nn.Tanh(), nn.Linear(5, 3)).to(torch.float64)


@pytest.mark.parametrize("form", [lambda x: x, from_scipy], ids=["scipy", "torch"])
def test_training_and_evaluation_are_those_of_the_dense_matrix(form: object) -> None:
    numbers, targets = matrix(30, 40, 0.1, 0), torch.arange(30) % 3
    trained, losses = [], []
    for inputs in (form(numbers), torch.from_numpy(numbers.toarray())):
        model, loss = network(), nn.CrossEntropyLoss()
        history = fit(
            model,
            (inputs, targets),
            loss=loss,
            optimizer=optim.Adam(model.parameters()),
            epochs=4,
            batch_size=8,
            validation=(inputs, targets),
            metrics=["accuracy"],
            seed=0,
            engine="auto",
            progress=False,
        )
        values = [p.value for p in model.parameters()]
        measured = torch.tensor(evaluate(model, (inputs, targets), loss=loss)["loss"])
        trained.append([*values, predict(model, inputs), measured])
        losses.append(history.epochs["loss"])
    for one, other in zip(*trained, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)
    assert losses[0] == pytest.approx(losses[1], rel=1e-10)


def run(model: nn.Sequential, inputs: Tensor, lr: float, engine: str) -> None:
    loss = nn.CrossEntropyLoss()
    targets = torch.zeros(len(inputs), dtype=torch.int64)
    optimizer = optim.SGD(model.parameters(), lr=lr)
    options = {"loss": loss, "optimizer": optimizer, "epochs": 3, "batch_size": 8, "progress": False}
    fit(model, (inputs, targets), engine=engine, **options)


def test_what_cannot_be_done_with_them_is_said() -> None:
    numbers = matrix(30, 40, 0.1, 0)
    with pytest.raises(ValueError, match="cannot run this: inputs that are a sparse matrix"):
        run(network(), from_scipy(numbers), 0.1, "native")
    bad = numbers.copy()
    bad.data[5] = float("nan")
    with pytest.raises(ValueError, match=r"expected finite inputs, got nan at \[\d+, \d+\] \(1 in all\)"):
        Dataset.of((bad, torch.zeros(30)))


def test_divergence_is_explained() -> None:
    with pytest.raises(TrainingDiverged, match="training diverged in epoch") as raised:
        run(network(), from_scipy(matrix(30, 40, 0.1, 0) * 1e150), 1e308, "eager")
    assert raised.value.finding is not None
