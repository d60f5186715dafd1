"""Intervals of scores: as wide as scores vary, narrower for more rows, wider for rows that go together."""

from __future__ import annotations

import numpy as np
import pytest

from plaingrad.tables import Target
from plaingrad.tables.report.intervals import MOST_ROWS, interval, replicated
from plaingrad.tables.report.judging import NETWORK, report_of
from plaingrad.tables.report.scores import Predictions, Scoring


def mean_interval(values: np.ndarray, groups: np.ndarray | None = None) -> list[float]:
    draws, factor = replicated(
        lambda rows, weights: {"model": {"mean": values[rows] @ weights / weights.sum(0)}},
        len(values),
        groups=groups,
    )
    ends = interval(values.mean(), draws["model"]["mean"], factor)
    assert ends is not None
    return ends


@pytest.mark.parametrize("rows", [200, MOST_ROWS, 20 * MOST_ROWS])
def test_the_interval_of_a_mean_is_that_of_its_standard_error(rows: int) -> None:
    values = np.random.default_rng(rows).normal(3, 2, rows)
    low, high = mean_interval(values)
    expected = 1.96 * values.std() / np.sqrt(rows)
    assert low < values.mean() < high
    assert (high - low) / 2 == pytest.approx(expected, rel=0.12)


@pytest.mark.parametrize("count", [20, 100, 5000])
def test_rows_that_go_together_count_as_one(count: int) -> None:
    random = np.random.default_rng(count)
    groups = np.repeat(np.arange(count), 100)
    values = random.normal(0, 2, count)[groups]
    low, high = mean_interval(values, random.permutation(count)[groups])
    assert (high - low) / 2 == pytest.approx(1.96 * values.std() / np.sqrt(count), rel=0.25)


def test_intervals_hold_the_true_score_as_often_as_they_say() -> None:
    random, held = np.random.default_rng(0), 0
    target = Target("y", "classification", "", ["no", "yes"], 0.0, 1.0, 0)
    for _ in range(100):
        truth = (random.random(300) < 0.3).astype(int)
        codes = np.where(random.random(300) < 0.8, truth, 1 - truth)
        probabilities = np.eye(2)[codes] * 0.8 + 0.1
        report = report_of(Scoring(target), truth, {NETWORK: Predictions(codes, probabilities)})
        low, high = report["intervals"]["accuracy"]
        held += low <= 0.8 <= high
    assert 88 <= held <= 100


def test_differences_are_of_the_same_draws() -> None:
    random = np.random.default_rng(0)
    target = Target("y", "regression", "", [], 0.0, 1.0, 0)
    truth = random.normal(size=400)
    network = truth + random.normal(size=400)
    predictions = {NETWORK: Predictions(network), "boosting": Predictions(network + 0.01)}
    report = report_of(Scoring(target), truth, predictions)
    low, high = report["intervals"]["rmse"]
    difference = report["differences"]["boosting"]["rmse"]
    assert difference["value"] == pytest.approx(
        report["scores"]["rmse"] - report["baselines"]["boosting"]["rmse"]
    )
    assert difference["interval"][1] - difference["interval"][0] < 0.1 * (high - low)


def test_a_score_that_rows_of_one_class_lack_has_no_interval() -> None:
    target = Target("y", "classification", "", ["no", "yes"], 0.0, 1.0, 0)
    truth, probabilities = np.zeros(20, int), np.full((20, 2), 0.5)
    report = report_of(Scoring(target), truth, {NETWORK: Predictions(truth, probabilities)})
    assert report["scores"]["roc_auc"] is report["intervals"]["roc_auc"] is None
    assert report["scores"]["average_precision"] is report["intervals"]["average_precision"] is None
    assert report["intervals"]["accuracy"] == [1.0, 1.0]
