"""Accuracy of `plaingrad train` on real tables beside boosted trees.

``python -m benchmarks.tables tune`` or ``judge``: each table is split 80/20 as the command splits it, once
a seed. ``--with NAME=VALUE`` sets an option of the command, and ``--label`` names what is measured so.
Results are kept by label in ``benchmarks/results/tables.json``, to compare measurements of the same rows.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import statistics
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import torch
from rich.console import Console
from rich.progress import track
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from benchmarks.extent import FOLDER
from benchmarks.markdown import table
from benchmarks.real_tables import JUDGE, TUNE, Table
from plaingrad.tables import Target
from plaingrad.tables.model.encoded import Encoded
from plaingrad.tables.model.model import TableModel
from plaingrad.tables.model.network import fitted
from plaingrad.tables.model.rows import Rows, read_rows
from plaingrad.tables.report.judging import Judgement
from plaingrad.tables.report.scores import Predictions, Scoring
from plaingrad.tables.settings import Settings
from plaingrad.tables.splits.parts import Parts, divided

RESULTS = FOLDER / "results" / "tables.json"
OURS, TREES, REALMLP = "plaingrad", "boosted trees", "RealMLP"
MOST_LEVELS = 254  # of a category of scikit-learn's trees, less one for the rest
CLIP = 0.05  # of differences, either way: no table alone decides

Results = dict[str, dict[str, list[dict[str, float]]]]  # by table, contender and seed


@dataclass(frozen=True)
class Outcome:
    """A training, judged by rows that it has not seen.

    Attributes:
        score: accuracy, or R² of numbers.
        log_loss: of classes; None for numbers.
        seconds: of processor time that encoding and training took, compiling included.
    """

    score: float
    log_loss: float | None
    seconds: float

    @classmethod
    def of(cls, scored: Mapping[str, float | None], seconds: float) -> Outcome:
        """Out of scores by name."""
        score = scored["accuracy"] if "accuracy" in scored else scored["r2"]
        assert score is not None
        return cls(score, scored.get("log_loss"), seconds)


@dataclass(frozen=True)
class Split:
    """A table in parts, as files have it and as the command reads it.

    Attributes:
        frame: all rows, with the columns' types.
        parts: the same rows in parts, as text.
        target: what is to be predicted.
        settings: of the command.
    """

    frame: pd.DataFrame
    parts: Parts
    target: Target
    settings: Settings

    def halves(self) -> tuple[pd.DataFrame, np.ndarray, pd.DataFrame, np.ndarray]:
        """Columns and coded target of the rows to learn from, and of those to be judged by."""
        train, validation, test = self.parts.train, self.parts.validation, self.parts.test
        assert validation is not None
        assert test is not None
        columns = _typed(self.frame.drop(columns=self.target.name))
        known = [train, validation]
        seen = columns.loc[np.concatenate([rows.frame.index for rows in known])]
        return seen, np.concatenate([rows.codes for rows in known]), columns.loc[test.frame.index], test.codes

    def judged(self, codes: np.ndarray, probabilities: np.ndarray | None, seconds: float) -> Outcome:
        """An outcome of predictions for the rows to be judged by."""
        assert self.parts.test is not None
        truth = self.parts.test.codes
        return Outcome.of(Scoring(self.target).scores(truth, Predictions(codes, probabilities)), seconds)


def _processor_time() -> float:
    """Seconds of this process and of those that it has started."""
    return sum(os.times()[:4])


def _typed(columns: pd.DataFrame) -> pd.DataFrame:
    """Text as categories; of many levels the most frequent, the rest as one."""
    typed = columns.copy()
    for name in columns.columns:
        if pd.api.types.is_numeric_dtype(columns[name]) and columns[name].dtype != bool:
            continue
        texts = columns[name].astype(str).where(columns[name].notna())
        kept = texts.value_counts().index[:MOST_LEVELS]
        typed[name] = texts.where(texts.isin(kept) | texts.isna(), "(other)").astype("category")
    return typed


def ours(split: Split) -> Outcome:
    """What the command does."""
    begun = _processor_time()
    encoded = Encoded.of(split.parts, split.settings)
    result = fitted(encoded, split.target, split.settings)
    seconds = _processor_time() - begun
    model = TableModel.of(result.estimator, result.encoder, split.target)
    return Outcome.of(Judgement.of(model, encoded, split.settings).scores()["network"], seconds)


def trees(split: Split) -> Outcome:
    """scikit-learn's histogram gradient boosting at its defaults, with categories."""
    kind: Any = HistGradientBoostingClassifier if split.target.labels else HistGradientBoostingRegressor
    return _as_peer(split, kind(categorical_features="from_dtype", random_state=split.settings.seed))


def realmlp(split: Split) -> Outcome:
    """pytabkit's RealMLP with the defaults tuned by its authors."""
    from pytabkit import RealMLP_TD_Classifier, RealMLP_TD_Regressor

    kind = RealMLP_TD_Classifier if split.target.labels else RealMLP_TD_Regressor
    return _as_peer(split, kind(device="cpu", random_state=split.settings.seed, n_threads=1, verbosity=0))


def _as_peer(split: Split, estimator: Any) -> Outcome:
    seen, known, columns, _ = split.halves()
    begun = _processor_time()
    estimator.fit(seen, known)
    seconds = _processor_time() - begun
    if not split.target.labels:
        return split.judged(np.asarray(estimator.predict(columns)).ravel(), None, seconds)
    every = np.zeros((len(columns), len(split.target.labels)))
    every[:, np.asarray(estimator.classes_, int)] = estimator.predict_proba(columns)
    return split.judged(every.argmax(1), every, seconds)


CONTENDERS: dict[str, Callable[[Split], Outcome]] = {OURS: ours, TREES: trees, REALMLP: realmlp}


def measure(drawn: Table, contender: str, seeds: int, options: Mapping[str, Any]) -> list[dict[str, float]]:
    """The outcomes of a contender on a table, one a seed."""
    frame, outcomes = drawn.frame(), []
    with TemporaryDirectory() as scratch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(scratch) / "table.csv"
        frame.to_csv(path, index=False)
        settings = Settings(target=drawn.target, **options)
        rows, target = read_rows(path, settings)
        for seed in range(seeds):
            outcomes.append(asdict(CONTENDERS[contender](_split(frame, rows, target, settings, seed))))
    return outcomes


def _split(frame: pd.DataFrame, rows: Rows, target: Target, settings: Settings, seed: int) -> Split:
    settings = replace(settings, seed=seed)
    return Split(frame, divided(rows, target, settings), target, settings)


def compared(results: Results, tables: list[Table], label: str, peer: str) -> str:
    """Markdown: a table's mean scores of both, and what they differ by; last, a summary."""
    measured = [each.name for each in tables if {label, peer} <= results.get(each.name, {}).keys()]
    if not measured:
        return f"nothing measured of both {label} and {peer}"
    rows, differences, lower = [], [], []
    for name in measured:
        pairs = list(zip(results[name][label], results[name][peer]))
        each = [a["score"] - b["score"] for a, b in pairs]
        difference = statistics.fmean(each)
        error = statistics.stdev(each) / len(each) ** 0.5 if len(each) > 1 else 0.0
        own, other = ({key: _mean(side, key) for key in side[0]} for side in zip(*pairs))
        losses = ""
        if own["log_loss"] is not None:
            losses = f"{own['log_loss']:.3f} / {other['log_loss']:.3f}"
            lower.append(own["log_loss"] <= other["log_loss"])
        scores = [f"{own['score']:.4f}", f"{other['score']:.4f}", f"{difference:+.4f} ± {error:.4f}"]
        rows.append([name, *scores, losses, f"{own['seconds']:.1f} / {other['seconds']:.1f}"])
        differences.append(max(-CLIP, min(CLIP, difference)))
    summary = (
        f"{label} less {peer}, clipped to {CLIP:g}: mean {statistics.fmean(differences):+.4f}, median "
        f"{statistics.median(differences):+.4f}, smallest {min(differences):+.4f}, not behind on "
        f"{sum(d >= 0 for d in differences)} of {len(differences)}; log loss not higher on {sum(lower)} of "
        f"{len(lower)}."
    )
    head = ["table", label, peer, "difference", "log loss of both", "seconds of both"]
    return table(head, rows) + f"\n{summary}\n"


def _mean(outcomes: Sequence[dict[str, Any]], key: str) -> Any:
    values = [each[key] for each in outcomes]
    return None if None in values else statistics.fmean(values)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tables", description=__doc__)
    parser.add_argument("part", choices=["tune", "judge"])
    parser.add_argument("--contender", choices=list(CONTENDERS), default=OURS, help="what is measured")
    parser.add_argument("--label", help="its name in the results, by default the contender's")
    parser.add_argument("--with", dest="options", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--only", action="append", metavar="TABLE", help="of these tables alone")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--against", default=TREES, metavar="LABEL", help="what it is compared with")
    parser.add_argument("--results", type=Path, default=RESULTS)
    asked = parser.parse_args()
    label, kept = asked.label or asked.contender, asked.results
    options = {name: _value(text) for name, _, text in (each.partition("=") for each in asked.options)}
    results: Results = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    tables = TUNE if asked.part == "tune" else JUDGE
    tables = [each for each in tables if each.name in (asked.only or [each.name])]
    torch.set_num_threads(1)
    with threadpool_limits(1):
        for drawn in track(tables, label, console=Console(stderr=True)):
            outcomes = measure(drawn, asked.contender, asked.seeds, options)
            results.setdefault(drawn.name, {})[label] = outcomes
            kept.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(compared(results, tables, label, asked.against))


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


if __name__ == "__main__":
    main()
