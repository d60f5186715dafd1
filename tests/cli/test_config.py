"""Options in files: what is written is read again, and says the same as the command line."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
import typer
from hypothesis import given
from typer.testing import CliRunner

from plaingrad.cli.config import Config, save_options, with_options
from plaingrad.estimators.parameters import SCHEDULES as THEIR_SCHEDULES
from plaingrad.estimators.parameters import SGD_RATES, SOLVERS
from plaingrad.estimators.perceptron import ACTIVATIONS as THEIRS
from plaingrad.tables.settings import ACTIVATIONS, OPTIMIZERS, SCHEDULES, Settings


def app_of_settings(found: list[Settings] | None = None) -> typer.Typer:
    """A command that notes its settings."""
    app = typer.Typer()

    @app.command()
    @with_options(Settings)
    def train(data: str, settings: Settings, config: Config = None) -> None:
        if found is not None:
            found.append(settings)

    return app


def read(*arguments: str) -> Settings:
    """The settings that a command gets."""
    found: list[Settings] = []
    result = CliRunner().invoke(app_of_settings(found), list(arguments))
    assert result.exit_code == 0, result.output
    return found[0]


texts = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1)
fractions = st.floats(0, 1, exclude_min=True, exclude_max=True)
settings = st.builds(
    Settings,
    target=texts,
    output=st.none() | st.just(Path("out/some where")),
    ignore=st.lists(texts),
    separator=st.none() | st.characters(blacklist_categories=["Cs"]),
    encoding=st.sampled_from(["utf-8", "cp1252", "Latin-1", "utf_16"]),
    test_size=fractions,
    cv=st.none() | st.integers(2, 100),
    hidden=st.lists(st.integers(1, 10**6)).map(tuple),
    activation=st.sampled_from(ACTIVATIONS),
    lr=st.floats(0, exclude_min=True, allow_infinity=False),
    batch_size=st.none() | st.integers(1),
    seed=st.integers(0, 2**32 - 1),
    class_weight=st.lists(texts),
)


@given(settings)
def test_what_is_written_is_read_again(tmp_path_factory: pytest.TempPathFactory, options: Settings) -> None:
    path = tmp_path_factory.mktemp("config") / "run.toml"
    save_options(path, {"data": "t.csv"}, options)
    assert read("--config", str(path)) == options


def test_the_command_line_says_the_same(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(
        'data = "t"\ntarget = "y"\nhidden = [3, 4]\nignore = ["a", "b"]\nlr = 1\nbatch-size = "auto"\n'
    )
    typed = ["t", "--target", "y", "--hidden", "3,4", "--ignore", "a", "--ignore", "b", "--lr", "1"]
    assert read("--config", str(path)) == read(*typed)
    assert read("--config", str(path), "--ignore", "c").ignore == ["c"]
    assert read("--config", str(path), "--lr", "2").lr == 2


def test_defaults_are_the_same_in_python_and_on_the_command_line() -> None:
    def plain(settings: Settings) -> dict[str, Any]:
        return {k: tuple(v) if isinstance(v, list) else v for k, v in dataclasses.asdict(settings).items()}

    assert plain(read("t", "--target", "y")) == plain(Settings(target="y"))


def test_names_are_those_of_the_estimators() -> None:
    assert set(ACTIVATIONS) == set(THEIRS)
    assert set(OPTIMIZERS) == set(SOLVERS) - {"lbfgs"}
    assert set(SCHEDULES) == {*SGD_RATES, *THEIR_SCHEDULES}


def test_values_in_very_many_levels_are_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(f"hidden = {'[' * 3000}{']' * 3000}")
    result = CliRunner().invoke(app_of_settings(), ["--config", str(path)])
    assert isinstance(result.exception, ValueError)
    assert str(result.exception) == f"{path}: expected options, got values in many levels of each other"
