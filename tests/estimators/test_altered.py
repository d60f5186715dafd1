"""A file of an estimator that contradicts itself, or is another's, is refused in one line."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import plaingrad
from estimators.test_saved import fitted
from plaingrad import interop, nn
from plaingrad.estimators import MLPClassifier, MLPRegressor
from plaingrad.estimators.saved import METADATA_KEYS
from plaingrad.tables import TableModel

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

Change = Callable[[dict[str, Any]], object]


def put(**facts: Any) -> Change:
    return lambda found: found.update(facts)


def parameter(**values: Any) -> Change:
    return lambda found: found["parameters"].update(values)


def record(**values: Any) -> Change:
    return lambda found: found["records"][0].update(values)


LEVELS = {"sex": ["female", "male"], "class": ["1st", "2nd", "3rd", {"float": "nan"}]}
BROKEN: dict[str, tuple[Change, str]] = {
    "another kind": (
        put(kind="table"),
        "expected an MLPClassifier that its method save has written, got a model",
    ),
    "no kind": (
        put(kind=None),
        "expected an MLPClassifier that its method save has written, got another network",
    ),
    "another class": (put(estimator="MLPRegressor"), "expected an MLPClassifier, got an MLPRegressor"),
    "no class": (put(estimator=["x"]), "facts: Expected `str`, got `array` - at `$.estimator`"),
    "no parameters": (put(parameters=[]), "facts: Expected `object`, got `array` - at `$.parameters`"),
    "an unknown parameter": (parameter(layers=3), "facts: parameters: unknown field 'layers'"),
    "a module": (parameter(module="os.system"), "facts: parameters: unknown field 'module'"),
    "an impossible value": (parameter(dropout=2), "'dropout' parameter of MLPClassifier must be a float"),
    "code for a solver": (parameter(solver="os.system"), "'solver' parameter of MLPClassifier must be"),
    "callbacks": (parameter(callbacks=[None]), "parameters: callbacks: expected none in a file, got"),
    "an object of no kind": (
        parameter(alpha={"eval": "1"}),
        "facts: parameters: alpha: expected a number, a",
    ),
    "a float of words": (parameter(alpha={"float": "1e9"}), "facts: parameters: alpha: expected a number, a"),
    "keys that are lists": (
        parameter(class_weight={"items": [[[1], 2]]}),
        "class_weight: expected a number, a",
    ),
    "many levels": (
        parameter(class_weight=[[[[[[1]]]]]]),
        "class_weight: expected at most 4 levels, got more",
    ),
    "other sizes": (
        parameter(hidden_layer_sizes=[10**12]),
        "expected a network with layers of [1000000000000, 1]",
    ),
    "sizes of words": (
        parameter(hidden_layer_sizes=["6"]),
        "expected sizes and columns as 'hidden_layer_sizes' and",
    ),
    "another activation": (parameter(activation="tanh"), "expected networks as the parameters describe them"),
    "more networks": (parameter(n_models=2), "expected 2 networks, as n_models says, got 1"),
    "an own network of words": (
        put(own_network="yes"),
        "Expected `bool`, got `str` - at `$.own_network`",
    ),
    "no column": (put(features=0), "facts: Expected `int` >= 1 - at `$.features`"),
    "columns beyond memory": (put(features=10**11), "facts: Expected `int` <= 10000000 - at `$.features`"),
    "other columns": (put(feature_names=list("ab")), "facts: expected 'feature_names' to be 3, got 2"),
    "columns without names": (put(feature_names=None), "facts: levels: expected names among 'feature_names'"),
    "a column twice": (
        put(feature_names=["sex", "sex", "class"]),
        "facts: feature_names: expected distinct strings",
    ),
    "more columns": (
        put(features=4, feature_names=["class", "age", "sex", "more"]),
        "expected a network for 4 features",
    ),
    "another link": (put(link="softmax"), "facts: expected 'link' to be logistic, got 'softmax'"),
    "several columns": (put(columns=2), "expected a network with 2 outputs for a row, got shape (2, 1)"),
    "columns below 0": (put(columns=-1), "facts: Expected `int` >= 0 - at `$.columns`"),
    "outputs beyond memory": (
        put(columns=10**9, classes={"dtype": "int64", "values": [0, 1]}),
        "facts: classes: expected 0, 1... for 1000000000 columns",
    ),
    "no classes": (put(classes=None), "facts: expected 'classes' for a classifier, got none"),
    "classes of code": (put(classes={"dtype": "O8,O8", "values": [0, 1]}), "labels of a dtype that is known"),
    "classes too large": (put(classes={"dtype": "int8", "values": [0, 300]}), "expected labels of int8, got"),
    "classes in disorder": (
        put(classes={"dtype": "int64", "values": [1, 0]}),
        "expected distinct labels of int64",
    ),
    "mixed classes": (
        put(classes={"dtype": "object", "values": [1, "a"]}),
        "expected labels of object, got [1, 'a']",
    ),
    "classes beyond memory": (
        put(classes={"dtype": "str", "values": [*map(str, range(10**5)), "x" * 10**5]}),
        "expected labels of 100,000,000 characters at most",
    ),
    "more classes": (
        put(classes={"dtype": "int64", "values": [0, 1, 2]}),
        "'link' to be softmax, got 'logistic'",
    ),
    "weights for others": (put(class_weights=[1.0]), "expected 'class_weights' for 2 classes, got [1.0]"),
    "weights below 0": (put(class_weights=[1.0, -1]), "facts: Expected `int` >= 0 - at `$.class_weights[1]`"),
    "levels in disorder": (
        put(levels={**LEVELS, "sex": ["male", "female"]}),
        "levels: expected distinct levels in",
    ),
    "levels of a kind": (
        put(levels={**LEVELS, "sex": ["a", 1]}),
        "levels: expected distinct levels in order",
    ),
    "levels of lists": (
        put(levels={**LEVELS, "sex": [["a"], ["b"]]}),
        "levels: expected distinct levels in order",
    ),
    "a level more": (
        put(levels={**LEVELS, "sex": ["a", "b", "c"]}),
        "expected 4 vectors for the levels of 'sex', got 3",
    ),
    "levels elsewhere": (put(levels={"age": ["a"]}), "expected 2 vectors for the levels of 'age', got 0"),
    "no levels": (put(levels=[]), "facts: Expected `object`, got `array` - at `$.levels`"),
    "embeddings elsewhere": (parameter(embedding=["age"]), "expected an embedding of columns and sizes"),
    "an unknown embedding": (parameter(embedding=["fare"]), "embedding: expected an index below 3 or one of"),
    "no embedding": (parameter(embedding=None), "expected an embedding of columns and sizes {}"),
    "a record less": (put(records=[]), "facts: expected 1 records, one for each network, got 0"),
    "a record of words": (
        record(loss_curve=["low"]),
        "facts: Expected `int | float | object`, got `str` - at `$.records[0].loss_curve[0]`",
    ),
    "curves of other lengths": (
        record(validation_loss_curve=[1.0]),
        "expected 'validation_loss_curve' as long as",
    ),
    "no best": (record(best_loss=None), "expected 'best_loss' or 'validation_scores', got neither"),
    "a record of more": (
        record(best_weights=[1]),
        "unknown field `best_weights` - at `$.records[0]`",
    ),
    "epochs of words": (record(n_iter="4"), "facts: Expected `int`, got `str` - at `$.records[0].n_iter`"),
    "a history less": (put(histories=[]), "facts: expected 1 histories, one for each network, got 0"),
    "a history of words": (
        put(histories=["good"]),
        "Expected `object`, got `str` - at `$.histories[0]`",
    ),
    "a history of more": (
        lambda found: found["histories"][0].update(save="x"),
        "unknown field `save` - at `$.histories[0]`",
    ),
    "no history": (put(histories=None), "facts: expected 'histories' for the solver 'adam', got none"),
    "a loss of words": (put(loss="low"), "facts: Expected `int | float | object`, got `str` - at `$.loss`"),
    "not kept": (put(not_kept=[1]), "facts: Expected `str`, got `int` - at `$.not_kept[0]`"),
}


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> interop.ModelFile:
    """What is in the file of an estimator."""
    path = tmp_path_factory.mktemp("words") / "m.safetensors"
    fitted("words")[0].save(path)
    return interop.read_file(path)


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_contradicts_itself_is_refused(
    name: str, words: interop.ModelFile, tmp_path: Path
) -> None:
    change, message = BROKEN[name]
    path = tmp_path / "m.safetensors"
    facts = copy.deepcopy(words.facts)
    change(facts)
    interop.save(words.module, path, facts)
    with pytest.raises(ValueError, match=rf"^{re.escape(str(path))}: ") as caught:
        MLPClassifier.load(path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", METADATA_KEYS)
@pytest.mark.parametrize("value", [None, 7, -1, "x", [], {}, [None], {"a": {}}, [[]], True, 0.5])
def test_whatever_stands_in_a_fact_nothing_else_is_raised(
    name: str, value: Any, words: interop.ModelFile, tmp_path: Path
) -> None:
    expect_no_other_error(words, {**words.facts, name: value}, tmp_path / "m.safetensors")


@pytest.mark.parametrize("name", METADATA_KEYS)
def test_whatever_fact_is_missing_nothing_else_is_raised(
    name: str, words: interop.ModelFile, tmp_path: Path
) -> None:
    others = {key: each for key, each in words.facts.items() if key != name}
    expect_no_other_error(words, others, tmp_path / "m.safetensors")


def expect_no_other_error(file: interop.ModelFile, facts: dict[str, Any], path: Path) -> None:
    """Read a file with these facts, which is perhaps refused."""
    interop.save(file.module, path, facts)
    try:
        MLPClassifier.load(path)
    except ValueError as error:
        assert str(error).startswith(f"{path}: ")  # noqa: PT017, for there may be none


def test_other_files_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    plaingrad.save(nn.Linear(2, 1), path)
    with pytest.raises(
        ValueError, match="expected an MLPRegressor that its method save has written, got another"
    ):
        MLPRegressor.load(path)
    fitted("binary")[0].save(path)
    with pytest.raises(ValueError, match="expected an MLPRegressor, got an MLPClassifier"):
        MLPRegressor.load(path)
    with pytest.raises(
        ValueError, match="expected a model that plaingrad train has made, got an MLPClassifier"
    ):
        TableModel.load(path)
    loss = {"loss": {"class": "Linear", "arguments": {"in_features": 1, "out_features": 1}}}
    fitted("a loss of its own")[0].save(path)
    file = interop.read_file(path)
    file.facts["parameters"]["loss"] = loss
    interop.save(file.module, path, file.facts)
    with pytest.raises(ValueError, match="'loss' parameter of MLPRegressor must be"):
        MLPRegressor.load(path)
