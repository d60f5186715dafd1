"""Training on one chunk of a large table after the other, compiled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from plaingrad.estimators import MLPClassifier, MLPRegressor
from plaingrad.native.compile.builder import Compiler


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The sources that are compiled, none of which is there before."""
    monkeypatch.setenv("PLAINGRAD_CACHE", str(tmp_path))
    sources: list[str] = []
    compile_ = Compiler.compile

    def watched(self: Compiler, source: str, *others: Any) -> Any:
        sources.append(source)
        return compile_(self, source, *others)

    monkeypatch.setattr(Compiler, "compile", watched)
    return sources


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_every_chunk_runs_compiled_by_a_network_that_is_compiled_once(kind: Any, compiled: list[str]) -> None:
    random = np.random.default_rng(0)
    models = {
        engine: kind(hidden_layer_sizes=(17,), batch_size=64, random_state=0, engine=engine)
        for engine in ("native", "eager")
    }
    options = {"classes": [0, 1]} if kind is MLPClassifier else {}
    for rows in (1000, 1000, 1000, 700, 65, 1000):
        x = random.normal(size=(rows, 6))
        x[:, 0] *= random.random(rows) < rows / 1000
        y = (x.sum(1) > 0).astype(int) if kind is MLPClassifier else x.sum(1)
        for engine, model in models.items():
            model.partial_fit(x, y, **options)
            assert model.histories_[0].engine == engine
    training = [source for source in compiled if "training = true" in source]
    assert len(training) == 1
    for mine, other in zip(models["native"].coefs_, models["eager"].coefs_):
        np.testing.assert_allclose(mine, other, rtol=1e-3, atol=1e-5)
