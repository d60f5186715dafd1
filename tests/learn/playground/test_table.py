"""Data of one's own: what is read of a CSV file, and what is refused."""

from __future__ import annotations

import pytest

from plaingrad.errors import InputError
from plaingrad.learn.playground.table import read_table


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_columns_of_numbers_are_inputs_and_texts_classes(separator: str) -> None:
    text = "a, b ,name,c\n1,2.5,x,no\n-1,1e3,y,yes\n0,,z,no\n4,5,z,no\n".replace(",", separator)
    table, words = read_table(text)
    assert words.endswith(
        "Left out: 1 row with an empty cell; the column name, in which not every cell is a number."
    )
    assert table["names"] == ["a", "b"]
    assert table["rows"] == [[1, 2.5, 0], [-1, 1000, 1], [4, 5, 0]]  # without the row that has an empty cell
    assert table["classes"] == ["no", "yes"]
    assert table["target"] == "c"


def test_the_target_can_be_chosen_and_be_a_number() -> None:
    text = "y,x\n" + "\n".join(f"{k / 2},{k}" for k in range(20))
    table, words = read_table(text, "y")
    assert words == ""
    assert (table["classes"], table["target"]) == ([], "y")
    assert table["rows"][3] == [3, 1.5]
    assert read_table("x,y\n1,3\n2,5\n3,3\n")[0]["classes"] == ["3", "5"]  # few whole numbers are classes


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "expected the text of a CSV file"),
        ("  \n", "expected the text of a CSV file"),
        ("a,b", "expected a line with the names of the columns, then rows"),
        ("1,2\n3,4\n", "expected a line with the names"),
        ("a,a\n1,2\n3,4\n", "a name of its own"),
        ("a,b\n1\n2,3\n", "expected 2 cells in each row, got 1 in row 2"),
        ("a,b\nx,1\ny,2\n", "expected at least one column of numbers"),
        ("a,b\n1,x\n2,x\n", "expected 2 to 8 classes in 'b', got 1"),
        ("a,b\n1,\n2,\n", "expected at least two rows without an empty cell"),
        ("a,b\n" + "1,2\n" * 20_001, "expected at most 20,000 rows and 200 columns, got 20,001 and 2"),
        ("a" * 4_000_001, "expected at most 4,000,000 characters"),
        ('a,b\n"1,2\n', "expected"),
        ("a,b\n1\x00,2\n", "expected"),
    ],
)
def test_what_is_no_table_is_refused(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_table(text)


def test_another_target_must_be_a_column() -> None:
    with pytest.raises(InputError, match="expected the target from a, b, got 'c'"):
        read_table("a,b\n1,x\n2,y\n", "c")
