"""The baselines are what somebody who knows scikit-learn would compare with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_wine
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from plaingrad.tables import Target
from plaingrad.tables.model import raw
from plaingrad.tables.model.encoded import Encoded
from plaingrad.tables.model.rows import read_rows
from plaingrad.tables.report.baselines import Baselines
from plaingrad.tables.report.scores import Predictions
from plaingrad.tables.settings import Settings
from plaingrad.tables.splits.parts import Parts, divided


def judged(
    frame: pd.DataFrame, folder: Path, **options: Any
) -> tuple[dict[str, Predictions], Parts, Target, Baselines]:
    """The baselines' predictions for the test rows of a table whose target is y."""
    frame.to_csv(folder / "t.csv", index=False)
    settings = Settings(target="y", **options)
    rows, target = read_rows(folder / "t.csv", settings)
    parts = divided(rows, target, settings)
    encoded = Encoded.of(parts, settings)
    assert encoded.raw is not None
    quantile = settings.quantile if settings.loss == "quantile" else None
    baselines = Baselines(encoded.raw, encoded.train, target, quantile, settings)
    return baselines.predictions(), parts, target, baselines


def shops(levels: int) -> pd.DataFrame:
    """8,000 rows of which the target depends on nothing but the shop, and on no letter of its name."""
    random = np.random.default_rng(levels)
    codes = random.integers(0, levels, 8000)
    names = np.array([f"shop {number}" for number in random.permutation(levels)])
    likely = np.where(np.arange(levels) < levels / 2, 0.95, 0.05)
    y = np.where(random.random(len(codes)) < likely[codes], "yes", "no")
    return pd.DataFrame({"shop": names[codes], "size": random.normal(size=len(y)), "y": y})


def test_boosting_tells_levels_apart_as_well_as_when_an_expert_calls_it(tmp_path: Path) -> None:
    predictions, parts, _, _ = judged(shops(240), tmp_path)
    assert parts.test is not None
    levels = pd.CategoricalDtype(sorted(parts.train.frame["shop"].unique()))
    train, test = (part.frame.astype({"shop": levels}) for part in (parts.train, parts.test))
    expert = HistGradientBoostingClassifier().fit(train, parts.train.codes)
    expected = expert.score(test, parts.test.codes)
    accuracy = (predictions["boosting"].codes == parts.test.codes).mean()
    assert expected > 0.9
    assert accuracy > expected - 0.01


def test_levels_that_are_too_many_for_a_tree_are_told_apart_by_the_mean_of_the_target(tmp_path: Path) -> None:
    predictions, parts, _, _ = judged(shops(600), tmp_path)
    assert parts.test is not None
    for name in ("boosting", "linear"):
        assert (predictions[name].codes == parts.test.codes).mean() > 0.85


@pytest.mark.parametrize("loader", [load_wine, load_diabetes])
def test_the_linear_model_is_that_of_a_pipeline_written_by_hand(tmp_path: Path, loader: Any) -> None:
    frame = loader(as_frame=True).frame.rename(columns={"target": "y"})
    predictions, parts, target, _ = judged(frame, tmp_path, bins=8)
    assert parts.test is not None
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=200) if target.labels else Ridge())
    model.fit(parts.train.frame, parts.train.codes)
    linear = predictions["linear"]
    if linear.probabilities is None:
        np.testing.assert_allclose(linear.codes, model.predict(parts.test.frame), atol=1e-4)
    else:
        np.testing.assert_allclose(linear.probabilities, model.predict_proba(parts.test.frame), atol=1e-3)


def mixed(rows: int) -> pd.DataFrame:
    """Columns of every kind, each sometimes missing."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "number": random.normal(size=rows),
            "truth": random.choice(["true", "false"], rows),
            "town": random.choice(["Ulm", "Bonn", "Jena"], rows),
            "day": pd.Timestamp("2020-01-01") + pd.to_timedelta(random.integers(0, 900, rows), "D"),
            "tags": [
                "|".join(random.permutation(list("abcde"))[: random.integers(1, 4)]) for _ in range(rows)
            ],
            "note": ["".join(random.permutation(list("abcdefghij "))) for _ in range(rows)],
            "where": [f"{a:.3f},{b:.3f}" for a, b in random.uniform(-80, 80, (rows, 2))],
        }
    )
    for name in frame:
        frame[name] = frame[name].astype(object).where(random.random(rows) > 0.1)
    return frame.assign(y=random.integers(0, 3, rows) + random.normal(size=rows))


@pytest.mark.parametrize(
    "options",
    [{}, {"loss": "quantile", "quantile": 0.9}, {"embedding": True}, {"target_transform": "log"}],
)
def test_columns_of_every_kind_are_taken_as_they_stand(tmp_path: Path, options: dict[str, Any]) -> None:
    predictions, parts, _, baselines = judged(mixed(400), tmp_path, **options)
    table = baselines.raw.table
    assert [table.kinds.count(kind) for kind in ("number", "phase", "category")] == [5, 2, 1]
    assert np.isnan(baselines.raw.train[:, table.features("number", "category")]).any(0).all()
    assert not np.isnan(baselines.raw.train[:, table.features("weight")]).any()
    assert parts.test is not None
    for name in ("dummy", "linear", "boosting"):
        assert np.isfinite(predictions[name].codes).all()
        assert len(predictions[name].codes) == len(parts.test)


def test_of_a_large_table_a_sample_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw, "MOST_NUMBERS", 4000)
    monkeypatch.setattr(raw, "FEWEST_ROWS", 100)
    _, _, _, baselines = judged(shops(240), tmp_path)
    assert baselines.raw.train.shape == (2000, 2)
    sample = baselines.raw.samples(baselines.train)
    np.testing.assert_array_equal(sample.y, baselines.train.y[baselines.raw.indices])
