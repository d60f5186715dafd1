"""A table that is encoded piece by piece into files, and trained from there."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest
import torch
from hypothesis import HealthCheck, event, given
from hypothesis import settings as limits
from hypothesis import strategies as st

from effort import draws
from plaingrad import fit, nn, optim
from plaingrad.data import Dataset
from plaingrad.errors import InputError
from plaingrad.tables import TableDataset, TableEncoder, Target, dataset
from plaingrad.tables.columns import encoder
from plaingrad.tables.columns.meaning import Meaning
from plaingrad.tables.columns.schema import ColumnSchema
from plaingrad.tables.columns.schema_file import save_schema
from plaingrad.tables.columns.strange import StrangeCellsWarning
from plaingrad.tables.mapped import cache, pieces, sample
from plaingrad.tables.model.rows import read_cells
from plaingrad.tables.reading.reading import read_frame
from tables.random_tables import Drawn, tables

WRITERS: dict[str, Callable[[pd.DataFrame, Path], object]] = {
    "csv": lambda frame, path: frame.to_csv(path, index=False),
    "csv.gz": lambda frame, path: frame.to_csv(path, index=False),
    "tsv": lambda frame, path: frame.to_csv(path, index=False, sep="\t"),
    "parquet": lambda frame, path: frame.to_parquet(path, row_group_size=150),
    "arrow": lambda frame, path: pyarrow.feather.write_feather(frame, str(path), chunksize=70),
}


def table(rows: int = 400, seed: int = 0, *, text: bool = False) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "number": random.normal(5, 3, rows),
            "integer": random.integers(0, 9, rows),
            "truth": random.choice([True, False], rows),
            "colour": random.choice(["red", "green", "blue"], rows, p=[0.6, 0.3, 0.1]),
            "day": pd.date_range("2020-01-01", periods=rows, freq="31h").astype(str),
            "items": random.choice(["a|b", "b|c", "c", "a|b|c", "d|a"], rows),
            "place": [f"{x:.4f},{y:.4f}" for x, y in random.uniform(0, 9, (rows, 2))],
            "y": random.choice(["no", "yes"], rows),
        }
    )
    frame.loc[3, ["number", "colour"]] = None
    if text:  # which takes long
        frame["text"] = [f"text {i} of {i * 7919 % 1000}" for i in range(rows)]
    return frame


def in_memory(path: Path, target: str, **options: Any) -> tuple[np.ndarray, np.ndarray]:
    """Features and targets of a table that is read and encoded as a whole."""
    frame = read_cells(path, {})
    values = frame.pop(target)
    predicted = Target.of(values, target)
    present = predicted.present(values)
    meaning = Meaning.of(frame)
    fitted = TableEncoder(**options).fit(meaning.frame[present], schema=meaning.schema)
    return fitted.transform(meaning.frame[present]), predicted.encode(values[present])


@pytest.mark.parametrize("suffix", WRITERS)
def test_every_format_is_encoded_as_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    path = tmp_path / f"t.{suffix}"
    WRITERS[suffix](table(text=True), path)
    X, y = in_memory(path, "y", bins=4)
    monkeypatch.setattr(pieces, "FEWEST_ROWS", 1)
    for rows_at_once in (64, 10_000):
        monkeypatch.setattr(pieces, "ROWS", rows_at_once)
        data = dataset(path, target="y", cache=tmp_path / f"cache of {rows_at_once}", bins=4)
        assert data.inputs.numpy().tobytes() == X.tobytes()
        assert data.targets.numpy().tobytes() == y.tobytes()
        assert list(data.class_names) == ["no", "yes"]
        assert len(data.feature_names) == X.shape[1]


@limits(max_examples=draws(15), deadline=None, suppress_health_check=list(HealthCheck))
@given(tables(), st.sampled_from([5, 23, 1000]), st.booleans())
def test_any_table_is_encoded_as_in_memory_whatever_its_pieces(
    tmp_path_factory: pytest.TempPathFactory, drawn: Drawn, rows_at_once: int, columnar: bool
) -> None:
    folder = tmp_path_factory.mktemp("mapped")
    path = folder / ("t.parquet" if columnar else "t.csv")
    frame = drawn.frame
    if columnar and frame.columns.is_unique:
        frame.astype("string").to_parquet(path)
    else:
        path = folder / "t.csv"
        frame.to_csv(path, index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "ROWS", rows_at_once)
        patch.setattr(pieces, "FEWEST_ROWS", 1)
        problem = None
        try:
            X, y = in_memory(path, "y")
        except InputError as error:
            problem = error.problem, error.row
        event("encoded" if problem is None else "refused")
        if problem is not None:
            with pytest.raises(InputError) as refused:
                dataset(path, target="y", cache=folder / "cache")
            assert "\n" not in str(refused.value)
            assert (refused.value.problem, refused.value.row) == problem
            assert not list(folder.glob("cache/*"))
            return
        data = dataset(path, target="y", cache=folder / "cache")
    assert data.inputs.numpy().tobytes() == X.tobytes()
    codes = y if y.dtype == np.int64 else y.astype(np.float32)
    assert data.targets.numpy().tobytes() == codes.tobytes()


def test_all_rows_decide_what_a_sample_cannot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = table(2000)
    frame["colour"] = np.where(np.arange(2000) % 400 == 0, "violet", frame["colour"])
    frame["y"] = np.where(np.arange(2000) % 700 == 1, "perhaps", frame["y"])
    frame.loc[1234, "integer"] = None
    frame.to_csv(tmp_path / "t.csv", index=False)
    whole = dataset(tmp_path / "t.csv", target="y", cache=tmp_path / "whole", bins=4)
    monkeypatch.setattr(encoder, "ROWS_PER_INTERVAL", 1)
    monkeypatch.setattr(sample, "sample_size", lambda columns: 200)
    drawn = dataset(tmp_path / "t.csv", target="y", cache=tmp_path / "drawn", bins=4)
    assert drawn.class_names == whole.class_names == ["no", "perhaps", "yes"]
    assert drawn.targets.equal(whole.targets)
    assert drawn.target == whole.target
    assert drawn.encoder is not None
    assert whole.encoder is not None
    assert drawn.encoder.missing_ == whole.encoder.missing_
    for name in ("number", "integer", "day", "place"):
        mine, other = drawn.encoder.used_[name], whole.encoder.used_[name]
        np.testing.assert_allclose(mine.mean, other.mean, rtol=1e-12)
        np.testing.assert_allclose(mine.deviation, other.deviation, rtol=1e-12)
        assert mine.indicator == other.indicator
    for name in ("colour", "items", "truth"):
        assert drawn.encoder.used_[name] == whole.encoder.used_[name]
    assert drawn.encoder.used_["day"].cycles == whole.encoder.used_["day"].cycles
    # The ends of intervals are those of the sample, in other units.
    low, high = (drawn.encoder.used_["number"].edges[i] for i in (0, -1))
    deviation, mean = drawn.encoder.used_["number"].deviation, drawn.encoder.used_["number"].mean
    assert frame["number"].min() <= low * deviation + mean < high * deviation + mean <= frame["number"].max()


def test_numbers_are_measured_as_exactly_as_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"far": 1e9 + random.normal(size=3000), "huge": random.normal(size=3000) * 1e200})
    frame["y"] = random.normal(7, 2, 3000)
    frame.to_parquet(tmp_path / "t.parquet", row_group_size=100)
    whole = dataset(tmp_path / "t.parquet", target="y", cache=tmp_path / "whole")
    monkeypatch.setattr(sample, "sample_size", lambda columns: 100)
    monkeypatch.setattr(pieces, "ROWS", 100)
    monkeypatch.setattr(pieces, "FEWEST_ROWS", 1)
    drawn = dataset(tmp_path / "t.parquet", target="y", cache=tmp_path / "drawn")
    assert drawn.encoder is not None
    assert whole.encoder is not None
    assert drawn.target is not None
    assert whole.target is not None
    for mine, other in [
        (drawn.target, whole.target),
        *zip(*(each.encoder.used_.values() for each in (drawn, whole))),
    ]:
        np.testing.assert_allclose([mine.mean, mine.deviation], [other.mean, other.deviation], rtol=1e-9)
    np.testing.assert_allclose(drawn.inputs, whole.inputs, atol=1e-5)
    np.testing.assert_allclose(drawn.targets, whole.targets, atol=1e-6)
    assert drawn.targets.shape == (3000, 1)


def test_the_sample_is_the_same_however_the_table_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = pd.DataFrame({"i": np.arange(5000), "y": np.arange(5000) % 2})
    frame.to_parquet(tmp_path / "t.parquet")
    monkeypatch.setattr(pieces, "FEWEST_ROWS", 1)
    chosen = []
    for rows in (7, 333, 5000):
        monkeypatch.setattr(pieces, "ROWS", rows)
        rows_drawn = sample.drawn(pieces.Pieces.of(tmp_path / "t.parquet", pieces.ReadOptions()), "y", 200)
        assert rows_drawn.frame["i"].tolist() == rows_drawn.indices.tolist() == rows_drawn.numbers.tolist()
        chosen.append(rows_drawn.indices.tolist())
    assert chosen[0] == chosen[1] == chosen[2]
    assert len(chosen[0]) == 200
    assert 2000 < np.mean(chosen[0]) < 3000


@pytest.mark.parametrize("engine", ["eager", "native"])
@pytest.mark.parametrize("shuffle", [True, "blocks"])
def test_training_from_files_gives_the_same_bits(tmp_path: Path, engine: Any, shuffle: Any) -> None:
    table(300).to_csv(tmp_path / "t.csv", index=False)
    data = dataset(tmp_path / "t.csv", target="y", cache=tmp_path / "cache")
    copied = Dataset(data.inputs.clone(), data.targets.clone())
    weights = []
    for each in (data, copied):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(data.inputs.shape[1], 8), nn.ReLU(), nn.Linear(8, 2))
        fit(
            model,
            each,
            loss=nn.CrossEntropyLoss(),
            optimizer=optim.Adam(model.parameters()),
            epochs=3,
            batch_size=32,
            metrics=["accuracy"],
            validation=each,
            shuffle=shuffle,
            seed=0,
            engine=engine,
            progress=False,
        )
        weights.append([value.clone() for value, _ in model.parameters()])
    assert all(mine.equal(other) for mine, other in zip(*weights))


def test_a_second_call_maps_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table().to_csv(tmp_path / "t.csv", index=False)
    first = dataset(tmp_path / "t.csv", target="y", cache=tmp_path / "cache")
    monkeypatch.setattr(cache, "write", None)
    monkeypatch.setattr(TableEncoder, "transform", None)
    second = dataset(tmp_path / "t.csv", target="y", cache=tmp_path / "cache")
    assert second.inputs.equal(first.inputs)
    assert second.targets.equal(first.targets)
    assert second.target == first.target
    assert repr(second) == repr(first)


def test_files_that_have_changed_are_encoded_anew_and_it_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table(400).to_csv(tmp_path / "t.csv", index=False)
    dataset(tmp_path / "*.csv", target="y", cache=tmp_path / "cache")
    assert capsys.readouterr().err == ""
    table(300, seed=1).to_csv(tmp_path / "u.csv", index=False)
    data = dataset(tmp_path / "*.csv", target="y", cache=tmp_path / "cache")
    assert len(data) == 700
    assert "have changed; it is encoded anew" in capsys.readouterr().err
    assert len(list((tmp_path / "cache").iterdir())) == 3


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"target": "truth"}, "target"),
        ({"max_levels": 2}, "max_levels"),
        ({"bins": 3}, "bins"),
        ({"ignore": ["day"]}, "ignore"),
        ({"schema": {"integer": ColumnSchema("text")}}, "schema"),
        ({"separator": ","}, "separator"),
        ({"source": "u.csv"}, "source"),
    ],
)
def test_a_folder_with_another_table_is_refused_by_name(
    tmp_path: Path, changes: dict[str, Any], named: str
) -> None:
    table().to_csv(tmp_path / "t.csv", index=False)
    table().to_csv(tmp_path / "u.csv", index=False)
    options: dict[str, Any] = {"source": "t.csv", "target": "y", "cache": tmp_path / "cache"}
    dataset(tmp_path / options.pop("source"), **options)
    options = {"source": "t.csv", **options, **changes}
    with pytest.raises(InputError, match=rf"^cache: expected {named} .* as of the table in .*; use another"):
        dataset(tmp_path / options.pop("source"), **options)


def test_what_is_not_whole_is_encoded_again(tmp_path: Path) -> None:
    table().to_csv(tmp_path / "t.csv", index=False)
    folder = tmp_path / "cache"
    before = dataset(tmp_path / "t.csv", target="y", cache=folder).inputs.clone()
    for spoil in (
        lambda: next(folder.glob("inputs-*")).unlink(),
        lambda: os.truncate(next(folder.glob("targets-*")), 100),
        lambda: (folder / cache.NAME).write_text("{}"),
        lambda: (folder / cache.NAME).unlink(),
    ):
        spoil()
        assert dataset(tmp_path / "t.csv", target="y", cache=folder).inputs.equal(before)
        assert len(list(folder.iterdir())) == 3


def test_what_cannot_be_encoded_leaves_nothing_and_keeps_what_was_there(tmp_path: Path) -> None:
    frame = table()
    frame.to_csv(tmp_path / "t.csv", index=False)
    folder = tmp_path / "cache"
    dataset(tmp_path / "t.csv", target="y", cache=folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    frame.loc[77, "number"] = np.inf
    frame.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(
        InputError, match=r"t\.csv: column 'number': expected a finite number, got inf in row 78"
    ):
        dataset(tmp_path / "t.csv", target="y", cache=folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    data = dataset(tmp_path / "t.csv", target="y", cache=tmp_path / "other", infinite_as_missing=True)
    assert len(data) == 400


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"source": []}, "source: expected a file, a folder, a pattern or a list of them, got "),
        ({"source": [3]}, "source: expected a file, a folder, a pattern or a list of them, got "),
        ({"target": ["y"]}, "target: expected the name of a column, got "),
        ({"cache": None}, "cache: expected a folder, got None"),
    ],
    ids=str,
)
def test_arguments_of_other_types_are_refused(change: dict[str, Any], problem: str, tmp_path: Path) -> None:
    table().to_csv(tmp_path / "t.csv", index=False)
    options = {"source": tmp_path / "t.csv", "target": "y", "cache": tmp_path / "cache", **change}
    with pytest.raises(InputError, match=f"^{problem}"):
        dataset(options.pop("source"), **options)


@pytest.mark.parametrize("name", ["t.csv", "t.csv/in"])
def test_a_file_is_no_cache(name: str, tmp_path: Path) -> None:
    table().to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(InputError, match=r"t\.csv: cache: expected a folder, got a file$"):
        dataset(tmp_path / "t.csv", target="y", cache=tmp_path / name)


def test_what_a_killed_process_has_left_is_removed(tmp_path: Path) -> None:
    table().to_csv(tmp_path / "t.csv", index=False)
    folder = tmp_path / "cache"
    folder.mkdir()
    names = [".inputs-1-x.unfinished.f32", ".inputs-2-x.unfinished.f32", ".inputs-3-x.f32"]
    dead, written, other = (folder / name for name in names)
    for path in (dead, written, other):
        path.touch()
    with written.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # as the process that writes it does
        dataset(tmp_path / "t.csv", target="y", cache=folder)
    assert (dead.exists(), written.exists(), other.exists()) == (False, True, True)


def test_folders_patterns_and_lists_are_one_table(tmp_path: Path) -> None:
    frame = table(300)
    for i, year in enumerate((2023, 2024, 2025)):
        folder = tmp_path / "in" / f"year={year}"
        folder.mkdir(parents=True)
        frame[i * 100 : (i + 1) * 100].to_parquet(folder / "part.parquet")
        (folder / "_SUCCESS").touch()
        (folder / ".part.parquet.crc").touch()
    files = sorted((tmp_path / "in").rglob("*.parquet"))
    sources: list[Any] = [tmp_path / "in", str(tmp_path / "in" / "*" / "*.parquet"), files, tmp_path / "i?"]
    encoded = [
        dataset(source, target="y", cache=tmp_path / str(i), ignore=["year"] if i != 2 else [])
        for i, source in enumerate(sources)
    ]
    assert all(each.inputs.equal(encoded[0].inputs) for each in encoded)
    for i in (0, 1, 3):
        with_years = dataset(sources[i], target="y", cache=tmp_path / f"years {i}")
        assert with_years.encoder is not None
        assert with_years.encoder.schema_["year"].kind == "number"
        assert "year" in with_years.feature_names


def test_test_data_are_encoded_like_the_training_data(tmp_path: Path) -> None:
    table(400).to_csv(tmp_path / "t.csv", index=False)
    later = table(50, seed=5)
    later["colour"] = "unseen"
    later.to_csv(tmp_path / "u.csv", index=False)
    train = dataset(tmp_path / "t.csv", target="y", cache=tmp_path / "train")
    with pytest.warns(StrangeCellsWarning, match="colour: 50 of 50 values were not seen in training"):
        test = dataset(tmp_path / "u.csv", cache=tmp_path / "test", like=train)
    assert isinstance(test, TableDataset)
    assert train.encoder is not None
    with pytest.warns(StrangeCellsWarning):
        expected = train.encoder.transform(read_cells(tmp_path / "u.csv", {}))
    assert test.inputs.numpy().tobytes() == expected.tobytes()
    with pytest.raises(InputError, match="max_levels: expected none with like, which decides it, got 3"):
        dataset(tmp_path / "u.csv", cache=tmp_path / "test", like=train, max_levels=3)
    with pytest.raises(InputError, match="like: expected a result of dataset, got"):
        dataset(tmp_path / "u.csv", cache=tmp_path / "test", like=Dataset(train.inputs, train.targets))  # type: ignore[arg-type]


def test_when_the_training_data_have_grown_the_others_are_encoded_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table(400).to_csv(tmp_path / "t.csv", index=False)
    table(50, seed=5).to_csv(tmp_path / "u.csv", index=False)
    train = dataset(tmp_path / "t.csv", target="y", cache=tmp_path / "train")
    before = dataset(tmp_path / "u.csv", cache=tmp_path / "test", like=train).inputs.clone()
    table(500).to_csv(tmp_path / "t.csv", index=False)
    train = dataset(tmp_path / "t.csv", target="y", cache=tmp_path / "train")
    capsys.readouterr()
    test = dataset(tmp_path / "u.csv", cache=tmp_path / "test", like=train)
    assert capsys.readouterr().err == (
        f"the encoding that the table in {tmp_path / 'test'} has from another one (like) has changed; "
        "it is encoded anew\n"
    )
    expected = dataset(tmp_path / "u.csv", cache=tmp_path / "other", like=train).inputs
    assert test.inputs.equal(expected)
    assert not test.inputs.equal(before)
    dataset(tmp_path / "u.csv", cache=tmp_path / "test", like=train)
    assert capsys.readouterr().err == ""
    with pytest.raises(InputError, match=r"^cache: expected like .* as of the table in .*, got null; use"):
        dataset(tmp_path / "u.csv", target="y", cache=tmp_path / "test")


def test_the_same_files_by_another_path_are_the_same_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "in" / "year=2024"
    folder.mkdir(parents=True)
    for i in range(2):
        table(100, seed=i).to_csv(folder / f"{i}.csv", index=False)
    files = sorted(folder.iterdir())
    first = dataset(folder, target="y", cache=tmp_path / "cache")
    monkeypatch.setattr(cache, "write", None)
    monkeypatch.chdir(tmp_path / "in")
    (tmp_path / "link").symlink_to(folder)
    sources: list[Any] = [
        "year=2024", "./year=2024/", files, [f"year=2024/{i}.csv" for i in range(2)], "year=2024/*.csv",
        tmp_path / "link",
    ]  # fmt: skip
    for source in sources:
        assert dataset(source, target="y", cache=tmp_path / "cache").inputs.equal(first.inputs)
    for source in (files[::-1], files[:1], tmp_path / "in"):  # the last has a column more: the year
        with pytest.raises(InputError, match=r"^cache: expected source "):
            dataset(source, target="y", cache=tmp_path / "cache")


def test_the_meaning_of_columns_can_be_said(tmp_path: Path) -> None:
    table().to_csv(tmp_path / "t.csv", index=False)
    schema = {"integer": ColumnSchema("text")}
    save_schema(tmp_path / "columns.toml", schema)
    mine = dataset(tmp_path / "t.csv", target="y", cache=tmp_path / "a", schema=schema)
    same = dataset(tmp_path / "t.csv", target="y", cache=tmp_path / "b", schema=tmp_path / "columns.toml")
    assert "integer_3" in mine.feature_names
    assert mine.inputs.equal(same.inputs)


def test_a_later_cell_that_does_not_fit_counts_as_missing_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = pd.DataFrame({"a": np.arange(1000).astype(str), "y": np.arange(1000) % 2})
    monkeypatch.setattr(sample, "sample_size", lambda columns: 50)
    whole = frame.copy()
    frame.loc[[500, 501], "a"] = "broken"
    frame.to_csv(tmp_path / "t.csv", index=False)
    with pytest.warns(StrangeCellsWarning, match=r"a: 2 of 1,000 values were not a number .* \('broken'\)"):
        data = dataset(tmp_path / "t.csv", target="y", cache=tmp_path / "cache")
    assert data.inputs[[500, 501], -1].tolist() == [1, 1]
    assert data.inputs[:, -1].sum() == 2
    assert len(whole) == len(data)


def test_rows_without_a_target_are_left_out(tmp_path: Path) -> None:
    frame = table()
    frame.loc[[0, 5], "y"] = None
    frame.to_csv(tmp_path / "t.csv", index=False)
    data = dataset(tmp_path / "t.csv", target="y", cache=tmp_path / "cache")
    assert len(data) == 398
    assert data.target is not None
    assert data.target.missing == 2


UNLIKE = r"u\.csv: expected the columns of .*t\.csv, got a file without 'b'"
PIECEWISE = "expected one of csv, tsv, parquet, arrow, which are read piece by piece"
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("none.csv", {}, "none.csv"),
    ("none-*.csv", {}, r"none-\*\.csv: no file has such a name"),
    ("empty", {}, "empty: expected files of csv, tsv, parquet, arrow in it, got none"),
    ("t.jsonl", {}, PIECEWISE),
    ("t.csv", {"target": "z"}, "target: there is no column 'z'"),
    ("t.csv", {"target": None}, "target: expected the name of a column, got None"),
    ("t.csv", {"ignore": ["z"]}, "ignore: there is no column 'z'"),
    ("t.csv", {"ignore": ["y"]}, "ignore: expected other columns than the target"),
    ("t.csv", {"ignore": ["a", "b"]}, "there is no column besides the target"),
    ("t.csv", {"schema": {"z": ColumnSchema("text")}}, "schema: there is no column 'z'"),
    ("t.csv u.csv", {}, UNLIKE),
    ("t.csv v.csv", {}, r"v\.csv: line 3: expected 3 fields as the header, got 2"),
    ("t.csv w.csv", {}, r"w\.csv: expected at least two rows of each class of 'y', got one of '17' in row 2"),
    ("t.csv a.parquet", {}, r"a\.parquet: expected a CSV file, as .*t\.csv is, got a Parquet file"),
    ("a.parquet b.parquet", {}, r"b\.parquet: column 'a': expected int64 as in .*a\.parquet, got string"),
]


@pytest.mark.parametrize(("names", "options", "message"), REFUSED)
def test_what_cannot_be_used_is_refused_in_one_line(
    tmp_path: Path, names: str, options: dict[str, Any], message: str
) -> None:
    (tmp_path / "empty").mkdir()
    rows = "".join(f"{i},{i * i % 7},{i % 2}\n" for i in range(30))
    (tmp_path / "t.csv").write_text("a,b,y\n" + rows)
    (tmp_path / "u.csv").write_text("a,y\n1,2\n")
    (tmp_path / "v.csv").write_text("a,b,y\n1,2,0\n1,2\n")
    (tmp_path / "w.csv").write_text("a,b,y\n1,2,0\n1,2,17\n1,2,1\n")
    (tmp_path / "t.jsonl").write_text("{}\n")
    pa.parquet.write_table(pa.table({"a": [1, 2], "y": [0, 1]}), tmp_path / "a.parquet")
    pa.parquet.write_table(pa.table({"a": ["x", "z"], "y": [0, 1]}), tmp_path / "b.parquet")
    source = [tmp_path / name for name in names.split()]
    arguments = {"target": "y", "cache": tmp_path / "cache", **options}
    with pytest.raises((InputError, FileNotFoundError), match=message) as refused:
        dataset(source if len(source) > 1 else source[0], **arguments)
    assert "\n" not in str(refused.value)
    assert not list(tmp_path.glob("cache/*"))


def test_numbers_of_several_types_are_one_column(tmp_path: Path) -> None:
    pa.parquet.write_table(pa.table({"a": list(range(30)), "y": [0, 1] * 15}), tmp_path / "a.parquet")
    pa.parquet.write_table(pa.table({"a": [0.5] * 30, "y": [0, 1] * 15}), tmp_path / "b.parquet")
    data = dataset(tmp_path, target="y", cache=tmp_path / "cache")
    assert data.inputs[30:].unique().numel() == 1
    assert data.inputs[:30].unique().numel() == 30


def test_what_is_written_into_the_tensors_stays_in_memory(tmp_path: Path) -> None:
    table().to_csv(tmp_path / "t.csv", index=False)
    data = dataset(tmp_path / "t.csv", target="y", cache=tmp_path / "cache")
    before = data.inputs.clone()
    data.inputs.zero_()
    assert dataset(tmp_path / "t.csv", target="y", cache=tmp_path / "cache").inputs.equal(before)


def test_codes_in_one_file_and_words_in_another_are_one_column(tmp_path: Path) -> None:
    frame = table(200)
    (tmp_path / "in").mkdir()
    frame[:100].astype({"colour": "category"}).to_parquet(tmp_path / "in" / "a.parquet")
    frame[100:].to_parquet(tmp_path / "in" / "b.parquet")
    frame.to_parquet(tmp_path / "whole.parquet")
    sources = [tmp_path / "in", tmp_path / "whole.parquet"]
    parts, whole = (dataset(each, target="y", cache=tmp_path / f"of {each.name}") for each in sources)
    assert parts.inputs.equal(whole.inputs)


@pytest.mark.parametrize("suffix", ["parquet", "feather"])
def test_an_index_without_a_name_is_no_column(suffix: str, tmp_path: Path) -> None:
    """In a table sorted by class it would tell the class."""
    frame = table(200).sort_values("y")
    path = tmp_path / f"t.{suffix}"
    arrow = pa.Table.from_pandas(frame)
    assert "__index_level_0__" in arrow.column_names
    if suffix == "parquet":
        pyarrow.parquet.write_table(arrow, path)
    else:
        pyarrow.feather.write_feather(arrow, path)
    assert list(read_frame(path).columns) == list(frame.columns)
    mapped = dataset(path, target="y", cache=tmp_path / "cache")
    assert not any("index" in name for name in mapped.feature_names)
