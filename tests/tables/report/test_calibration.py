from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from plaingrad.tables import Target
from plaingrad.tables.report.calibration import calibration


def test_the_bins_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    said = random.random(500)
    truth = (random.random(500) < said**2).astype(int)
    target = Target("y", "classification", "", ["no", "yes"], 0.0, 1.0, 0)
    drawn = calibration(target, truth, np.stack([1 - said, said], 1), 1)
    shares, means = calibration_curve(truth, said, n_bins=10)
    assert [each["share"] for each in drawn["bins"]] == pytest.approx(shares)
    assert [each["probability"] for each in drawn["bins"]] == pytest.approx(means)
    rows = np.array([each["rows"] for each in drawn["bins"]])
    assert rows.sum() == 500
    assert drawn["error"] == pytest.approx(np.average(np.abs(shares - means), weights=rows))
    assert drawn["of"] == "yes"


def test_of_several_classes_the_predicted_one_is_meant() -> None:
    target = Target("y", "classification", "", ["a", "b", "c"], 0.0, 1.0, 0)
    probabilities = np.array([[0.7, 0.2, 0.1], [0.1, 0.75, 0.15]])
    drawn = calibration(target, np.array([0, 2]), probabilities)
    assert drawn["of"] is None
    assert drawn["bins"] == [
        {"low": 0.7, "high": 0.8, "rows": 2, "probability": pytest.approx(0.725), "share": 0.5}
    ]
