"""Categorical columns by learned vectors."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from bokeh_sampledata import titanic
from sklearn.compose import make_column_transformer
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder, StandardScaler

from plaingrad.estimators import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def fruit(rows: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """A measure beside a code with a price of its own."""
    rng = np.random.RandomState(0)
    x = np.stack([rng.normal(size=rows), rng.randint(0, 6, rows)], 1)
    return x, x[:, 0] + np.array([3.0, -1.0, 4.0, -1.0, 5.0, -9.0])[x[:, 1].astype(int)]


@pytest.mark.parametrize("engine", ["eager", "native"])
def test_each_code_gets_what_it_is_worth(engine: str) -> None:
    x, y = fruit()
    options: dict[str, Any] = {"max_iter": 400, "learning_rate_init": 0.02, "random_state": 0, "tol": 0}
    model = MLPRegressor(hidden_layer_sizes=(), embedding=[1], engine=engine, batch_size=50, **options)
    assert model.fit(x, y).score(x, y) > 0.999
    assert type(model.module_[0]).__name__ == "ColumnEmbedding"
    plain = MLPRegressor(hidden_layer_sizes=(), **options).fit(x, y)
    assert plain.score(x, y) < 0.9


def test_unknown_codes_share_a_vector_of_their_own() -> None:
    x, y = fruit()
    model = MLPRegressor(embedding={1: 3}, random_state=0).fit(x, y)
    assert model.module_[0].columns[1].weight.value.shape == (7, 3)
    unknown = np.array([[0.5, code] for code in (-1.0, 6.0, 1e12, 2.5)])
    predicted = model.predict(unknown)
    assert len(set(predicted)) == 1
    assert predicted[0] not in model.predict(np.array([[0.5, code] for code in range(6)]))


def test_a_code_that_training_never_met_changes_nothing() -> None:
    x, y = fruit()
    model = MLPRegressor(embedding=[1], random_state=0, alpha=0.01).fit(x, y)
    assert not model.module_[0].columns[1].weight.value[0].any()
    x[0, 1] = -1
    model = MLPRegressor(embedding=[1], random_state=0).fit(x, y)
    assert model.module_[0].columns[1].weight.value[0].any()


def test_columns_are_found_by_name_and_validation_data_are_coded_alike() -> None:
    x, y = fruit()
    frame = pd.DataFrame(x, columns=["weight", "kind"])
    by_name = MLPRegressor(embedding={"kind": 2}, random_state=0, max_iter=20).fit(
        frame, y, X_val=frame, y_val=y
    )
    by_index = MLPRegressor(embedding={1: 2}, random_state=0, max_iter=20).fit(x, y)
    np.testing.assert_array_equal(by_name.predict(frame), by_index.predict(x))
    error = np.mean((by_name.predict(frame) - y) ** 2) / 2
    assert by_name.validation_loss_curve_[-1] == pytest.approx(error, rel=1e-4)


def test_titanic() -> None:
    frame = titanic.data.dropna(subset=["age"])
    categories = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    columns = make_column_transformer((StandardScaler(), ["age"]), (categories, ["sex", "class"]))
    network = MLPClassifier((16,), embedding=[1, 2], max_iter=60, learning_rate_init=0.01, random_state=0)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)  # for the rows lie in the order of the classes
    pipeline = make_pipeline(columns, network)
    assert cross_val_score(pipeline, frame, frame["survived"], cv=folds).mean() > 0.77


@pytest.mark.parametrize(
    ("embedding", "words"),
    [
        ([2], "expected an index below 2, got 2"),
        (["kind"], "expected an index below 2, got 'kind'"),
        ([0], "expected codes 0, 1, 2... below 1,000,000 in column 0, got"),
        ({1: 0}, "expected positive sizes, got 0 for column 1"),
    ],
)
def test_what_holds_no_codes_is_refused(embedding: Any, words: str) -> None:
    x, y = fruit()
    with pytest.raises(ValueError, match="embedding: ") as caught:
        MLPRegressor(embedding=embedding).fit(x, y)
    assert words in str(caught.value)


def passengers() -> tuple[pd.DataFrame, pd.Series]:
    frame = titanic.data[["class", "age", "sex"]].dropna()
    return frame, titanic.data["survived"][frame.index]


@pytest.mark.parametrize("kind", [str, "category"])
def test_words_are_learned_like_the_codes_that_stand_for_them(kind: Any) -> None:
    frame, survived = passengers()
    words = frame.astype({"class": kind, "sex": kind})
    codes = frame.assign(**{name: OrdinalEncoder().fit_transform(frame[[name]]) for name in ("class", "sex")})
    options: dict[str, Any] = {"embedding": {"class": 2, 2: 3}, "max_iter": 5, "random_state": 0}
    ours, coded = MLPClassifier(**options).fit(words, survived), MLPClassifier(**options).fit(codes, survived)
    np.testing.assert_array_equal(ours.predict_proba(words), coded.predict_proba(codes))
    assert list(ours.feature_names_in_) == ["class", "age", "sex"]
    polars = pl.from_pandas(words)
    np.testing.assert_array_equal(ours.predict_proba(polars), ours.predict_proba(words))
    again = MLPClassifier(**options).fit(polars, survived.to_numpy())
    np.testing.assert_array_equal(again.predict_proba(polars), ours.predict_proba(words))
    copy = pickle.loads(pickle.dumps(ours)).partial_fit(words, survived)
    assert copy.score(words, survived) > 0.5


def test_words_that_training_has_not_seen_are_unknown_like_missing_ones() -> None:
    frame, survived = passengers()
    model = MLPClassifier(embedding=["class", "sex"], max_iter=5, random_state=0).fit(frame, survived)
    found = [model.predict_proba(frame.head(3).assign(sex=[word] * 3)) for word in ("female", "other", None)]
    np.testing.assert_array_equal(found[1], found[2])
    assert (found[0] != found[1]).all()


def test_missing_words_are_unknown_whatever_a_library_calls_them() -> None:
    frame, survived = passengers()
    frame.loc[frame.index[:5], "sex"] = None
    nulls = pl.from_pandas(frame)
    options: dict[str, Any] = {"embedding": ["class", "sex"], "max_iter": 2, "random_state": 0}
    ours, theirs = (MLPClassifier(**options).fit(each, survived.to_numpy()) for each in (frame, nulls))
    np.testing.assert_array_equal(theirs.predict_proba(nulls), ours.predict_proba(frame))
    unknown = frame.head(5).assign(sex="other")
    np.testing.assert_array_equal(ours.predict_proba(unknown), ours.predict_proba(frame.head(5)))
    np.testing.assert_array_equal(ours.predict_proba(unknown), theirs.predict_proba(nulls.head(5)))


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_words_that_nobody_embeds_are_refused_with_their_column(library: str) -> None:
    frame, survived = passengers()
    makers: dict[str, Any] = {
        "pandas": pd.DataFrame,
        "polars": pl.from_pandas,
        "pyarrow": pa.Table.from_pandas,
    }
    make, wrong = makers[library], "column 'sex': expected numbers, got 'female'; add it to embedding"
    for options in ({"embedding": ["class"]}, {"embedding": ["class"], "n_models": 2}):
        model = MLPClassifier(max_iter=1, **options)
        with pytest.raises(ValueError, match=wrong):
            model.fit(make(frame), survived)
    with pytest.raises(ValueError, match="column 'class': expected numbers, got '1st'; add it to embedding"):
        MLPClassifier().fit(make(frame), survived)
    numerals = frame.assign(sex="1.5")  # which scikit-learn takes for numbers
    model = MLPClassifier(embedding=["class"], max_iter=1).fit(make(numerals), survived)
    with pytest.raises(ValueError, match=wrong):
        model.predict(make(frame))
    with pytest.raises(ValueError, match="X_val, y_val: column 'sex': expected numbers, got 'female'"):
        model.fit(make(numerals), survived, X_val=make(frame), y_val=survived)


@pytest.mark.parametrize("wrong", ["sexx", 3])
def test_columns_that_are_not_there_are_refused_before_what_is_in_them(wrong: Any) -> None:
    frame, survived = passengers()
    with pytest.raises(ValueError, match=f"an index below 3 or one of class, age, sex, got {wrong!r}"):
        MLPClassifier(embedding=[wrong]).fit(frame, survived)


def test_frames_lack_no_column_later() -> None:
    frame, survived = passengers()
    model = MLPClassifier(embedding=["class", "sex"], max_iter=2).fit(frame, survived)
    with pytest.raises(ValueError, match="Feature names seen at fit time, yet now missing"):
        model.predict(frame.drop(columns="sex"))


@pytest.mark.parametrize("embedding", [["class", "class"], ["class", 0], {"class": 2, 0: 3}])
def test_a_column_is_embedded_once(embedding: Any) -> None:
    frame, survived = passengers()
    with pytest.raises(ValueError, match="embedding: expected each column once, got 'class' more often"):
        MLPClassifier(embedding=embedding).fit(frame, survived)
    codes = frame.assign(**{name: OrdinalEncoder().fit_transform(frame[[name]]) for name in ("class", "sex")})
    with pytest.raises(ValueError, match="embedding: expected each column once, got"):
        MLPClassifier(embedding=embedding).fit(codes, survived)
