"""Running commands as a shell would, but in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.datasets import load_diabetes, load_iris
from typer.testing import CliRunner

from plaingrad.cli import app


def run(*arguments: object) -> Any:
    """The result of ``plaingrad ARGUMENTS``: exit_code, stdout, stderr."""
    return CliRunner().invoke(app, [str(each) for each in arguments])


def succeed(*arguments: object) -> str:
    """What a command says that must go well."""
    result = run(*arguments)
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    return str(result.stdout)


def refused(*arguments: object) -> str:
    """The one line that a command says when it refuses."""
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit)
    assert result.stderr.endswith("\n")
    (line,) = result.stderr.splitlines()
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
