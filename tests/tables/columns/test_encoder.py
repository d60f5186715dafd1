"""Any table, as numbers."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
import polars as pl
import pytest
from bokeh_sampledata import titanic
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from sklearn import datasets
from sklearn.base import clone
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline

from effort import draws
from plaingrad.errors import InputError
from plaingrad.tables import TableEncoder
from plaingrad.tables.columns import encoder as module
from plaingrad.tables.columns.strange import StrangeCellsWarning, StrangeCounts
from tables.frames import frames


def encoded(frame: pd.DataFrame, **options: object) -> tuple[TableEncoder, np.ndarray]:
    """Encode a table, and hold the encoder to what it promises for every table."""
    encoder = TableEncoder(**options).fit(frame)  # type: ignore[arg-type]
    matrix = encoder.transform(frame)
    assert matrix.dtype == np.float32
    assert matrix.shape == (len(frame), len(encoder.get_feature_names_out()))
    assert np.isfinite(matrix).all()
    assert sum(choice.features for choice in encoder.choices()) == matrix.shape[1]
    restored = TableEncoder.from_bytes(encoder.to_bytes())
    assert restored.transform(frame).tobytes() == matrix.tobytes()
    assert restored.choices() == encoder.choices()
    assert restored.get_params() == encoder.get_params()
    order = np.random.default_rng(0).permutation(len(frame))
    assert encoder.transform(frame.iloc[order]).tobytes() == matrix[order].tobytes()
    return encoder, matrix


def is_refused(act: Callable[[], object]) -> bool:
    """Whether a table is refused, and if so in one line."""
    refusal = None
    try:
        act()
    except ValueError as error:
        refusal = error
    event("used" if refusal is None else str(refusal)[:16])
    assert refusal is None or isinstance(refusal, InputError)
    assert "\n" not in str(refusal)
    return refusal is not None


def kinds(encoder: TableEncoder) -> dict[str, str]:
    return {choice.name: choice.kind for choice in encoder.choices()}


@settings(max_examples=draws(200), deadline=None, suppress_health_check=list(HealthCheck))
@given(
    frame=frames(),
    embedding=st.booleans(),
    max_levels=st.sampled_from([1, 3, 40]),
    bins=st.sampled_from([0, 2, 16]),
)
def test_a_table_is_encoded_or_refused_in_one_line(
    frame: pd.DataFrame, embedding: bool, max_levels: int, bins: int
) -> None:
    options = {"embedding": embedding, "max_levels": max_levels, "bins": bins}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK", 7)
        patch.setattr(module, "ROWS_PER_INTERVAL", 0.1)
        if is_refused(lambda: TableEncoder(**options).fit(frame)):  # type: ignore[arg-type]
            return
        encoder, whole = encoded(frame, **options)
        patch.setattr(module, "CHUNK", 1000)
        assert encoder.transform(frame).tobytes() == whole.tobytes()


@pytest.mark.filterwarnings("ignore::plaingrad.tables.columns.strange.StrangeCellsWarning")
@settings(max_examples=draws(200), deadline=None, suppress_health_check=list(HealthCheck))
@given(fitted=frames(), other=frames())
def test_other_rows_are_encoded_or_refused_in_one_line(fitted: pd.DataFrame, other: pd.DataFrame) -> None:
    try:
        encoder = TableEncoder(max_levels=5).fit(fitted)
    except ValueError:
        return
    other = other.set_axis([*fitted.columns, *range(10, 20)][: other.shape[1]], axis=1)
    if is_refused(lambda: encoder.transform(other)):
        return
    matrix = encoder.transform(other)
    assert np.isfinite(matrix).all()
    assert len(matrix) == len(other)


@pytest.mark.parametrize("embedding", [False, True])
def test_titanic(embedding: bool) -> None:
    encoder, matrix = encoded(titanic.data, embedding=embedding)
    found = {choice.name: (choice.kind, choice.missing) for choice in encoder.choices()}
    assert found == {
        "name": ("text", 0),
        "class": ("category", 0),
        "age": ("number", 557),
        "sex": ("category", 0),
        "survived": ("number", 0),
    }
    other = pl.from_pandas(titanic.data)
    assert TableEncoder(embedding=embedding).fit(other).transform(other).tobytes() == matrix.tobytes()
    backed = titanic.data.convert_dtypes(dtype_backend="pyarrow")
    assert TableEncoder(embedding=embedding).fit(backed).transform(backed).tobytes() == matrix.tobytes()


@pytest.mark.filterwarnings("ignore:class. .* not seen in training")
def test_in_a_pipeline_titles_in_names_tell_who_was_saved() -> None:
    frame = titanic.data
    model = make_pipeline(TableEncoder(), LogisticRegression(max_iter=1000))
    parts = StratifiedKFold(3, shuffle=True, random_state=0)
    for columns in (["class", "age", "sex"], ["name"]):
        assert cross_val_score(clone(model), frame[columns], frame["survived"], cv=parts).mean() > 0.7


@pytest.mark.parametrize("load", [datasets.load_iris, datasets.load_wine, datasets.load_breast_cancer])
def test_numbers_are_standardised(load: object) -> None:
    frame = load(as_frame=True).data  # type: ignore[operator]
    encoder, matrix = encoded(frame)
    assert list(encoder.get_feature_names_out()) == list(frame.columns)
    np.testing.assert_allclose(matrix, (frame - frame.mean()) / frame.std(ddof=0), atol=1e-4)


def test_intervals_tell_the_place_of_a_number_between_the_smallest_and_the_largest() -> None:
    """Each interval's feature times its width adds up to the way from the smallest value."""
    data = datasets.load_breast_cancer(as_frame=True).data.iloc[:, :5]
    encoder, matrix = encoded(data, bins=5)
    assert [choice.features for choice in encoder.choices()] == [6] * 5
    wider = 3 * data - 2 * data.mean()
    for values in (matrix, encoder.transform(wider)):
        assert values[:, 1:6].min() == 0
        assert values[:, 1:6].max() == 1
        for number, own in enumerate(np.hsplit(values, 5)):
            edges = np.array(encoder.encoders_[data.columns[number]].edges)
            place = edges[0] + own[:, 1:] @ np.diff(edges)
            np.testing.assert_allclose(place, own[:, 0].clip(edges[0], edges[-1]), atol=1e-4)
    own = matrix[:, 1:6]
    np.testing.assert_allclose(((own > 0) & (own < 1)).mean(0), 1 / 5, atol=0.02)


@pytest.mark.parametrize(
    ("rows", "columns", "features"), [(640, 2, 17), (320, 2, 9), (60, 2, 1), (640, 16, 3), (10_000, 600, 1)]
)
def test_few_rows_or_many_columns_get_fewer_intervals(rows: int, columns: int, features: int) -> None:
    values = np.random.default_rng(0).normal(size=(rows, columns)).astype(np.float32)
    encoder = TableEncoder(bins=16).fit(values)
    assert [choice.features for choice in encoder.choices()] == [features] * columns


def test_a_number_of_few_values_has_an_interval_between_each_two() -> None:
    values = np.tile([0.0, 1.0, 5.0], 200)
    encoder, matrix = encoded(pd.DataFrame({"three": values, "two": values > 2}).astype(float), bins=16)
    assert [choice.features for choice in encoder.choices()] == [3, 1]
    np.testing.assert_array_equal(matrix[:3, 1:3], [[0, 0], [1, 0], [1, 1]])


def test_a_matrix_has_columns_of_its_own() -> None:
    data = datasets.load_iris().data
    assert list(TableEncoder().fit(data).feature_names_in_) == ["x0", "x1", "x2", "x3"]


def test_a_thousand_columns() -> None:
    drawn = np.random.default_rng(0)
    frame = pd.DataFrame(drawn.normal(size=(50, 1000))).add_prefix("column ")
    _, matrix = encoded(frame.assign(group=["a", "b"] * 25))
    assert matrix.shape == (50, 1002)


def test_missing_numbers_are_the_median_and_told() -> None:
    frame = pd.DataFrame({"x": [1.0, np.nan, 2.0, 9.0]})
    encoder, matrix = encoded(frame)
    assert list(encoder.get_feature_names_out()) == ["x", "x_missing"]
    assert matrix[:, 1].tolist() == [0, 1, 0, 0]
    assert matrix[1, 0] == matrix[2, 0]
    assert encoder.transform(pd.DataFrame({"x": [None, "NA", "2"]}))[:, 1].tolist() == [1, 1, 0]


@pytest.mark.parametrize(("values", "median"), [([1.0, 2.0, 9.0], 2.0), ([9.0, 1.0, 4.0, 2.0], 3.0)])
def test_the_median_of_an_even_count_lies_halfway(values: list[float], median: float) -> None:
    encoder = TableEncoder().fit(pd.DataFrame({"x": [*values, np.nan]}))
    missing, present = encoder.transform(pd.DataFrame({"x": [np.nan, median]}))[:, 0]
    assert missing == present


@pytest.mark.parametrize(("rows", "limit"), [(5_000, 5), (40_000, 20)])
def test_a_level_exactly_at_the_limit_is_frequent(rows: int, limit: int) -> None:
    """From one row in a thousand on, or twenty rows."""
    most = ["most"] * (rows - 2 * limit + 1)
    frame = pd.DataFrame({"x": most + ["at"] * limit + ["below"] * (limit - 1)})
    encoder = TableEncoder().fit(frame.astype("category"))
    assert list(encoder.get_feature_names_out()) == ["x_most", "x_at", "x_(other)"]


def test_without_rare_levels_there_is_no_feature_for_them() -> None:
    encoder, _ = encoded(pd.DataFrame({"x": ["a", "b"] * 30}))
    assert list(encoder.get_feature_names_out()) == ["x_a", "x_b"]


def test_numbers_beyond_all_that_was_seen_stay_finite() -> None:
    encoder, _ = encoded(pd.DataFrame({"x": [0.0, 1e-300]}))
    assert encoder.transform(pd.DataFrame({"x": [1e308, -1e308]}))[:, 0].tolist() == [1e6, -1e6]


def test_truth_values() -> None:
    encoder, matrix = encoded(pd.DataFrame({"x": [True, None, False]}))
    assert matrix.tolist() == [[1, 0], [0, 1], [-1, 0]]
    assert encoder.transform(pd.DataFrame({"x": ["False", 1, ""]})).tolist() == [[-1, 0], [1, 0], [0, 1]]


def test_levels_rare_ones_unknown_ones_and_missing_ones() -> None:
    frame = pd.DataFrame({"x": ["a", "b", "a", None, "c", "b", "a", " b "] * 1000 + ["rare"]})
    encoder, matrix = encoded(frame, max_levels=3)
    names = ["x_0", "x_1", "x_2", "x_(missing)"]
    assert kinds(encoder) == {"x": "text"}
    assert list(encoder.get_feature_names_out()) == names
    encoder, matrix = encoded(frame, max_levels=4)
    assert list(encoder.get_feature_names_out()) == ["x_a", "x_b", "x_c", "x_(other)", "x_(missing)"]
    assert (matrix.sum(1) == 1).all()
    assert matrix[-1].tolist() == [0, 0, 0, 1, 0]
    with pytest.warns(
        StrangeCellsWarning, match=r"^x: 1 of 3 values was not seen in training \('never seen'\)$"
    ):
        new = encoder.transform(pd.DataFrame({"x": ["b", "never seen", None]}))
    assert new.tolist() == [[0, 1, 0, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 0, 1]]


def test_numerals_that_are_declared_categories_are_categories() -> None:
    frame = pd.DataFrame({"x": ["1", "2", "3"] * 5})
    assert kinds(encoded(frame)[0]) == {"x": "number"}
    assert kinds(encoded(frame.astype("category"))[0]) == {"x": "category"}
    encoder, matrix = encoded(frame.astype("int").astype("category"))
    assert kinds(encoder) == {"x": "category"}
    assert encoder.transform(frame.astype("float")).tobytes() == matrix.tobytes()


def test_codes_for_an_embedding() -> None:
    frame = pd.DataFrame({"n": np.arange(2000.0), "x": ["a", "b", "a", None] * 500, "y": ["u", "v"] * 1000})
    encoder, matrix = encoded(frame, embedding=True)
    assert encoder.cardinalities_ == {1: 3, 2: 3}
    assert matrix[:4, 1].tolist() == [1, 2, 1, 0]
    with pytest.warns(StrangeCellsWarning, match=r"x: 2,000 of 2,000 values were not seen in training"):
        assert encoder.transform(frame.assign(x="never seen"))[:, 1].max() == 0
    many = pd.DataFrame({"x": [f"level {i}" for i in range(500)] * 4})
    encoder, matrix = encoded(many, embedding=True)
    assert encoder.cardinalities_ == {0: 501}
    assert set(matrix[:, 0]) == set(range(1, 501))


def test_similar_texts_become_similar() -> None:
    words = ["red apple", "green apple", "blue whale", "grey whale"]
    encoder, _ = encoded(pd.DataFrame({"x": [f"{words[i % 4]} {i}" for i in range(400)]}))
    a, b, c, nothing = encoder.transform(
        pd.DataFrame({"x": ["red apples", "green apples", "grey whales", None]})
    )
    assert np.linalg.norm(a - b) < np.linalg.norm(a - c)
    assert not nothing.any()


@pytest.mark.parametrize(
    "format",
    ["%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y %H:%M", "%b %d, %Y", "%d %B %Y", "%Y/%m/%d %I:%M %p"],
)
def test_dates_as_text_are_dates(format: str) -> None:
    dates = pd.DataFrame({"x": pd.date_range("2020-01-01", periods=200, freq="D")})
    written = pd.DataFrame({"x": dates["x"].dt.strftime(format)})
    encoder, matrix = encoded(written)
    assert matrix.tobytes() == encoded(dates)[1].tobytes()
    assert list(encoder.get_feature_names_out()) == [
        *("x_seconds", "x_year_sin", "x_year_cos", "x_week_sin", "x_week_cos")
    ]
    few = encoder.transform(written.head(3))  # in which day and month could not be told apart
    assert few.tobytes() == matrix[:3].tobytes()
    with pytest.warns(
        StrangeCellsWarning, match=r"x: 1 of 2 values was not a date \(.*\) and counted as missing"
    ):
        matrix = encoder.transform(pd.DataFrame({"x": [written["x"][0], "soon"]}))
    assert not matrix[1].any()


def test_dates_that_can_be_read_in_two_ways_are_none() -> None:
    frame = pd.DataFrame({"x": ["01/02/2020", "03/04/2020", "05/06/2020"]})
    assert kinds(encoded(frame)[0]) == {"x": "category"}
    frame.loc[1, "x"] = "31/04/2020"
    assert kinds(encoded(frame)[0]) == {"x": "category"}
    frame.loc[1, "x"] = "31/05/2020"
    assert kinds(encoded(frame)[0]) == {"x": "date"}


def test_the_time_of_day_is_a_circle() -> None:
    encoder, _ = encoded(pd.DataFrame({"x": pd.date_range("2020-01-01", periods=24, freq="h")}))
    late, early, noon = encoder.transform(
        pd.DataFrame({"x": ["2020-01-01 23:59", "2020-01-01 00:01", "2020-01-01 12:00"]})
    )
    assert list(encoder.get_feature_names_out()) == ["x_seconds", "x_day_sin", "x_day_cos"]
    assert np.linalg.norm(late[1:] - early[1:]) < 0.01
    assert np.linalg.norm(late[1:] - noon[1:]) > 1.9


def test_what_tells_nothing_is_left_out_and_said() -> None:
    rows = 40
    frame = pd.DataFrame(
        {
            "use": np.arange(rows) % 3,
            "PassengerId": np.arange(1, rows + 1),
            "row": np.arange(rows),
            "uuid": [f"{i:08x}" for i in range(1000, 1000 + rows)],
            "constant": 7,
            "same": "x",
            "yes": True,
            "nothing": None,
            "steps": np.arange(rows),
            "paid": np.arange(rows),
        }
    )
    encoder, matrix = encoded(frame)
    assert kinds(encoder) == {
        "use": "number",
        "PassengerId": "identifier",
        "row": "identifier",
        "uuid": "identifier",
        "constant": "number",
        "same": "category",
        "yes": "boolean",
        "nothing": "empty",
        "steps": "number",
        "paid": "number",
    }
    assert list(encoder.get_feature_names_out()) == ["use", "steps", "paid"]
    assert all(choice.done.startswith("left out: ") for choice in encoder.choices() if not choice.features)
    assert encoder.transform(frame[["paid", "use", "steps"]]).tobytes() == matrix.tobytes()
    with pytest.raises(ValueError, match=r"no column can be used: 'constant' \(left out: the same value"):
        TableEncoder().fit(frame[["constant", "nothing"]])


def test_columns_go_by_name() -> None:
    frame = titanic.data
    encoder, matrix = encoded(frame)
    assert encoder.transform(frame[frame.columns[::-1]].assign(more=1)).tobytes() == matrix.tobytes()
    with pytest.raises(ValueError, match=r"^expected the columns that were fitted, 'age', 'sex' missing$"):
        encoder.transform(frame.drop(columns=["sex", "age"]))


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("age", [1.0, -np.inf], "column 'age': expected a finite number, got -inf in row 70002"),
        (
            "age",
            [1, [2]],
            r"column 'age': expected a number, a truth value, a date or text, got \[2\] in row 70002",
        ),
        (
            "age",
            [None, pd.Timestamp(2020, 1, 1)],
            "column 'age': expected a number, got '2020-01-01T00:00:00'",
        ),
        ("when", [None, 5], r"column 'when': expected a date \(YYYY-MM-DD\), got '5' in row 70002"),
    ],
)
def test_a_value_of_another_kind_is_named_with_its_row(
    column: str, values: list[object], message: str
) -> None:
    frame = pd.DataFrame(
        {"age": [1.0, 2.0], "flag": [True, False], "when": pd.to_datetime(["2020-01-01", "2021-03-04"])}
    )
    encoder = TableEncoder().fit(frame)
    many = pd.concat([frame] * 35_001, ignore_index=True)
    many[column] = pd.Series([None] * 70_000 + values, dtype=object)
    with pytest.raises(ValueError, match=message):
        encoder.transform(many)


def test_what_is_not_of_the_columns_kind_is_missing_counted_and_told() -> None:
    frame = pd.DataFrame({"age": [1.0, None, 3.0], "flag": [True, None, False]})
    encoder = TableEncoder().fit(frame)
    other = pd.DataFrame({"age": ["forty", "2", "forty", "?", "12 y"], "flag": [2, 1, 0, None, 2]})
    counts = StrangeCounts()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK", 2)
        matrix = encoder.transform(other, strange=counts)
    np.testing.assert_array_equal(matrix[:, 1], [1, 0, 1, 1, 1])
    np.testing.assert_array_equal(matrix[:, 3], [1, 0, 0, 1, 1])
    assert list(map(str, counts)) == [
        "age: 3 of 5 values were not a number and counted as missing ('forty', '12 y')",
        "flag: 2 of 5 values were not true or false and counted as missing ('2')",
    ]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ([1, 2], "expected a pandas or polars data frame, got list"),
        (None, "expected a pandas or polars data frame, got NoneType"),
        (pd.Series([1]), "expected a pandas or polars data frame, got Series"),
        (np.zeros(3), r"expected a matrix \(rows, columns\), got shape \(3,\)"),
        (pd.DataFrame(), "the table has no"),
        (pd.DataFrame({"a": []}), "the table has no rows"),
        (
            pd.DataFrame([[1, 2]], columns=["a", "a"]),
            "expected distinct column names, got 'a' more than once",
        ),
        (pd.DataFrame([[1, 2]], columns=[1, "1"]), "expected distinct column names, got '1' more than once"),
        (pd.DataFrame({"a": [1j, 2j]}), "column 'a': expected a real number, got 1j in row 1"),
        (pd.DataFrame({"a": ["\ud800", "b"]}, dtype=object), "column 'a': expected Unicode text"),
        (pl.DataFrame({"a": [[1], [2]]}), "column 'a': expected a number, a truth value, a date or text"),
    ],
)
def test_a_frame_that_cannot_be_used(frame: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TableEncoder().fit(frame)
    with pytest.raises(ValueError, match="max_levels: expected an integer of at least 1, got 0"):
        TableEncoder(max_levels=0).fit(frame)
    with pytest.raises(ValueError, match="bins: expected an integer of at least 0, got -1"):
        TableEncoder(bins=-1).fit(frame)


def test_progress_and_scikit_learns_output() -> None:
    frame = pd.DataFrame({"x": np.arange(150_000) % 7})
    seen: list[int] = []
    encoder = TableEncoder().fit(frame)
    encoder.transform(frame, progress=seen.append)
    assert seen == [65_536, 131_072, 150_000]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = encoder.set_output(transform="pandas").transform(frame)
    assert list(table.columns) == ["x"]


def test_a_missing_date_is_zero_and_told() -> None:
    _, matrix = encoded(pd.DataFrame({"x": pd.to_datetime(["2020-02-01", None, "2020-05-09"])}))
    assert matrix[:, -1].tolist() == [0, 1, 0]
    assert not matrix[1, :-1].any()
    assert matrix[[0, 2], :-1].all()


def test_text_is_what_scikit_learn_makes_of_it() -> None:
    names = titanic.data[["name"]].drop_duplicates()
    _, matrix = encoded(names)
    letters = HashingVectorizer(
        analyzer="char_wb", ngram_range=(3, 4), n_features=4096, alternate_sign=False, norm=None
    )
    pipeline = make_pipeline(letters, TfidfTransformer(), TruncatedSVD(matrix.shape[1], random_state=0))
    expected = pipeline.fit_transform(names["name"])
    expected /= np.sqrt(expected.var(0).mean())
    np.testing.assert_allclose(matrix[:, :5], expected[:, :5], atol=1e-2)
    np.testing.assert_allclose(matrix.var(0).mean(), 1, rtol=1e-3)


def test_a_second_feature_for_missing_values_is_told() -> None:
    frame = pd.DataFrame(
        {
            "number": [28.0, 28, 30, None],
            "truth": pd.array([True, False, None, True], "boolean"),
            "day": pd.to_datetime(["2026-01-01", "2026-02-03", None, "2026-02-03"]),
            "same": [1.5, None, 1.5, 1.5],
            "yes": pd.array([True, True, None, True], "boolean"),
        }
    )
    told = {choice.name: (choice.done, choice.features) for choice in TableEncoder().fit(frame).choices()}
    assert told["number"] == ("standardised, median 28 where missing, which one more feature tells", 2)
    assert told["truth"] == ("1 and -1, 0 where missing, which one more feature tells", 2)
    assert told["day"][0].endswith(", 0 where missing, which one more feature tells")
    assert told["same"] == told["yes"] == ("whether it is missing", 1)
