from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plaingrad.data.table import Table, read_table


def written(folder: Path, target: list[object], separator: str = ",") -> Path:
    file = folder / "table.csv"
    frame = pd.DataFrame({"x": np.linspace(0, 1, len(target)), "flag": [True, False] * (len(target) // 2)})
    frame.assign(y=target).to_csv(file, index=False, sep=separator)
    return file


def table_of(folder: Path, target: list[object]) -> Table:
    return read_table(written(folder, target), "y")


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    columns=st.integers(1, 4),
    values=st.lists(st.floats(-1e30, 1e30, allow_subnormal=False), min_size=10, max_size=40, unique=True),
)
def test_numbers_arrive_bit_by_bit(tmp_path: Path, columns: int, values: list[float]) -> None:
    frame = pd.DataFrame({f"c{k}": np.roll(values, k) for k in range(columns)}).assign(y=values)
    frame.to_csv(tmp_path / "t.csv", index=False)
    table = read_table(tmp_path / "t.csv", "y", task="regression")
    assert table.data.feature_names == [f"c{k}" for k in range(columns)]
    assert table.data.inputs.numpy().tolist() == frame.drop(columns="y").to_numpy().tolist()
    assert table.data.targets[:, 0].tolist() == values


@pytest.mark.parametrize(
    ("target", "task", "classes", "reason"),
    [
        (["no", "yes"] * 10, "classification", ["no", "yes"], "'y' has 2 distinct strings"),
        ([True, False] * 10, "classification", ["False", "True"], "'y' is true or false"),
        ([2, 10] * 10, "classification", ["2", "10"], "'y' has only 2 distinct integers"),
        ([2.0, 10.0] * 10, "classification", ["2", "10"], "'y' has only 2 distinct integers"),
        ([0.5, 10.0] * 10, "regression", [], "'y' has fractional numbers"),
        (list(range(20)), "regression", [], "'y' has 20 distinct integers"),
        (
            [k % 20 for k in range(100)],
            "classification",
            list(map(str, range(20))),
            "'y' has only 20 distinct",
        ),
        ([k % 21 for k in range(210)], "regression", [], "'y' has 21 distinct integers"),
    ],
)
def test_the_target_decides_the_task(
    tmp_path: Path, target: list[object], task: str, classes: list[str], reason: str
) -> None:
    table = table_of(tmp_path, target)
    assert table.task == task
    assert table.data.class_names == classes
    assert table.reason.startswith(reason)
    if classes:
        assert [classes[k] for k in table.data.targets] == [
            str(int(y) if y == 10.0 else y) for y in target
        ] or ([float(classes[k]) for k in table.data.targets] == target)


def test_classes_are_numbered_in_order_and_truth_values_are_numbers(tmp_path: Path) -> None:
    data = table_of(tmp_path, ["b", "a", "c", "a", "b", "c"] * 2).data
    assert data.targets[:6].tolist() == [1, 0, 2, 0, 1, 2]
    assert data.inputs[:3, 1].tolist() == [1, 0, 1]
    assert (data.inputs.dtype, data.targets.dtype) == (torch.float64, torch.int64)


def test_spaces_blank_lines_quotes_and_a_byte_order_mark_are_no_obstacle(tmp_path: Path) -> None:
    lines = ['"a, b", y', "", *(f'"{i}", {i % 2}' for i in range(12)), ""]
    (tmp_path / "t.csv").write_text("\n".join(lines), encoding="utf-8-sig")
    table = read_table(tmp_path / "t.csv", "y")
    assert table.data.feature_names == ["a, b"]
    assert table.data.inputs[:, 0].tolist() == list(range(12))


def test_any_separator(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, ["a", "b"] * 5, separator="\t"), "y", separator="\t")
    assert table.data.feature_names == ["x", "flag"]


def test_columns_that_are_ignored_may_hold_anything(tmp_path: Path) -> None:
    lines = ["name,x,y", *(f",{i},{i % 2}" for i in range(12))]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    assert read_table(tmp_path / "t.csv", "y", ignore=["name"]).data.feature_names == ["x"]


def test_integers_too_large_are_named(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("\n".join(["x,y", *(f"{10**30 + i},{i % 2}" for i in range(12))]))
    with pytest.raises(ValueError, match=r"only numeric columns .* 'x' \(.*row 1, line 2"):
        read_table(tmp_path / "t.csv", "y")


def test_words_for_nothing_are_names_among_names_and_blanks_around_them_do_not_count(tmp_path: Path) -> None:
    names = ["NA", " None", "null ", "nan"]
    (tmp_path / "t.csv").write_text("\n".join(["x,y", *(f"{i},{names[i % 4]}" for i in range(12))]))
    data = read_table(tmp_path / "t.csv", "y").data
    assert data.class_names == ["NA", "None", "nan", "null"]
    assert data.targets[:4].tolist() == [0, 1, 3, 2]


@pytest.mark.parametrize("word", ["", "NA", "nan", "NaN", "null", " None "])
@pytest.mark.parametrize("column", ["x", "y"])
def test_words_for_nothing_are_missing_among_numbers(tmp_path: Path, word: str, column: str) -> None:
    missing = f"{word},0.5" if column == "x" else f"0.5,{word}"
    (tmp_path / "t.csv").write_text("\n".join(["x,y", *(f"{i},{i / 4}" for i in range(12)), missing]))
    with pytest.raises(ValueError, match=rf"missing in '{column}' \(1, first in row 13, line 14\)"):
        read_table(tmp_path / "t.csv", "y")
