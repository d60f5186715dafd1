"""The house: imports point one way, and nothing is imported in a circle."""

from pathlib import Path

from importlinter import cli

ROOT = Path(__file__).parent.parent


def test_imports_keep_their_contracts() -> None:
    status = cli.lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
    assert status == cli.EXIT_STATUS_SUCCESS
