"""A network of a table model by itself predicts what the model predicts, and can be trained further."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from plaingrad import fit, nn, optim
from plaingrad.errors import InputError
from plaingrad.inspect import check_gradients
from tables.model.test_model import diabetes, iris, titanic, trained


@pytest.mark.parametrize(
    ("data", "options", "loss"),
    [
        (iris, {}, nn.CrossEntropyLoss),
        (iris, {"n_models": 3, "class_weight": {0: 2.0, 1: 1.0, 2: 1.0}}, nn.CrossEntropyLoss),
        (titanic, {}, nn.CrossEntropyLoss),
        (titanic, {"class_weight": "balanced"}, nn.CrossEntropyLoss),
        (diabetes, {}, nn.MSELoss),
    ],
)
def test_it_predicts_what_the_model_predicts_and_learns_further(
    data: Any, options: dict[str, Any], loss: type[nn.Loss]
) -> None:
    frame, values = data()
    model = trained((frame, values), **options)[1]
    member = len(model.members) - 1
    network, rows, loss_of_rows = model.opened(frame.assign(**{values.name: values}), member)
    assert list(rows.feature_names) == list(model.encoder.get_feature_names_out())
    assert list(rows.class_names) == model.target.class_names
    assert isinstance(loss_of_rows, loss)

    scores = network.eval().to(torch.float64)(rows.inputs.double())
    found = scores.softmax(1) if rows.class_names else scores
    alone = replace(model, members=[model.members[member]])
    expected = torch.from_numpy(alone.outputs(model.encoder.transform(frame)))
    torch.testing.assert_close(found, expected.reshape(found.shape), rtol=1e-9, atol=1e-12)

    weights = getattr(loss_of_rows, "weight", None)
    assert (None if weights is None else weights.value.tolist()) == (
        None if model.weights is None else pytest.approx(model.weights.tolist(), rel=1e-6)
    )
    before = model.outputs(model.encoder.transform(frame))
    network.to(torch.float32)
    history = fit(
        network,
        rows,
        loss=loss_of_rows,
        optimizer=optim.Adam(network.parameters(), lr=0.01),
        epochs=5,
        batch_size=32,
        progress=False,
    )
    assert history["loss"][-1] < history["loss"][0]
    assert np.array_equal(model.outputs(model.encoder.transform(frame)), before)  # it was a copy
    assert check_gradients(network, rows.inputs[:8], loss=(loss_of_rows, rows.targets[:8])).ok


def test_rows_without_a_target_are_left_out_in_any_kind_of_frame() -> None:
    frame, values = titanic()
    model = trained((frame, values))[1]
    whole = frame.assign(survived=values).head(20)
    some = pl.from_pandas(whole).with_columns(
        pl.when(pl.int_range(20) < 5).then(None).otherwise(pl.col("survived")).alias("survived")
    )
    assert torch.equal(model.opened(some).data.inputs, model.opened(whole).data.inputs[5:])


def test_what_cannot_be_opened_is_refused() -> None:
    frame, values = iris()
    model = trained((frame, values))[1]
    whole = frame.assign(species=values)
    with pytest.raises(InputError, match="expected the target 'species' among the columns"):
        model.opened(frame)
    with pytest.raises(InputError, match="expected one of 1 networks, from 0 on, got 1"):
        model.opened(whole, 1)
    with pytest.raises(InputError, match=r"expected one of the classes .*'rose'"):
        model.opened(whole.assign(species="rose"))
    with pytest.raises(InputError, match="got one of counts"):
        replace(model, link="exp").opened(whole)
    with pytest.raises(InputError, match="got one of ordered classes"):
        replace(model, link="logistic").opened(whole)
