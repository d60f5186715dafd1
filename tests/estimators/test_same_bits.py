"""The same estimator of the same data has the same bits, and leaves torch's random state as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from estimators.data import classes
from plaingrad import nn
from plaingrad.estimators import MLPClassifier
from plaingrad.native.compile import cache

OPTIONS = {
    "plain": {},
    "dropout": {"dropout": 0.2},
    "ensemble": {"n_models": 3},
    "stopped early": {"early_stopping": True, "validation_fraction": 0.2},
    "lbfgs": {"solver": "lbfgs"},
    "columns of codes": {"embedding": [0]},
    "own network": {"module": lambda inputs, outputs: nn.Sequential(nn.RReLU(), nn.Linear(inputs, outputs))},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:module is trained as it is")
def test_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]) -> None:
    monkeypatch.setenv("PLAINGRAD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "_loaded", {})
    x, y = classes("multiclass")
    x = np.round(np.abs(x)) if "embedding" in options else x

    def trained(epochs: int = 25) -> list[np.ndarray]:
        model = MLPClassifier((9,), max_iter=epochs, batch_size=10, random_state=0, **options).fit(x, y)
        return [*model.coefs_, *model.intercepts_, model.predict_proba(x)]

    before = torch.get_rng_state()
    expected = trained()
    assert torch.equal(torch.get_rng_state(), before)
    for _ in range(10):
        trained(3)
    torch.rand(3)
    for one, other in zip(trained(), expected, strict=True):
        np.testing.assert_array_equal(one, other)
