"""Running commands as a shell would, but in this process."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import pandas as pd
from bokeh_sampledata.titanic import data as TITANIC
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from typer import main, testing
from typer.testing import CliRunner

from plaingrad.cli import app

# The command is made of its functions once, as in a shell, and not for each call.
testing._get_command = functools.cache(main.get_command)


def run(*arguments: object) -> Any:
    """The result of ``plaingrad ARGUMENTS``: exit_code, stdout, stderr."""
    return CliRunner().invoke(app, [str(each) for each in arguments])


def succeed(*arguments: object) -> str:
    """What a command says that must go well."""
    result = run(*arguments)
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    return str(result.stdout)


def warned(*arguments: object) -> str:
    """What a command says that goes well, perhaps with warnings."""
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    assert all(line.startswith("warning: ") for line in result.stderr.splitlines())
    return str(result.stdout)


def told(*arguments: object) -> Any:
    """The one JSON object that a command tells to programs."""
    return json.loads(succeed(*arguments, "--json"))


def refused(*arguments: object) -> str:
    """The one line that a command says when it refuses."""
    return _line(run(*arguments), 2)


def failed(*arguments: object) -> str:
    """The one line that a command says when it fails while it runs."""
    return _line(run(*arguments), 1)


def _line(result: Any, code: int) -> str:
    assert result.exit_code == code, result.output
    assert isinstance(result.exception, SystemExit)
    assert result.stderr.endswith("\n")
    (line,) = result.stderr.splitlines()
    assert "Traceback" not in result.output
    return str(line)


def iris(path: Path) -> Path:
    """150 flowers with four measures and the species by name."""
    bunch = load_iris(as_frame=True)
    frame = bunch.data.assign(species=[bunch.target_names[k] for k in bunch.target])
    frame.to_csv(path, index=False)
    return path


def diabetes(path: Path) -> Path:
    """The first 200 patients, with ten measures and the progression of their illness."""
    frame: pd.DataFrame = load_diabetes(as_frame=True).frame
    frame.rename(columns={"target": "progression"}).head(200).to_csv(path, index=False)
    return path


def titanic(path: Path) -> Path:
    """1313 passengers: name, class, age (often missing), sex, and whether they survived."""
    TITANIC.to_csv(path, index=False)
    return path


def breast_cancer(path: Path) -> Path:
    """569 tumours with thirty measures, and whether they are benign."""
    frame = load_breast_cancer(as_frame=True).frame
    frame.rename(columns={"target": "benign"}).astype({"benign": bool}).to_csv(path, index=False)
    return path
