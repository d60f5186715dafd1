"""The threshold between two classes: the best there is, kept with the model, and used by its predictions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics
from sklearn.datasets import make_classification

from cli.shell import succeed, told
from effort import draws
from plaingrad.tables import TableModel, read_frame
from plaingrad.tables.model.decision import Decision, best_decision

SCORES = {
    "accuracy": metrics.accuracy_score,
    "balanced_accuracy": metrics.balanced_accuracy_score,
    "f1": metrics.f1_score,
    "mcc": metrics.matthews_corrcoef,
    "cost": lambda truth, codes: -np.mean(np.where(truth, 7.0, 2.0) * (truth != codes)),
}


@settings(max_examples=draws(30))
@given(st.sampled_from(sorted(SCORES)), st.integers(2, 12), st.integers(0, 10_000))
def test_no_threshold_is_better(metric: str, rows: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    truth = np.append([0, 1], random.integers(0, 2, rows))
    probability = random.integers(0, 6, len(truth)) / 5
    threshold, value = best_decision(metric, truth == 1, probability, (2.0, 7.0))
    probabilities = np.stack([1 - probability, probability], 1)
    codes = Decision(1, threshold).codes(probabilities)
    score = SCORES[metric]
    every = [score(truth, (probability >= other).astype(int)) for other in np.linspace(0, 1, 11)]
    assert score(truth, codes) == pytest.approx(max(every))
    assert value == pytest.approx(abs(max(every)) if metric == "cost" else max(every))


@pytest.fixture(scope="module")
def rare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of which 1.1 % are of the positive class."""
    X, y = make_classification(
        3000, 6, n_informative=4, weights=[0.99], flip_y=0.002, class_sep=1.5, random_state=0
    )
    frame = pd.DataFrame(X, columns=[f"x{i}" for i in range(6)]).round(4)
    path = tmp_path_factory.mktemp("rare") / "rare.csv"
    frame.assign(fraud=np.where(y == 1, "a fraud", "none")).to_csv(path, index=False)
    return path


def test_the_threshold_is_kept_and_used(rare: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ("--target", "fraud", "-o", out, "--epochs", 4, "--no-baselines", "--no-importance")
    report = told("train", rare, *options, "--metric", "cost=1:50", "--lr", 0.01)
    decision = report["decision"]
    assert (decision["positive"], decision["metric"]) == (0, "cost=1:50")
    assert decision["threshold"] < 0.3
    model, frame = TableModel.load(out / "model.safetensors"), read_frame(rare)
    predicted = model.predict(frame)
    chosen = predicted["probability_a fraud"] >= decision["threshold"]
    assert chosen.equals(predicted["prediction"] == "a fraud")
    found = told("evaluate", out / "model.safetensors", rare)["test"]
    truth = frame["fraud"].astype(str) == "a fraud"
    expected = np.where(truth, 50.0, 1.0)[chosen != truth].sum() / len(truth)
    assert found["scores"]["cost"] == pytest.approx(expected)
    assert found["scores"]["f1"] == pytest.approx(metrics.f1_score(truth, chosen))
    history = json.loads((out / "history.json").read_text())["epochs"]
    assert report["training"]["best_epoch"] == 1 + int(np.argmin(history["val_cost"]))


def test_a_rare_class_is_not_judged_by_accuracy(rare: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    said = succeed("train", rare, "--target", "fraud", "-o", out, "--epochs", 5, "--lr", 0.01, "--no-report")
    report = json.loads((out / "report.json").read_text())
    test = report["test"]
    assert test["compared_by"] == "average_precision"
    assert test["baselines"]["dummy"]["accuracy"] > 0.98
    assert test["scores"]["average_precision"] > 5 * test["baselines"]["dummy"]["average_precision"]
    assert "dummy does" not in said
    assert "dummy is better" not in said
    # without a report nothing is drawn, shuffled or grown
    assert sorted(path.name for path in out.iterdir()) == ["history.json", "model.safetensors", "report.json"]
    assert "boosting" not in test["baselines"]
    assert report["importance"]["columns"] == []
