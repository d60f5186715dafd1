"""What is seen of a training while it runs, and what its history keeps."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from cli.shell import diabetes, iris
from plaingrad.tables import TableModel, Target
from plaingrad.tables.model.encoded import Encoded
from plaingrad.tables.model.network import Fitted, fitted
from plaingrad.tables.model.progress import EpochProgress
from plaingrad.tables.model.rows import read_rows
from plaingrad.tables.report.scores import Predictions, Scoring
from plaingrad.tables.settings import Settings
from plaingrad.tables.splits.parts import divided


def test_a_terminal_sees_the_epochs_with_their_scores(tmp_path: Path) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=120)
    settings = Settings(target="species", epochs=5, models=2)
    rows, target = read_rows(iris(tmp_path / "t.csv"), settings)
    made = fitted(
        Encoded.of(divided(rows, target, settings), settings),
        target,
        settings,
        [EpochProgress(console, "training")],
    )
    said = console.file.getvalue()  # type: ignore[attr-defined]
    for part in ("training", "/5", "loss", "val_loss", "val_accuracy"):
        assert part in said
    for history in made.estimator.histories_:
        assert len(history["val_accuracy"]) == len(history["val_loss"]) == 5


def watched(path: Path, console: Console, **options: object) -> tuple[Fitted, Encoded, Target]:
    """A training that is shown, with the rows and the target."""
    settings = Settings(
        target="progression",
        models=1,
        epochs=100,
        lr=0.02,
        patience=3,
        quantile=0.8,
        **options,  # type: ignore[arg-type]
    )
    rows, target = read_rows(diabetes(path), settings)
    encoded = Encoded.of(divided(rows, target, settings), settings)
    return fitted(encoded, target, settings, [EpochProgress(console)]), encoded, target


@pytest.mark.parametrize(
    ("loss", "name"), [("squared_error", "r2"), ("poisson", "r2"), ("quantile", "pinball")]
)
def test_the_epochs_have_the_first_score_of_the_report(tmp_path: Path, loss: str, name: str) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=120)
    made, encoded, target = watched(tmp_path / "t.csv", console, loss=loss)
    model, held_out = TableModel.of(made.estimator, made.encoder, target), encoded.validation
    assert held_out is not None
    found = Predictions(model.codes(model.outputs(held_out.X)), None)
    scoring = Scoring(target, 0.8 if loss == "quantile" else None)
    reported = scoring.scores(held_out.y, found)
    assert name == next(iter(reported))
    history = made.history
    assert made.best_epoch is not None
    assert history[f"val_{name}"][made.best_epoch - 1] == pytest.approx(reported[name])
    assert {column for column in history.epochs if column.startswith("val_")} == {"val_loss", f"val_{name}"}
    assert f"val_{name} {history[f'val_{name}'][-1]:.4g}" in console.file.getvalue()  # type: ignore[attr-defined]


def test_what_ends_the_training_of_a_quantile_is_its_pinball_loss(tmp_path: Path) -> None:
    made, _, target = watched(tmp_path / "t.csv", Console(quiet=True), loss="quantile")
    history = made.history
    shown = np.array(history["val_pinball"])
    assert shown == pytest.approx(target.deviation * np.array(history["val_loss"]), rel=1e-4)
    assert made.best_epoch == 1 + shown.argmin()
    assert history.stopped == f"val_loss has not improved since epoch {made.best_epoch}"
    assert len(history) == made.best_epoch + 3


def test_rates_beyond_all_numbers_end_no_training(tmp_path: Path) -> None:
    settings = Settings(target="progression", epochs=2, loss="poisson", hidden=())
    rows, target = read_rows(diabetes(tmp_path / "t.csv"), settings)
    encoded = Encoded.of(divided(rows, target, settings), settings)
    assert encoded.validation is not None
    far = replace(encoded.validation, X=1e6 * encoded.validation.X)
    made = fitted(replace(encoded, validation=far), target, settings, [EpochProgress(Console(quiet=True))])
    assert np.isfinite(made.history["val_r2"]).all()
    assert len(made.history) == 2
