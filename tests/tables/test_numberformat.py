"""Numbers that are written as people write them, from the table to the prediction."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cli.shell import run, told
from plaingrad.tables.model.rows import read_rows
from plaingrad.tables.settings import Settings


@pytest.fixture
def houses(tmp_path: Path) -> tuple[pd.DataFrame, Path]:
    """A price by area and discount; one area in two hundred has a mark for thousands."""
    rng = np.random.default_rng(0)
    area, discount = rng.integers(50, 990, 400), rng.integers(0, 300, 400) / 10
    area[7] = 1037
    price = (area * (100 - discount) * 10).round()
    frame = pd.DataFrame({"area": area, "discount": discount, "price": price})
    shown = pd.DataFrame(
        {
            "area": [f"{value:,}" for value in area],
            "discount": [f"{value} %".replace(".", ",") for value in discount],
            "price": [f"${value:,.2f}" for value in price],
        }
    )
    shown.to_csv(tmp_path / "shown.csv", index=False)
    frame.to_csv(tmp_path / "plain.csv", index=False)
    return frame, tmp_path


def test_it_is_the_model_of_the_numbers_themselves(houses: tuple[pd.DataFrame, Path]) -> None:
    frame, folder = houses
    reports, found = {}, {}
    for learned, asked in (("shown", "shown"), ("shown", "plain"), ("plain", "plain")):
        out, model = folder / "out.csv", folder / learned / "model.safetensors"
        reports[learned] = told(
            "train", folder / f"{learned}.csv", "--target", "price", "--epochs", 30, "-o", model.parent
        )
        told("predict", model, folder / f"{asked}.csv", "-o", out)
        found[learned, asked] = pd.read_csv(out)["prediction"].to_numpy()
        assert told("evaluate", model, folder / f"{asked}.csv")["test"]["scores"]["r2"] > 0.5
    done = [each["done"].partition(";")[0] for each in reports["shown"]["columns"]]
    assert done == ["numbers written as 1,234.50, standardised", "numbers written as 1234,50%, standardised"]
    assert reports["shown"]["test"]["scores"] == reports["plain"]["test"]["scores"]
    np.testing.assert_array_equal(found["shown", "shown"], found["shown", "plain"])
    np.testing.assert_array_equal(found["shown", "shown"], found["plain", "plain"])
    assert len(frame) == len(found["shown", "shown"])


def test_what_separates_the_fields_does_not_tell_how_numbers_are_written(tmp_path: Path) -> None:
    """1,234 beside 987 is 1234, and 1,25 beside 3 is 1.25, in any file."""
    thousands, halves = ["1,234", "987", "12,000"] * 5, ["1,25", "3", "0,333"] * 5
    for name, separator in (("t.csv", ","), ("t.tsv", "\t"), ("semicolons.csv", ";"), ("bars.csv", "|")):
        path = tmp_path / name
        frame = pd.DataFrame({"n": thousands, "h": halves, "y": range(15)})
        frame.to_csv(path, sep=separator, index=False)
        rows, _ = read_rows(path, Settings(target="y"))
        assert rows.frame["n"].tolist() == [1234, 987, 12000] * 5
        assert rows.frame["h"].tolist() == [1.25, 3, 0.333] * 5


def test_folds_know_what_their_parts_do_not_tell(houses: tuple[pd.DataFrame, Path]) -> None:
    folder = houses[1]
    report = told(
        "train", folder / "shown.csv", "--target", "price", "--epochs", 2, "--cv", 3, "-o", folder / "cv"
    )
    assert report["columns"][0]["done"].startswith("numbers written as 1,234.50")


def test_what_is_not_written_so_is_named(houses: tuple[pd.DataFrame, Path]) -> None:
    folder = houses[1]
    told("train", folder / "shown.csv", "--target", "price", "--epochs", 2, "-o", folder / "m")
    (folder / "new.csv").write_text('area,discount\n"1,000","5,5 %"\nlarge,7\n')
    result = run("predict", folder / "m" / "model.safetensors", folder / "new.csv")
    assert result.exit_code == 0
    assert "area: 1 of 2 values was not a number (such as 1,234.50) and counted as missing" in result.stderr
