"""What a report says: scores, importances, tables and pictures."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from sklearn import metrics

from cli.shell import iris
from effort import draws
from plaingrad.console.output import Reporter, json_text
from plaingrad.tables import Target
from plaingrad.tables.report import pictures, terminal
from plaingrad.tables.report.grids import search_grid
from plaingrad.tables.report.judging import Judgement
from plaingrad.tables.report.measures import of_classes, of_numbers, of_quantiles
from plaingrad.tables.report.names import number
from plaingrad.tables.report.scores import Predictions, Scoring, judged
from plaingrad.tables.report.verdict import verdict
from plaingrad.tables.settings import Settings
from plaingrad.train import History
from tables.models import learned


@settings(max_examples=draws(20))
@given(st.integers(2, 5), st.integers(20, 60), st.integers(0, 1000), st.booleans())
def test_scores_are_those_of_scikit_learn(classes: int, rows: int, seed: int, ties: bool) -> None:
    random = np.random.default_rng(seed)
    truth = np.append(np.arange(classes), random.integers(0, classes, rows))
    probabilities = random.dirichlet(np.ones(classes), len(truth)).astype(np.float32)
    if ties:
        probabilities = np.round(probabilities, 1) + np.float32(0.05)
    codes = probabilities.argmax(1)
    weights = random.integers(1, 5, (len(truth), 2)).astype(float)
    positive = 0 if classes == 2 else None
    measured = of_classes(truth, codes, probabilities, positive, weights)
    normalized = probabilities.astype(float)
    normalized /= normalized.sum(1, keepdims=True)  # scikit-learn warns of float32's sums
    ranks = normalized[:, 0] if classes == 2 else normalized
    ranked = truth == 0 if classes == 2 else truth
    average = {"average": "binary", "pos_label": 0} if classes == 2 else {"average": "macro"}
    for i, weight in enumerate(weights.T):
        expected = {
            "accuracy": metrics.accuracy_score(truth, codes, sample_weight=weight),
            "balanced_accuracy": metrics.balanced_accuracy_score(truth, codes, sample_weight=weight),
            "f1": metrics.f1_score(truth, codes, sample_weight=weight, **average),
            "mcc": metrics.matthews_corrcoef(truth, codes, sample_weight=weight),
            "log_loss": metrics.log_loss(truth, normalized, sample_weight=weight),
            "roc_auc": metrics.roc_auc_score(ranked, ranks, multi_class="ovr", sample_weight=weight)
            if classes == 2
            else np.mean(
                [metrics.roc_auc_score(truth == k, ranks[:, k], sample_weight=weight) for k in range(classes)]
            ),
            "average_precision": metrics.average_precision_score(ranked, ranks, sample_weight=weight),
        }
        assert {name: each[i] for name, each in measured.items()} == pytest.approx(expected)


@settings(max_examples=draws(20))
@given(st.integers(2, 60), st.integers(0, 1000), st.booleans())
def test_scores_of_numbers_are_those_of_scikit_learn(rows: int, seed: int, constant: bool) -> None:
    random = np.random.default_rng(seed)
    truth = np.full(rows, 7.0) if constant else random.normal(1000, 1, rows)
    values, weight = truth + random.normal(size=rows), random.integers(1, 5, rows).astype(float)
    measured = of_numbers(truth, values, weight[:, None])
    assert measured["r2"][0] == pytest.approx(metrics.r2_score(truth, values, sample_weight=weight))
    assert measured["rmse"][0] == pytest.approx(
        metrics.root_mean_squared_error(truth, values, sample_weight=weight)
    )
    assert measured["mae"][0] == pytest.approx(
        metrics.mean_absolute_error(truth, values, sample_weight=weight)
    )
    pinball = metrics.mean_pinball_loss(truth, values, sample_weight=weight, alpha=0.3)
    assert of_quantiles(truth, values, 0.3, weight[:, None])["pinball"][0] == pytest.approx(pinball)


def test_errors_of_numbers_are_all_counted() -> None:
    random = np.random.default_rng(0)
    truth = random.normal(size=1000)
    target = Target("y", "regression", "", [], 3.0, 2.0, 0)
    predicted = truth + random.standard_cauchy(1000)
    errors = judged(Scoring(target), truth, Predictions(predicted))["errors"]
    assert sum(errors["counts"]) == 1000
    assert sorted(errors["edges"]) == errors["edges"]
    assert errors["edges"][0] == pytest.approx(2 * (predicted - truth).min())
    exact = judged(Scoring(target), truth, Predictions(truth))["errors"]
    assert sum(exact["counts"]) == 1000


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "—"),
        (0.0, "0.000"),
        (1.0, "1.000"),
        (0.12345, "0.123"),
        (-0.0096, "-0.010"),
        (0.00012, "0.00012"),
        (56.849, "56.85"),
        (1234567.0, "1.235e+06"),
    ],
)
def test_numbers_are_short(value: float | None, text: str) -> None:
    assert number(value) == text


def shown(thing: object, width: int, colour: bool) -> str:
    console = Console(
        file=io.StringIO(), width=width, force_terminal=colour, color_system="standard" if colour else None
    )
    console.print(thing)
    return console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize("width", [40, 80, 200])
def test_tables_fit_the_terminal(tmp_path: Path, width: int) -> None:
    model, _, encoded = learned(iris(tmp_path / "t.csv"), "species")
    test = Judgement.of(model, encoded, Settings(target="y")).to_dict()
    for table in terminal.judgement(test):
        lines = shown(table, width, False).splitlines()
        assert max(map(len, lines)) <= width
        assert "\x1b" not in "".join(lines)
    assert "\x1b[" in shown(table, width, True)


@pytest.mark.parametrize("width", [80, 100])
def test_the_table_of_a_search_breaks_no_word(width: int) -> None:
    searched = {
        "hidden": (500, 411, 389, 499),
        "activation": "silu",
        "dropout": 0.4567,
        "normalization": "layer",
        "lr": 1.2345e-5,
        "weight_decay": 1.2345e-7,
        "batch_size": 2048,
    }
    trial = {"number": 12344, "state": "complete", "value": 0.4567, "settings": searched}
    grid = search_grid({"best": searched, "trials": [trial]})
    words = shown(terminal.drawn(grid), width, False).split()
    assert set(" ".join([*grid.head, *grid.rows[0]]).split()) <= set(words)
    numbers = {grid.head[i] for i in grid.numbers}  # which no page breaks
    assert numbers == {"trial", "loss", "dropout", "lr", "weight decay", "batch size"}


def test_pictures_are_svg_that_follows_the_page() -> None:
    history = History({"loss": [3.0, 2.0, 1.5], "val_loss": [3.0, 2.5, 2.4]}, stopped="done")
    random = np.random.default_rng(0)
    target = Target("a $x_1 <b>", "regression", "", [], 0.0, 1.0, 0)
    truth = random.normal(size=5000)
    drawn = [pictures.loss_curve(history, 3, "loss"), pictures.search([1.0, None, 0.5, 0.7])]
    drawn += pictures.of_numbers(target, truth, truth + 0.1).values()
    for text in drawn:
        root = ET.fromstring(text)
        assert root.tag.endswith("svg")
        assert "width" not in root.attrib
        assert "viewBox" in root.attrib
        assert "currentColor" in text
        assert not re.search("#222222|#0072b2|#d55e00", text)
        assert "<metadata" not in text
    assert "a $x_1 &lt;b&gt;" in drawn[2]
    assert drawn[2].count("<use") < 2 * pictures.MOST_POINTS


def test_a_voice_is_quiet_or_speaks_to_programs(capsys: pytest.CaptureFixture[str]) -> None:
    for reporter in (Reporter(), Reporter(quiet=True), Reporter(json=True)):
        reporter.text("[bold]text[/bold]")
        reporter.result({"a": [1.0, float("nan")], "b": (float("inf"), {"c": None})})
        with reporter.status("on it"):
            pass
    out, err = capsys.readouterr()
    assert err == ""
    first, *rest = out.splitlines()
    assert first == "[bold]text[/bold]"
    assert "\n".join(rest) == json_text({"a": [1.0, None], "b": [None, {"c": None}]})


@pytest.mark.parametrize(
    ("baseline", "score", "value", "interval", "expected"),
    [
        ("linear", "r2", 0.1, [0.05, 0.2], ""),
        (
            "boosting",
            "r2",
            0.1,
            [0.05, 0.2],
            "The network is better than boosting by 0.100 R² (0.050 to 0.200).",
        ),
        (
            "linear",
            "r2",
            0.0,
            [-0.1, 0.2],
            "By R² the linear model does as well as the network (-0.100 to 0.200).",
        ),
        (
            "dummy",
            "r2",
            -0.1,
            [-0.2, -0.05],
            "The dummy is better than the network by 0.100 R² (0.050 to 0.200).",
        ),
        (
            "boosting",
            "pinball",
            0.1,
            [-0.05, 0.2],
            "Boosting is better than the network by 0.100 pinball loss (-0.050 to 0.200), "
            "which may be chance.",
        ),
        (
            "linear",
            "pinball",
            -0.1,
            None,
            "The network is better than the linear model by 0.100 pinball loss, which may be chance.",
        ),
    ],
)
def test_a_baseline_that_the_network_is_not_clearly_better_than_is_named(
    baseline: str, score: str, value: float, interval: list[float] | None, expected: str
) -> None:
    difference = {score: {"value": value, "interval": interval}}
    test = {"scores": {score: 0.5}, "compared_by": score, "differences": {baseline: difference}}
    assert " ".join(verdict(test)) == expected
