"""plaingrad's estimators beside scikit-learn's: fits, a grid search, predictions."""

from __future__ import annotations

import os
import statistics
import time
import warnings
from collections.abc import Callable
from functools import partial
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np
import sklearn.neural_network
from rich.progress import track
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier as TheirClassifier
from threadpoolctl import threadpool_limits

import plaingrad.estimators
from benchmarks.markdown import judged, table
from benchmarks.measure import Timing, in_turn, ratio
from plaingrad.estimators import MLPClassifier

FIT_BAR, SMALL_BATCH_BAR, SEARCH_BAR, PREDICT_BAR, STREAM_BAR = 5.0, 20.0, 5.0, 1.0, 1.0
REPETITIONS = 7
SMALL_BATCHES = {1: 10, 8: 200, 32: 200}  # with so many epochs at most, for scikit-learn takes its time
ROWS = (1, 10, 100, 1000, 100_000)
GRID = {
    "hidden_layer_sizes": [(50,), (100,), (50, 50)],
    "alpha": [1e-4, 1e-2],
    "learning_rate_init": [1e-3, 5e-3],
    "activation": ["relu", "tanh"],
}


def report() -> str:
    """Markdown for the results file."""
    x, y = load_digits(return_X_y=True)
    with (
        TemporaryDirectory() as empty,
        patch.dict(os.environ, PLAINGRAD_CACHE=empty),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")  # that training ends before it has converged, as it should here
        search = _search(x, y)
        with threadpool_limits(1):
            fits = [_fit(x, y, size, epochs) for size, epochs in [("auto", 200), *SMALL_BATCHES.items()]]
            predictions = [_predict(x, y, rows) for rows in track(ROWS, "predictions", transient=True)]
            streams = [_stream(name, work) for name, work in STREAMS.items()]
    return "\n".join(
        [
            "## Estimators",
            "",
            "`MLPClassifier` of both, on `digits` (1,797 x 64, as it comes), all other parameters at their",
            "defaults, one thread each: seconds, median (smallest to largest); the same number of epochs on",
            "average. plaingrad's networks are compiled before; what that takes is told apart.",
            table(
                ["fit", "plaingrad", "scikit-learn", "faster / bar", "epochs of both", "accuracy of both"],
                fits,
            ),
            'A search over 24 settings in 5 folds by `GridSearchCV`, `n_jobs=2`: with `engine="native"`,',
            'for the fits are too short for `"auto"` to compile them, which is timed beside it. Processes',
            "are started and networks compiled before; last, the very first search of each, in which the",
            "processes load what they need and plaingrad's networks are compiled:",
            table(
                [
                    "plaingrad",
                    "scikit-learn",
                    "faster / bar",
                    "plaingrad, auto",
                    "best scores",
                    "the first one of both",
                ],
                [search],
            ),
            "`predict_proba` by the networks of the defaults, rows at once, microseconds a call. With",
            '`engine="native"` it is compiled at once; with `"auto"` for so many rows that they take longer',
            "eagerly than half of what compiling takes, and else it is eager:",
            table(
                ["rows", "compiled", "eager", "scikit-learn", "compiled / bar", "eager / bar"], predictions
            ),
            "Streams of small calls, 20 hidden values: seconds of processor time.",
            table(["calls", "plaingrad", "scikit-learn", "faster / bar"], streams),
        ]
    )


def _partial_fits(package: Any) -> None:
    x, y = load_digits(return_X_y=True)
    model = package.MLPClassifier((20,), random_state=0)
    for start in range(0, 1600, 8):
        model.partial_fit(x[start : start + 50], y[start : start + 50], classes=np.arange(10))


def _warm_starts(package: Any) -> None:
    x, y = load_digits(return_X_y=True)
    model = package.MLPClassifier((20,), random_state=0, max_iter=1, warm_start=True)
    for _ in range(60):
        model.fit(x[:500], y[:500])


def _lbfgs(package: Any) -> None:
    x, y = load_iris(return_X_y=True)
    for seed in range(5):
        package.MLPClassifier((20,), solver="lbfgs", random_state=seed, max_iter=100).fit(x, y)


def _early_stopping(package: Any) -> None:
    x, y = load_diabetes(return_X_y=True)
    options = {"hidden_layer_sizes": (20,), "early_stopping": True, "max_iter": 100}
    for seed in range(3):
        package.MLPRegressor(**options, random_state=seed).fit(x, y)


STREAMS: dict[str, Callable[[Any], None]] = {
    "200 x `partial_fit` of 50 rows of `digits`": _partial_fits,
    "60 warm starts for an epoch of 500 rows": _warm_starts,
    '5 fits of `iris` by "lbfgs"': _lbfgs,
    "3 fits of `diabetes` with early stopping": _early_stopping,
}


def _stream(name: str, work: Callable[[Any], None]) -> list[str]:
    contenders = {
        "ours": partial(work, plaingrad.estimators),
        "theirs": partial(work, sklearn.neural_network),
    }
    timings = in_turn(contenders, 1, REPETITIONS, time.process_time)
    return [name, *_compared(timings, Timing.in_seconds, STREAM_BAR)]


def _fit(x: np.ndarray, y: np.ndarray, batch_size: Any, epochs: int) -> list[str]:
    options = {"batch_size": batch_size, "max_iter": epochs}
    fitted: dict[str, list[Any]] = {"ours": [], "theirs": []}

    def ours() -> None:
        fitted["ours"].append(MLPClassifier(**options, random_state=len(fitted["ours"])).fit(x, y))

    def theirs() -> None:
        fitted["theirs"].append(TheirClassifier(**options, random_state=len(fitted["theirs"])).fit(x, y))

    MLPClassifier(**options, engine="native").fit(x, y)
    timings = in_turn({"ours": ours, "theirs": theirs}, 1, REPETITIONS)
    told = [
        " / ".join(f"{statistics.fmean(value(model) for model in models):.4g}" for models in fitted.values())
        for value in (lambda model: model.n_iter_, lambda model: model.score(x, y))
    ]
    bar = FIT_BAR if batch_size == "auto" else SMALL_BATCH_BAR
    name = "the defaults" if batch_size == "auto" else f"batch_size={batch_size}, {epochs} epochs"
    return [name, *_compared(timings, Timing.in_seconds, bar), *told]


def _compared(timings: dict[str, Timing], told: Callable[[Timing], str], bar: float) -> list[str]:
    found = ratio(timings, "theirs", "ours")
    return [told(timings["ours"]), told(timings["theirs"]), judged(found, bar)]


def _search(x: np.ndarray, y: np.ndarray) -> list[str]:
    searches = {
        name: GridSearchCV(kind(random_state=0, max_iter=100, **options), GRID, cv=5, n_jobs=2)
        for name, kind, options in (
            ("ours", MLPClassifier, {"engine": "native"}),
            ("theirs", TheirClassifier, {}),
            ("auto", MLPClassifier, {}),
        )
    }
    first = {}
    for name, search in searches.items():
        begun = time.perf_counter()
        search.fit(x, y)
        first[name] = f"{time.perf_counter() - begun:.1f}"
    work = {name: (lambda search=search: search.fit(x, y)) for name, search in searches.items()}
    timings = in_turn(work, 1, 3)
    scores = " / ".join(f"{searches[name].best_score_:.4f}" for name in ("ours", "theirs"))
    auto = timings["auto"].in_seconds()
    return [
        *_compared(timings, Timing.in_seconds, SEARCH_BAR),
        auto,
        scores,
        f"{first['ours']} / {first['theirs']}",
    ]


def _predict(x: np.ndarray, y: np.ndarray, rows: int) -> list[str]:
    fitted = {
        name: MLPClassifier(random_state=0, max_iter=20, engine=name).fit(x, y)
        for name in ("native", "eager")
    }
    fitted["theirs"] = TheirClassifier(random_state=0, max_iter=20).fit(x, y)
    given = np.resize(x, (rows, x.shape[1]))
    calls = max(1, min(2000, 20_000 // rows))  # so many that the caches are one's own again

    def repeated(model: Any) -> Callable[[], None]:
        def work() -> None:
            for _ in range(calls):
                model.predict_proba(given)

        return work

    timings = in_turn({name: repeated(model) for name, model in fitted.items()}, calls, 15)
    ratios = [judged(ratio(timings, "theirs", name), PREDICT_BAR) for name in ("native", "eager")]
    return [f"{rows:,}", *(Timing.in_microseconds(timing) for timing in timings.values()), *ratios]
