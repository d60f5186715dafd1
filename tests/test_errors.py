"""`InputError`: fields are set by whoever knows them, and words are made of them once."""

from __future__ import annotations

import pickle

import pytest

from plaingrad import nn
from plaingrad.errors import InputError, error_fields
from plaingrad.module import ModuleError


def test_every_field_is_in_the_words() -> None:
    error = InputError("expected a number, got 'old'", file="t.csv", column="age", row=2, hint="mend it")

    assert str(error) == "t.csv: column 'age': expected a number, got 'old' in row 3; mend it"
    assert str(InputError("expected 5 fields, got 4", file="t.csv", line=17)) == (
        "t.csv: line 17: expected 5 fields, got 4"
    )
    assert str(InputError("expected one character, got 'ab'", argument="separator")) == (
        "separator: expected one character, got 'ab'"
    )


def test_fields_that_are_set_already_are_kept() -> None:
    with pytest.raises(InputError) as caught, error_fields(file="outer", row=5), error_fields(file="inner"):
        raise InputError("problem")

    assert (caught.value.file, caught.value.row) == ("inner", 5)


def test_errors_of_other_kinds_pass_unchanged() -> None:
    with pytest.raises(ValueError, match="theirs"), error_fields(file="t.csv"):
        raise ValueError("theirs")


@pytest.mark.parametrize(
    "error",
    [
        InputError("problem", file="t.csv", line=3, column="c", row=4, argument="a", hint="h"),
        ModuleError(nn.ReLU(), "expected (2,), got (3,)"),
    ],
)
def test_errors_travel_between_processes(error: InputError) -> None:
    copy = pickle.loads(pickle.dumps(error))

    assert type(copy) is type(error)
    assert str(copy) == str(error)
