"""Numbers written as people write them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from effort import draws
from plaingrad.saving.schema import decode
from plaingrad.tables import TableEncoder, Target, read_frame
from plaingrad.tables.columns.numberformat import DEFAULT_FORMAT, NumberFormat, number_format
from plaingrad.tables.columns.strange import StrangeCellsWarning
from plaingrad.tables.reading.inference import typed
from plaingrad.tables.reading.missing import MISSING


def texts(values: list[str | None]) -> pa.Array:
    return pa.array(values, pa.large_string())


MARKS = st.tuples(
    st.sampled_from(["", ",", ".", " ", "'"]),
    st.sampled_from([".", ","]),
    st.sampled_from(["", "%", "$", "€", "£", "¥", "₹", "₿"]),
)
FORMATS = MARKS.filter(lambda marks: marks[0] != marks[1]).map(lambda marks: NumberFormat(*marks))


def written(format: NumberFormat, hundredths: int, way: Callable[[str, str], str]) -> str:
    """A number of hundredths in a format."""
    sign, size = ("-" if hundredths < 0 else ""), abs(hundredths)
    whole = f"{size // 100:,}".replace(",", format.group)
    return way(sign, f"{whole}{format.decimal}{size % 100:02}").replace("U", format.unit)


WAYS: list[Callable[[str, str], str]] = [
    lambda sign, number: f"{sign}U{number}",
    lambda sign, number: f"U{sign}{number}",
    lambda sign, number: f"{sign}{number} U".strip(),
    lambda sign, number: f"{sign}{number}U",
]


@settings(max_examples=draws(300), deadline=None)
@given(FORMATS, st.lists(st.integers(-(10**11), 10**11), min_size=1, max_size=20), st.sampled_from(WAYS))
def test_what_is_written_comes_back_as_the_number(
    format: NumberFormat, hundredths: list[int], way: Callable[[str, str], str]
) -> None:
    column = texts([written(format, each, way).strip() for each in hundredths])
    numbers = [each / 100 for each in hundredths]
    found = number_format(column)
    assert found is not None
    np.testing.assert_array_equal(found.numbers(column), numbers)
    assert decode(NumberFormat, msgspec.to_builtins(found), "here") == found
    plain = texts([repr(each) for each in numbers if 1e-4 < abs(each) < 1e16])
    kept = [each for each in numbers if 1e-4 < abs(each) < 1e16]
    np.testing.assert_array_equal(found.numbers(plain), kept)


NUMERALS = st.sampled_from(["1,000", "$5", "12%", "1,5", "7"])
WORDS = st.one_of(
    st.text(st.characters(categories=["L", "Z", "P", "Sc"]), min_size=1, max_size=8),
    st.from_regex(r"[A-Za-z_#]{1,3}[0-9]{1,4}", fullmatch=True),
    st.from_regex(r"[0-9]{1,4}[A-DF-Za-df-z_:/]{1,3}[0-9]{1,2}", fullmatch=True),
    st.from_regex(r"0[0-9]{1,4}([.,][0-9]{3})?", fullmatch=True),
    st.sampled_from(["1,00,000", "12,34,567", "1,2,3", "1..2", "10-12", "5%%", "$$5", "1 2", "+", "1_000"]),
).map(lambda text: text.strip())  # fmt: skip


@settings(max_examples=draws(300), deadline=None)
@given(WORDS.filter(lambda word: word not in MISSING), st.lists(NUMERALS, max_size=3), FORMATS)
def test_words_never_become_numbers(word: str, others: list[str], format: NumberFormat) -> None:
    assert number_format(texts([*others, word])) is None
    numeral = format == DEFAULT_FORMAT and word.replace(".", "").isdecimal()  # such as 007
    assert np.isnan(format.numbers(texts([word]))).all() != numeral


@pytest.mark.parametrize(
    ("values", "format", "numbers"),
    [
        (["1,000", "1,037", "999"], "1,234.50", [1000, 1037, 999]),
        (["$1,234.50", "3", "-$1"], "$1,234.50", [1234.5, 3, -1]),
        (["12%", "3.5 %"], "1234.50%", [12, 3.5]),
        (["12,50", "3", "1,25e-3"], "1234,50", [12.5, 3, 0.00125]),
        (["12,5", "3,125", "0,333"], "1234,50", [12.5, 3.125, 0.333]),
        (["1.234,50 €", "12 €"], "1.234,50 €", [1234.5, 12]),
        (["1.234.567", "1.234"], "1.234,50", [1234567, 1234]),
        (["1\u202f234,5", "1\u00a0000,5"], "1 234,50", [1234.5, 1000.5]),
        (["1'234.5", "1’000"], "1'234.50", [1234.5, 1000]),
        (["70.1 kg", "-8kg"], "1234.50 kg", [70.1, -8]),
        (["12,5 km/h", "7 km/h"], "1234,50 km/h", [12.5, 7]),
        (["21.5 °C", "-3 °C"], "1234.50 °C", [21.5, -3]),
        (["1.2K", "500", "3 M"], "1234.50K", [1200, 500, 3e6]),
        (["$1.5B", "-$2k"], "$1234.50K", [1.5e9, -2000]),
        (["(1,234)", "56", "(7.5)"], "(1,234.50)", [-1234, 56, -7.5]),
        (["($1,234)", "$56"], "($1,234.50)", [-1234, 56]),
        (["<5", "7", "> 90", "<=0.5"], "<1234.50", [5, 7, 90, 0.5]),
    ],
)
def test_ways_that_people_write(values: list[str], format: str, numbers: list[float]) -> None:
    found = number_format(texts([*values, None, "NA"]))
    assert str(found) == format
    assert found is not None
    np.testing.assert_array_equal(found.numbers(texts(values)), numbers)


@pytest.mark.parametrize(
    "values",
    [
        ["1,000", "12,50"],  # a comma that is both
        ["1,000", "12345"],  # groups in some of them
        ["€1.234", "€5.500"],  # one and a bit, or thousands
        ["$5", "€5"],
        ["5 kg", "5 lb"],
        ["5 kg", "5"],
        ["5 kg", "many kg"],
        ["(5", "6)"],
        ["12A", "7", "3B"],
        ["007", "1,000"],
        ["1,000", "many"],
        ["$" + "9" * 400],  # infinite
    ],
)
def test_what_is_not_clear_stays_as_it_is(values: list[str]) -> None:
    assert number_format(texts(values)) is None
    assert pa.types.is_string(typed(pa.chunked_array([values])).type)


FARES = [f"${7 * i * i + 900:,}.50" for i in range(60)]
FRAME = pd.DataFrame({"fare": FARES, "age": range(60)})


def test_a_column_of_a_table_is_found_told_kept_and_read_again() -> None:
    encoder = TableEncoder().fit(FRAME)
    plain = FRAME.assign(fare=[7.0 * i * i + 900.5 for i in range(60)])
    same = TableEncoder().fit(plain).transform(plain)
    assert encoder.choices()[0].done == "numbers written as $1,234.50, standardised"
    again = TableEncoder.from_bytes(encoder.to_bytes())
    for frame in (FRAME, plain, FRAME.assign(fare=plain["fare"].astype(str)), FRAME.astype("category")):
        assert again.transform(frame).tobytes() == same.tobytes()
    with pytest.warns(
        StrangeCellsWarning, match=r"fare: 1 of 60 values was not a number \(such as \$1,234.50\)"
    ):
        again.transform(FRAME.assign(fare=[*FARES[:-1], "€5"]))


def test_groups_are_read_where_none_were_seen() -> None:
    encoder = TableEncoder().fit(pd.DataFrame({"x": ["12,5", "3", "999,25"]}))
    wanted = encoder.transform(pd.DataFrame({"x": [1234.5, 1234567, 12.5, 0.125, 1234.25]}))
    cells = ["1.234,5", "1.234.567", "12.5", "0.125", "1234.25"]
    np.testing.assert_array_equal(encoder.transform(pd.DataFrame({"x": cells})), wanted)


@pytest.mark.parametrize("cells", [["12,5", "3", "999,25"], ["12,5 €", "3 €", "999,25 €"]])
def test_what_is_another_number_for_a_program_is_none(cells: list[str]) -> None:
    encoder = TableEncoder().fit(pd.DataFrame({"x": cells}))
    with pytest.warns(
        StrangeCellsWarning, match=r"x: 2 of 3 values were not a number .*\('1\.234', '-56\.789'\)"
    ):
        encoded = encoder.transform(pd.DataFrame({"x": ["1.234", "-56.789", "3"]}))
    assert len(np.unique(encoded[:2])) == 1
    assert (encoded[0] != encoded[2]).all()


def test_declared_categories_stay_categories() -> None:
    encoder = TableEncoder().fit(pd.DataFrame({"x": pd.Categorical(["5%", "10%"] * 5)}))
    assert [choice.kind for choice in encoder.choices()] == ["category"]


@pytest.mark.parametrize(
    "change",
    [
        {"group": ".", "decimal": "."},
        {"group": ";"},
        {"decimal": " "},
        {"unit": "USD5"},
        {"unit": "]"},
        {"x": 1},
    ],
)
def test_an_altered_format_is_refused(change: dict[str, object]) -> None:
    state = json.loads(TableEncoder().fit(FRAME).to_bytes())
    state["columns"][0]["schema"]["numbers"].update(change)
    with pytest.raises(ValueError, match=r"'fare': (unknown format|Object contains unknown field)"):
        TableEncoder.from_bytes(json.dumps(state).encode())


def test_columns_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    rows = [f'"{1000 + i:,}",{i % 9}%,"{i},{i % 97:02}",{i}' for i in range(1200)]
    path.write_text("\n".join(["a,b,c,d", *rows]))
    choices = TableEncoder().fit(read_frame(path)).choices()
    assert [choice.kind for choice in choices] == ["number"] * 4


def test_a_target_that_is_written_so_is_a_quantity() -> None:
    target = Target.of(pd.Series(FARES, name="fare"))
    assert (target.task, target.deviation > 1) == ("regression", True)
    again = Target.from_dict(json.loads(json.dumps(target.to_dict())))
    assert again == target
    np.testing.assert_allclose(
        again.undo(again.encode(pd.Series(FARES[:2]))[:, 0]), [900.5, 907.5], rtol=1e-6
    )
    np.testing.assert_allclose(again.undo(again.encode(pd.Series([900.5]))[:, 0]), [900.5], rtol=1e-6)


def test_a_target_of_few_distinct_ones_has_classes_as_they_are_written() -> None:
    values = pd.Series(["5%", "10%"] * 10, name="rate")
    assert Target.of(values).labels == ["10%", "5%"]
    assert Target.of(values, task="regression").mean == 7.5
