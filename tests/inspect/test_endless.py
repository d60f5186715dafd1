from __future__ import annotations

import importlib
import sys
import time
from pathlib import Path

import pytest

from plaingrad.inspect.gradients.endless import Overtime, limited

BUSY = "import time\nend = time.monotonic() + 0.6\nwhile time.monotonic() < end:\n    pass\n"


def go_on_for_ever() -> None:
    while True:
        pass


def test_what_does_not_end_is_ended() -> None:
    with pytest.raises(Overtime), limited(0.1):
        go_on_for_ever()


def test_an_import_is_finished_and_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "slow_to_import.py").write_text(BUSY + "DONE = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    with limited(0.2):
        module = importlib.import_module("slow_to_import")
    assert module.DONE


def test_the_limit_holds_in_a_script_that_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = ["from plaingrad.inspect.gradients.endless import Overtime, limited"]
    lines += ["try:", "    with limited(0.1):", "        while True:", "            pass"]
    lines += ["except Overtime:", "    ENDED = True"]
    (tmp_path / "a_script.py").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(tmp_path)
    assert importlib.import_module("a_script").ENDED


def test_what_ends_in_time_is_left_alone() -> None:
    with limited(0.2):
        time.sleep(0.05)
    time.sleep(0.3)
    assert sys.exc_info() == (None, None, None)
