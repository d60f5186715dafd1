"""Public tables, trained on and predicted in pieces, in another order of columns and in other formats."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cli.shell import run, told
from tables.test_meaning import WRITERS

DATA = files("bokeh_sampledata") / "_data"
ROWS = 300
TARGETS = {
    "titanic_all.csv": "survived",
    "penguins.csv": "species",
    "auto-mpg.csv": "mpg",
    "forensic_glass.csv": "type",
    "SampleSuperstore.csv.gz": "Profit",
    "gapminder.csv.gz": "life_expectancy",
    "lincoln_weather.csv": "TMAX",
    "airports.csv": "Altitude",
    "elements.csv": "boiling point",
    "population.csv.gz": "Value",
    "stocks.csv.gz": "Close",
    "cycling.csv.gz": "power",
    "world_cities.csv.gz": "lat",
    "CGM.csv.gz": "glucose",
}
AVERAGED = "penguins.csv"  # as usual by several networks, of which the others have one
ONE = ("--models", 1)
ALONE = ("--no-importance", "--no-report", "--quiet")


def sample(name: str) -> pd.DataFrame:
    """Some rows of a table, every cell as it stands in the file, with a target in each."""
    frame = pd.read_csv(str(DATA / name), dtype=str, keep_default_na=False)
    frame = frame[frame[TARGETS[name]] != ""]
    return frame.sample(min(ROWS, len(frame)), random_state=0).reset_index(drop=True)


@pytest.mark.parametrize("name", TARGETS)
def test_a_row_is_predicted_alike_alone_and_among_others(tmp_path: Path, name: str) -> None:
    frame, target = sample(name), TARGETS[name]
    table = WRITERS["csv"](frame, tmp_path / "table.csv")
    model = tmp_path / "out" / "model.safetensors"
    options = ("--epochs", 3, *ALONE, "-o", model.parent)
    trained = run("train", table, "--target", target, *(options if name == AVERAGED else (*options, *ONE)))
    assert trained.exit_code == 0, trained.output
    whole = told("predict", model, table)
    numbers = [key for key in whole if key == "prediction" or key.startswith("probability")]
    rng = np.random.default_rng(0)
    for size, (format, write) in zip((1, 2, 40, 1), WRITERS.items()):
        rows = rng.choice(len(frame), size, replace=False)
        columns = rng.permutation([column for column in frame if column != target])
        part = told("predict", model, write(frame.iloc[rows][list(columns)], tmp_path / f"part.{format}"))
        assert {key: part[key] for key in numbers} == {
            key: [whole[key][row] for row in rows] for key in numbers
        }
