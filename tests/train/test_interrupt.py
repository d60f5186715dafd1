from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import Any

import pytest

from plaingrad.native.interrupt import Interrupt
from train.small import Press, network, plane, run


def test_ctrl_c_lets_the_epoch_finish_and_returns_the_history(capfd: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGINT)
    history = run(network(2, 1), plane(), epochs=5, callbacks=[Press(1)])
    assert len(history) == 2
    assert history.stopped == "interrupted in epoch 2"
    assert history.steps == 10
    assert signal.getsignal(signal.SIGINT) is before
    assert "Ctrl-C again stops at once" in capfd.readouterr().err


def test_a_second_ctrl_c_interrupts_at_once() -> None:
    before = signal.getsignal(signal.SIGINT)
    model = network(2, 1)
    with pytest.raises(KeyboardInterrupt):
        run(model, plane(), epochs=5, callbacks=[Press(2)])
    assert signal.getsignal(signal.SIGINT) is before
    assert not any(module._saved for module in model.modules())


def test_a_signal_that_is_ignored_on_purpose_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        history = run(network(2, 1), plane(), epochs=3, callbacks=[Press(1)])
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(history) == 3


def test_another_thread_leaves_signals_alone() -> None:
    seen: list[Any] = []
    before = signal.getsignal(signal.SIGINT)

    def enter() -> None:
        with Interrupt():
            seen.append(signal.getsignal(signal.SIGINT))
        seen.append(len(run(network(2, 1), plane())))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == [before, 2]


PROGRAM = """
import sys
from plaingrad.train.callbacks import Callback
from train.small import Press, network, plane, run

class Tell(Callback):
    def on_epoch_end(self, epoch, logs):
        print("epoch", epoch, flush=True)
        sys.stdin.readline()

history = run(network(2, 1), plane(), epochs=1000, callbacks=[Tell()])
print(history.stopped, len(history))
"""


def test_ctrl_c_from_outside() -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "epoch 0\n"
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate("\n", timeout=60)
    assert process.returncode == 0, errors
    assert output.splitlines()[-1].startswith("interrupted in epoch ")
