"""Everything that `plaingrad train` cannot use: one line, exit code 2, nothing left behind."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from cli.shell import refused


def rows(*others: str, n: int = 20) -> str:
    """A table that can be used, followed by these lines."""
    return "\n".join(["a,b,y", *(f"{i},{i * i % 7},{'no' if i % 2 else 'yes'}" for i in range(n)), *others])


FILES = {
    "an empty file": ("", "the file is empty"),
    "blank lines only": ("\n\n\n", "the file is empty"),
    "only a header": ("a,b,y\n", "the file has a header but no rows"),
    "a binary file": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not a CSV file: it is binary"),
    "another encoding": (rows("1,2,für").encode("latin-1"), "not a CSV file in UTF-8 (byte 0xfc)"),
    "an open quote": (rows('1,2,"yes'), "not a CSV file: unexpected end of data"),
    "a long row": (rows("1,2,yes,3"), "line 22: expected 3 fields as the header, got 4"),
    "a short row": (rows("1,2"), "line 22: expected 3 fields as the header, got 2"),
    "every row longer": ("a,y\n" + "1,2,3\n" * 20, "line 2: expected 2 fields as the header, got 3"),
    "a row after lines within quotes": (
        'a,"b\nb",y\n1,2,"ye\ns"\n1,2\n',
        "line 5: expected 3 fields as the header, got 2",
    ),
    "a column without a name": (
        ",a,y\n" + "1,2,3\n" * 20,
        "column 1 has no name (was the index of a table written along?)",
    ),
    "a name twice": ("a,a,y\n" + "1,2,3\n" * 20, "expected distinct column names, got 'a' more than once"),
    "no target column": (
        rows().replace("y", "why", 1),
        "there is no column 'y'; did you mean 'why'? columns: 'a', 'b', 'why'",
    ),
    "another separator": (rows().replace(",", ";"), "the header has no ',', but ';': is that the separator?"),
    "decimal commas": (
        "a;y\n" + "1,5;2,5\n" * 20,
        "the header has no ',', but ';': is that the separator?",
    ),
    "missing numbers to be predicted": (
        rows("1,2,NA").replace("yes", "1.5").replace("no", "2"),
        "values are missing in 'y' (1, first in row 21, line 22)",
    ),
    "a huge target": (
        rows("1,2,-1e300").replace("yes", "1.5").replace("no", "2"),
        "expected the target 'y' in other units: its largest absolute value 1e+300 is not between",
    ),
    "a tiny target": (
        rows().replace("yes", "1.5e-200").replace("no", "2e-200"),
        "expected the target 'y' in other units: its largest absolute value 2e-200 is not between",
    ),
    "no feature": (
        "y\n" + "1\n2\n" * 20,
        "there is no column besides the target 'y' to predict it from",
    ),
    "too few rows": (rows(n=9), "too few rows: expected at least 10, got 9"),
    "too few rows for the classes": (
        "a,y\n" + "".join(f"{i},c{i % 6}\n" for i in range(12)),
        "too few rows: 12 leave 2 for the test part, which has to hold 6 classes",
    ),
    "missing values": (
        rows("1,,yes", "1,2,no", "NA,,yes"),
        "values are missing in 'a' (1, first in row 23, line 24), 'b' (2, first in row 21, line 22)",
    ),
    "missing targets": (rows("1,2,"), "values are missing in 'y' (1, first in row 21, line 22)"),
    "words": (
        rows("1,two,yes", "x,2,no"),
        "only numeric columns can be used; leave out "
        "'a' ('x' in row 22, line 23), 'b' ('two' in row 21, line 22)",
    ),
    "infinity": (rows("1,-inf,yes"), "column 'b' is infinite in row 21, line 22"),
    "an infinite target": (
        rows("1,2,inf").replace("yes", "1.5").replace("no", "2"),
        "column 'y' is infinite",
    ),
    "one class": (
        rows().replace("yes", "no"),
        "expected two classes or more in the target 'y', got only 'no'",
    ),
    "one value": (
        "a,y\n" + "".join(f"{i},2.5\n" for i in range(20)),
        "expected the target 'y' to vary, got 2.5 in every row",
    ),
    "a class with one row": (
        rows("1,2,maybe"),
        "expected at least two rows of each class of 'y', got one of 'maybe' in row 21, line 22",
    ),
}


@pytest.mark.parametrize(("content", "message"), FILES.values(), ids=FILES.keys())
def test_a_file_that_cannot_be_used(tmp_path: Path, content: str | bytes, message: str) -> None:
    file = tmp_path / "table.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    line = refused("train", file, "--target", "y", "-o", tmp_path / "out")
    assert line.startswith(f"plaingrad train: {file}: {message}") or line == f"plaingrad train: {message}"
    assert list(tmp_path.iterdir()) == [file]


def test_no_such_file(tmp_path: Path) -> None:
    line = refused("train", tmp_path / "no.csv", "--target", "y", "-o", tmp_path / "out")
    assert line == f"plaingrad train: {tmp_path / 'no.csv'}: No such file or directory"


def test_a_folder(tmp_path: Path) -> None:
    line = refused("train", tmp_path, "--target", "y", "-o", tmp_path / "out")
    assert line == f"plaingrad train: {tmp_path}: Is a directory"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--target", "yy"], "{file}: there is no column 'yy'; did you mean 'y'? columns: 'a', 'b', 'y'"),
        (["--target", "Y"], "{file}: there is no column 'Y'; did you mean 'y'? columns: 'a', 'b', 'y'"),
        (["--ignore", "c"], "{file}: there is no column 'c'; columns: 'a', 'b', 'y'"),
        (["--task", "regression"], "{file}: regression needs a numeric target, got 'yes' in 'y'"),
        (["--task", "guess"], "Invalid value for --task: expected auto, classification or regression"),
        (["--batch-size", "0"], "Invalid value for '--batch-size'"),
        (
            ["--batch-size", "15"],
            "Invalid value for --batch-size: expected at most the 14 training rows, got 15",
        ),
        (["--lr", "-0.1"], "Invalid value for --lr: expected more than 0, got -0.1"),
        (
            ["--test-size", "1.0"],
            "Invalid value for --test-size: expected a fraction between 0 and 1, got 1.0",
        ),
        (
            ["--test-size", "nan"],
            "Invalid value for --test-size: expected a fraction between 0 and 1, got nan",
        ),
        (["--hidden", "4,-4"], "Invalid value for --hidden: expected sizes of at least 1"),
        (["--hidden", "9" * 20], "Invalid value for --hidden: expected sizes of at most 1,000,000, got '999"),
        (
            ["--hidden", "1000000,1000000"],
            "network 2-1000000-1000000-2: expected at most 1,000,000,000 parameters, got 1,000,006,000,002",
        ),
        (["--ignore", "y"], "{file}: the target 'y' cannot be ignored"),
        (["--activation", "rely"], "Invalid value for --activation: expected one of celu, elu, gelu"),
        (["--optimizer", "adan"], "Invalid value for --optimizer: expected one of sgd, adam"),
        (["--engine", "steam"], "engine: expected 'auto', 'eager'"),
        (["--separator", ""], "Invalid value for --separator: expected one character, got ''"),
        (["--epochs", "0"], "Invalid value for '--epochs'"),
        (["--patience", "-1"], "Invalid value for '--patience'"),
        (["--lr", "1e30", "--optimizer", "sgd"], "training diverged in epoch "),
        (["--frobnicate"], "No such option: --frobnicate"),
    ],
)
def test_an_option_that_cannot_be_used(tmp_path: Path, options: Sequence[str], message: str) -> None:
    file = tmp_path / "table.csv"
    file.write_text(rows())
    line = refused("train", file, "--target", "y", "-o", tmp_path / "new" / "out", *options)
    assert line.startswith(f"plaingrad train: {message.format(file=file)}")
    assert list(tmp_path.iterdir()) == [file]


def test_without_a_target(tmp_path: Path) -> None:
    assert refused("train", tmp_path / "t.csv") == "plaingrad train: Missing option '--target'."


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_an_output_folder_that_is_a_file(tmp_path: Path, place: str) -> None:
    table, file = tmp_path / "table.csv", tmp_path / "file"
    table.write_text(rows())
    file.write_text("mine")
    line = refused("train", table, "--target", "y", "-o", tmp_path / place)
    assert line.lower().startswith(f"plaingrad train: {tmp_path / place}: not a ".lower())
    assert file.read_text() == "mine"
    assert sorted(tmp_path.iterdir()) == [file, table]


def test_an_output_folder_that_cannot_be_written(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text(rows())
    line = refused("train", table, "--target", "y", "-o", "/proc/plaingrad/out")
    assert line.startswith("plaingrad train: /proc/plaingrad")
