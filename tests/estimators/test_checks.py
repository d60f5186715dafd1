"""scikit-learn's own checks of estimators; none is expected to fail."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from effort import THOROUGH
from plaingrad import nn, optim
from plaingrad.estimators import MLPClassifier, MLPRegressor

VARIANTS = [
    MLPClassifier(max_iter=100),
    MLPRegressor(max_iter=100),
    MLPClassifier(max_iter=50, n_models=2, label_smoothing=0.1, max_time=60.0),
    MLPClassifier(solver="lbfgs", activation="gelu", normalization="layer", max_iter=60),
    MLPRegressor(loss="huber", solver="adamw", learning_rate="cosine", max_iter=100),
    MLPRegressor(loss=nn.L1Loss(), solver=partial(optim.Adam, lr=0.01), max_iter=100, clip_norm=1.0),
]


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks(VARIANTS if THOROUGH else VARIANTS[:2])
def test_scikit_learn_is_content(estimator: Any, check: Any) -> None:
    check(estimator)
