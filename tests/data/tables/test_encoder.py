"""Any table, as numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from bokeh_sampledata import titanic

from plaingrad.data.tables import TableEncoder


def encoded(frame: pd.DataFrame, **options: object) -> tuple[TableEncoder, np.ndarray]:
    """Encode a table, and hold the encoder to what it promises for every table."""
    encoder = TableEncoder(**options).fit(frame)  # type: ignore[arg-type]
    matrix = encoder.transform(frame)
    assert matrix.dtype == np.float32
    assert matrix.shape == (len(frame), len(encoder.get_feature_names_out()))
    assert np.isfinite(matrix).all()
    restored = TableEncoder.from_bytes(encoder.to_bytes())
    assert restored.transform(frame).tobytes() == matrix.tobytes()
    assert restored.choices() == encoder.choices()
    order = np.random.default_rng(0).permutation(len(frame))
    assert encoder.transform(frame.iloc[order]).tobytes() == matrix[order].tobytes()
    return encoder, matrix


@pytest.mark.parametrize("embedding", [False, True])
def test_titanic(embedding: bool) -> None:
    encoder, matrix = encoded(titanic.data, embedding=embedding)
    kinds = {choice.name: (choice.kind, choice.missing) for choice in encoder.choices()}
    assert kinds == {
        "name": ("text", 0),
        "class": ("category", 0),
        "age": ("number", 557),
        "sex": ("category", 0),
        "survived": ("number", 0),
    }
    assert sum(choice.features for choice in encoder.choices()) == matrix.shape[1]
    other = pl.from_pandas(titanic.data)
    assert TableEncoder(embedding=embedding).fit(other).transform(other).tobytes() == matrix.tobytes()
