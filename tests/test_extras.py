"""The framework without the libraries that come with an extra, and the one line of what needs them."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from pages import ROOT
from plaingrad.cli import app
from plaingrad.extras import EXTRAS, MissingExtra, needed_by

REFUSED = f"""
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {sorted(EXTRAS)!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
"""
TABLES = r".* needs (narwhals|pandas|pyarrow|scikit-learn|scipy): pip install 'plaingrad\[tables\]'"


def without(code: str, *arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """A fresh process in which no library of an extra can be imported."""
    command = [sys.executable, "-c", REFUSED + code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd)


def test_networks_are_trained_judged_and_saved_without_an_extra(tmp_path: Path) -> None:
    done = without(
        """
import plaingrad.inspect.plots, plaingrad.interop, plaingrad.paper
from plaingrad import data, evaluate, fit, load, nn, optim, predict, save

train = data.disc(100, seed=1)
model = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 2))
loss = nn.CrossEntropyLoss()
history = fit(model, train, loss=loss, optimizer=optim.Adam(model.parameters()), epochs=2, batch_size=10)
history.plot().figure.savefig("loss.png")
save(model, "model.safetensors")
again = load("model.safetensors").module
assert predict(again, train.inputs).equal(predict(model, train.inputs))
print(evaluate(again, train, metrics=["error"]))
""",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("{'error': ")


def test_what_needs_tables_says_so(tmp_path: Path) -> None:
    statements = {
        "from plaingrad.estimators import MLPRegressor": "plaingrad.estimators.MLPRegressor",
        "from plaingrad.tables import TableModel": "plaingrad.tables.TableModel",
        "from plaingrad.tables import read_frame": "plaingrad.tables.read_frame",
        "from plaingrad.train import History; History().to_frame()": "History.to_frame",
        "from plaingrad import data; data.split(data.disc(9), 0.5)": "data.split",
    }
    attempts = [f"try:\n    {code}\nexcept ImportError as error:\n    print(error)" for code in statements]
    lines = without("\n".join(attempts), cwd=tmp_path).stdout.splitlines()
    assert [line.partition(" needs ")[0] for line in lines] == list(statements.values())
    assert all(re.fullmatch(TABLES, line) for line in lines)


def test_commands_run_without_an_extra(tmp_path: Path) -> None:
    layer = ROOT / "src" / "plaingrad" / "nn" / "linear" / "linear.py"
    commands = [
        ["--help"],
        *([command.callback.__name__, "--help"] for command in app.registered_commands if command.callback),
        ["demo", "--epochs", "1", "--output", "demo"],
        ["info", "demo/model.safetensors"],
        ["check", f"{layer}:Linear", "--args", "3, 2", "--input", "4,3"],
    ]
    assert len(commands) > 4
    code = f"from plaingrad.cli import app\nfor each in {commands!r}:\n    app(each, standalone_mode=False)"
    done = without(code, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("every gradient is right\n")


FOR_TABLES = [
    ["train", "table.csv", "--target", "x"],
    ["predict", "model.safetensors", "table.csv"],
    ["evaluate", "model.safetensors", "table.csv"],
    ["export", "model.safetensors", "model.onnx"],
]


def test_commands_for_tables_end_in_one_line(tmp_path: Path) -> None:
    """One of them as a program, and the others in the process of the first."""
    done = without("from plaingrad.cli import main; main()", *FOR_TABLES[0], cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    code = f"""
from plaingrad.cli import app
for each in {FOR_TABLES!r}:
    try:
        app(each)
    except SystemExit as error:
        print(error.code)
"""
    together = without(code, cwd=tmp_path)
    assert together.stdout.split() == ["1"] * len(FOR_TABLES)
    lines = together.stderr.splitlines()
    assert done.stderr == f"{lines[0]}\n"
    assert len(lines) == len(FOR_TABLES)
    for line, (command, *_) in zip(lines, FOR_TABLES):
        assert line.startswith(f"plaingrad {command} needs ")
        assert re.fullmatch(TABLES, line)
    assert not list(tmp_path.iterdir())


def test_what_is_imported_is_declared() -> None:
    with Path(ROOT, "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    libraries = {re.split(r"\W*>=", each)[0] for each in project["dependencies"]}
    for package, (library, extra) in EXTRAS.items():
        named = {re.split(r"\W*>=", each)[0] for each in project["optional-dependencies"][extra]}
        assert library.lower() in named - libraries, package
    trees = [ast.parse(path.read_text()) for path in Path(ROOT, "src").rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    packages = {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {"plaingrad"}
    assert packages >= {"numpy", "torch", "scipy"}
    assert packages - EXTRAS.keys() - libraries == set()


def test_the_floors_are_those_that_are_run() -> None:
    with Path(ROOT, "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    needed = list(project["dependencies"])
    for extra in ("tables", "compiler", "onnx", "tensorboard", "tune"):
        needed += project["optional-dependencies"][extra]
    pins = Path(ROOT, "constraints.txt").read_text() + Path(ROOT, "constraints-floors.txt").read_text()
    run = dict(re.findall(r"^([\w-]+)==([^ \n]+)", pins, flags=re.MULTILINE))  # the later counts
    for requirement in needed:
        library, floor = requirement.partition(",")[0].split(">=")
        assert re.fullmatch(rf"{re.escape(floor)}(\.0)*", run[library]), requirement


def test_scikit_learn_whose_private_names_are_used_is_run_in_its_last_admitted_version() -> None:
    """`plaingrad.estimators.private` has them: a release that nobody has run may lack one."""
    with Path(ROOT, "pyproject.toml").open("rb") as file:
        tables = tomllib.load(file)["project"]["optional-dependencies"]["tables"]
    (requirement,) = (Requirement(each) for each in tables if each.startswith("scikit-learn"))
    major, minor = map(int, version("scikit-learn").split(".")[:2])
    assert requirement.specifier.contains(f"{major}.{minor}.99")
    assert not requirement.specifier.contains(f"{major}.{minor + 1}")
    assert not requirement.specifier.contains(f"{major + 1}.0")


def test_what_is_part_of_no_extra_is_missing_as_ever() -> None:
    with pytest.raises(ModuleNotFoundError, match="No module named 'fish'"), needed_by("nobody"):
        import fish  # noqa: F401


def test_the_error_is_one_of_imports() -> None:
    error = MissingExtra("a", "sklearn")
    assert isinstance(error, ImportError)
    assert (error.user, error.name) == ("a", "sklearn")
    assert str(error) == "a needs scikit-learn: pip install 'plaingrad[tables]'"
