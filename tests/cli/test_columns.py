"""`plaingrad columns` shows what a training makes of a table."""

from __future__ import annotations

from collections.abc import Callable
from json import loads
from pathlib import Path

import pytest

from cli.shell import diabetes, refused, run, titanic, told


@pytest.mark.parametrize(("table", "target"), [(titanic, "survived"), (diabetes, "progression")])
def test_columns_become_as_many_features_as_in_a_training(
    tmp_path: Path, table: Callable[[Path], Path], target: str
) -> None:
    path = table(tmp_path / "t.csv")
    shown = loads(run("columns", path, "--target", target, "--json").stdout)
    options = ("--epochs", 1, "--no-report", "-o", tmp_path / "out")
    report = told("train", path, "--target", target, *options)
    assert shown["columns"]
    assert [
        {key: value for key, value in each.items() if key != "schema"} for each in shown["columns"]
    ] == report["columns"]
    has_intervals = table is titanic  # the other has too few rows
    assert any("intervals" in each["done"] for each in shown["columns"]) == has_intervals
    whole = loads(run("columns", path, "--json").stdout)["columns"]
    assert any("intervals" in each["done"] for each in whole) == has_intervals
    assert {each["name"] for each in whole} == {target, *(each["name"] for each in report["columns"])}


def test_a_target_that_is_no_column_is_refused(tmp_path: Path) -> None:
    assert "'specie'" in refused("columns", diabetes(tmp_path / "t.csv"), "--target", "specie")


@pytest.mark.parametrize("options", [(), ("--target", "y")])
def test_a_table_of_which_no_column_can_be_used_is_shown_all_the_same(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    path = tmp_path / "t.csv"
    path.write_text("id,x,y\n" + "".join(f"{i},7,{i // 20 if options else 1}\n" for i in range(40)))
    done = run("columns", path, *options)
    assert "identifier   left out" in done.stdout
    assert "no column can be used" in done.stderr
    shown = loads(run("columns", path, *options, "--json").stdout)
    assert [(each["kind"], each["features"]) for each in shown["columns"]][:2] == [
        ("identifier", 0),
        ("number", 0),
    ]
