from __future__ import annotations

import io

import pytest
from rich.console import Console

from plaingrad.train.callbacks import ProgressBar
from train.small import network, plane, run


def shown(lines: bool, terminal: bool) -> str:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=100, color_system=None)
    run(network(2, 1), plane(), validation=plane(), callbacks=[ProgressBar(lines, console)])
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_terminal_gets_a_bar_with_the_losses() -> None:
    text = shown(lines=False, terminal=True)
    assert "2/2" in text
    assert "val_loss" in text
    assert "epoch 1/2" not in text


def test_lines_are_printed_on_a_terminal_and_elsewhere() -> None:
    assert "epoch 1/2  loss " in shown(lines=True, terminal=True)
    text = shown(lines=True, terminal=False).splitlines()
    assert [line.split("  ")[0] for line in text] == ["epoch 1/2", "epoch 2/2"]
    assert all("  loss " in line and "  val_loss " in line for line in text)


def test_without_a_terminal_and_lines_nothing_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(lines=False, terminal=False) == ""
    run(network(2, 1), plane(), progress=True)
    assert capsys.readouterr().out == ""
