"""The parts of a model of a table: shown in a line, and refused where they are of another kind."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.exceptions import NotFittedError

from plaingrad.estimators import MLPClassifier
from plaingrad.tables import TableModel
from tables.model.test_model import diabetes, iris, titanic, trained


@pytest.mark.parametrize(
    ("data", "options", "shown"),
    [
        (
            titanic,
            {},
            "(classification of 'survived' into 0, 1 from 4 columns (name, class, age, sex) by a ",
        ),
        (
            diabetes,
            {"n_models": 2},
            " from 10 columns (age, sex, bmi, bp, s1 and 5 more) by 2 networks",
        ),
    ],
)
def test_it_is_shown_in_a_line(data: Any, options: dict[str, Any], shown: str) -> None:
    _, model = trained(data(), **options)
    assert shown in repr(model)
    assert len(repr(model)) < 200
    assert "\n" not in repr(model)


def test_parts_of_other_kinds_are_refused() -> None:
    estimator, model = trained(iris())
    with pytest.raises(ValueError, match=r"target: expected a Target, got 'species'; Target\.of\(values\)"):
        TableModel.of(estimator, model.encoder, "species")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="encoder: expected a TableEncoder, got None"):
        TableModel.of(estimator, None, model.target)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="estimator: expected a BaseMultilayerPerceptron, got TableEncoder"):
        TableModel.of(model.encoder, model.encoder, model.target)  # type: ignore[arg-type]
    with pytest.raises(NotFittedError):
        TableModel.of(MLPClassifier(), model.encoder, model.target)
