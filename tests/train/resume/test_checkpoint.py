"""The file of a run: what is in it after any end of the program, and what is refused."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import PIPE

import pytest
import torch
from safetensors.torch import save_file

from disk import limited
from effort import draws
from plaingrad import fit, nn, optim
from plaingrad.errors import InputError
from plaingrad.train import callbacks, fit_many
from plaingrad.train.checkpoint import save_model
from train.resume.runs import EPOCHS, Dies, Killed, expect_equal, mixed, outcome, points

NAME = "checkpoint.safetensors"


ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


KINDS = ("eager", "native", "sweep")


def killed(kinds: str, folder: Path, kills: str) -> list[str]:
    """The command of the program that is killed so often."""
    return [sys.executable, "-m", "train.resume.killed", kinds, str(folder), kills, "1"]


def printed(command: list[str]) -> list[str]:
    """The lines that a program prints."""
    return subprocess.run(
        command, capture_output=True, text=True, check=True, env=ENVIRONMENT
    ).stdout.splitlines()


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What each kind of run prints when it ends: first the one that nothing has stopped."""
    folder = tmp_path_factory.mktemp("ends")
    lines = printed(killed(",".join(KINDS), folder / "run", f"0,{draws(20)}"))
    assert not list(folder.iterdir())
    return {kind: [line for line in lines if line.split()[0] == kind] for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_killed_at_random_moments(kind: str, ends: dict[str, list[str]]) -> None:
    whole, *others = ends[kind]
    assert set(others) == {whole}
    assert whole.endswith(" False")  # the folder is gone


def test_sigterm_lets_the_epoch_finish_and_the_same_command_goes_on(
    tmp_path: Path, ends: dict[str, list[str]]
) -> None:
    command, file = killed("eager", tmp_path / "run", "0"), tmp_path / "run" / NAME
    with subprocess.Popen(command, stdout=PIPE, stderr=PIPE, text=True, env=ENVIRONMENT) as process:
        while not file.exists() and process.poll() is None:
            time.sleep(0.01)
        (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(child), signal.SIGTERM)
        output, errors = process.communicate()
    assert output == ""
    assert errors.strip().splitlines() == [
        "finishing this epoch; a second SIGTERM stops at once",
        "stopped; run the same command to go on",
    ]
    assert printed(command) == ends["eager"][:1]


SIGTERM = """
import os, signal
from pathlib import Path
from train.resume.runs import mixed, outcome
from plaingrad.train.callbacks import Callback

class Ends(Callback):
    def on_epoch_begin(self, epoch, logs):
        if epoch == 2:
            os.kill(os.getpid(), signal.SIGTERM)

{before}
outcome(mixed(callbacks=[Ends()]), Path({folder!r}))
print("came to its end")
"""


@pytest.mark.parametrize(
    ("before", "code", "output"),
    [
        ("", 143, ""),
        ("signal.signal(signal.SIGTERM, lambda *_: print('mine'))", 0, "mine\ncame to its end\n"),
    ],
)
def test_sigterm_ends_with_143_unless_the_program_handles_it(
    before: str, code: int, output: str, tmp_path: Path
) -> None:
    text = SIGTERM.format(before=before, folder=str(tmp_path / "run"))
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, env=ENVIRONMENT)
    assert (done.returncode, done.stdout) == (code, output)
    assert (tmp_path / "run").exists() == (code == 143)


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """The folder of a run that died."""
    with pytest.raises(Killed):
        outcome(mixed(), tmp_path / "run", 2)
    return tmp_path / "run"


def test_no_two_programs_go_on_with_one_run(tmp_path: Path) -> None:
    folder, refusals = tmp_path / "run", []

    class Again(callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: dict[str, float]) -> None:
            with pytest.raises(InputError) as caught:
                outcome(mixed(), folder)
            refusals.append(str(caught.value))

    outcome(mixed(callbacks=[Again()]), folder)
    problem = (
        f"{folder / NAME}: expected a checkpoint that nobody uses, got one that another run goes on from"
    )
    assert refusals[0] == problem
    assert len(refusals) == EPOCHS
    assert not folder.exists()


def flipped(content: bytes, index: int) -> bytes:
    """The content with one bit changed."""
    changed = bytearray(content)
    changed[index] ^= 1
    return bytes(changed)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "truncated header": lambda path: os.truncate(path, 100),
    "truncated": lambda path: os.truncate(path, path.stat().st_size - 1),
    "a bit of a number": lambda path: path.write_bytes(flipped(path.read_bytes(), -9)),
    "a bit of a text": lambda path: path.write_bytes(flipped(path.read_bytes(), 300)),
    "noise": lambda path: path.write_bytes(os.urandom(1000)),
    "a model": lambda path: save_model(nn.Linear(2, 2), path, {"epoch": 3}),
    "foreign": lambda path: save_file({"weight": torch.zeros(3)}, path, {"by": "another program"}),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "another format": lambda path: path.write_bytes(
        path.read_bytes().replace(b'\\"format\\": 1', b'\\"format\\": 2')
    ),
    "no state": lambda path: path.write_bytes(path.read_bytes().replace(b'\\"state\\"', b'\\"stale\\"')),
}


@pytest.mark.parametrize("name", list(DAMAGES))
def test_what_is_no_checkpoint_is_refused_in_one_line(name: str, begun: Path) -> None:
    path = begun / NAME
    DAMAGES[name](path)
    before = path.read_bytes() if path.is_file() else b""
    made = mixed()
    values = [value.clone() for value, _ in made["model"].parameters()]
    model = made["model"]
    with pytest.raises((InputError, OSError)) as caught:
        outcome(made, begun)
    assert NAME in str(caught.value)
    assert name == "a folder" or str(caught.value).endswith("; remove it to begin anew")
    assert "\n" not in str(caught.value)
    assert all(torch.equal(value, old) for (value, _), old in zip(model.parameters(), values))
    assert not path.is_file() or path.read_bytes() == before


def test_a_full_disk_keeps_the_checkpoint_before_and_lets_training_go_on(begun: Path) -> None:
    content = (begun / NAME).read_bytes()
    problem = r"^the checkpoint cannot be written, and that after epoch 2 stays: .*"
    with pytest.warns(RuntimeWarning, match=problem), limited(1000), pytest.raises(Killed):
        outcome(mixed(), begun, 5)
    assert (begun / NAME).read_bytes() == content
    assert [path.name for path in begun.iterdir()] == [NAME]
    expect_equal(outcome(mixed(), begun), outcome(mixed()))


def test_a_folder_that_cannot_be_written_to_is_refused_before_training(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    no_folder = "file: expected a folder, got a file"
    for folder, problem in (
        (file, no_folder),
        (file / "below", no_folder),
        (Path("/proc/none"), "/proc/none"),
    ):
        made = mixed()
        model = made["model"]
        before = [value.clone() for value, _ in model.parameters()]
        with pytest.raises((OSError, InputError), match=problem):
            outcome(made, folder)
        assert all(torch.equal(value, old) for (value, _), old in zip(model.parameters(), before))


@pytest.mark.parametrize("every", [-1, float("nan"), float("inf"), "often", True, None])
def test_the_seconds_are_checked(every: object, tmp_path: Path) -> None:
    made = mixed()
    with pytest.raises(
        InputError, match=r"^checkpoint_every: expected a number of seconds of at least 0, got "
    ):
        fit(made.pop("model"), made.pop("train"), **made, checkpoint=tmp_path, checkpoint_every=every)  # type: ignore[arg-type]


@pytest.mark.parametrize("folder", [3, "", b"bytes", ["run"], True])
def test_the_folder_is_checked(folder: object) -> None:
    made = mixed()
    with pytest.raises(InputError, match=r"^checkpoint: expected a folder, got "):
        fit(made.pop("model"), made.pop("train"), **made, checkpoint=folder)  # type: ignore[arg-type]


def test_what_was_not_written_through_is_lost_with_the_power(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each rename finds of its file only what fsync has brought to the disk by then."""
    synced: dict[int, int] = {}
    fsync, replace = os.fsync, Path.replace
    renamed: list[Path] = []

    def noted(handle: int) -> None:
        fsync(handle)
        status = os.fstat(handle)
        synced[status.st_ino] = status.st_size
        if Path(f"/proc/self/fd/{handle}").resolve().is_dir():
            renamed.clear()

    def cut(self: Path, target: Path) -> Path:
        assert not renamed, "the name of the file before is not on the disk yet"
        os.truncate(self, synced.get(self.stat().st_ino, 0))
        renamed.append(target)
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", noted)
    monkeypatch.setattr(Path, "replace", cut)
    with pytest.raises(Killed):
        outcome(mixed(), tmp_path / "run", 3)
    assert not renamed
    expect_equal(outcome(mixed(), tmp_path / "run"), outcome(mixed()))


def sweep(folder: Path | None, dies: int = -1, **options: object) -> object:
    torch.manual_seed(0)
    models = [
        nn.Sequential(nn.Linear(3, 5 + i), nn.Dropout(0.3), nn.Linear(5 + i, 2)).to(torch.float64)
        for i in range(3)
    ]
    histories = fit_many(
        models,
        points(),
        loss=nn.CrossEntropyLoss(),
        optimizers=[optim.Adam(model.parameters(), lr=0.02) for model in models],
        epochs=[2, 4, 6],
        batch_size=8,
        callbacks=[[Dies(dies)] for _ in models],
        progress=False,
        checkpoint=folder,
        checkpoint_every=0,
        **options,  # type: ignore[arg-type]
    )
    return [model.state_dict() for model in models], [history.loss for history in histories]


def test_a_sweep_of_fewer_networks_is_another(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        sweep(tmp_path / "run", 3, engine="eager", seeds=7)
    before = sorted(tmp_path.glob("run/*"))
    model = nn.Linear(3, 2)
    with pytest.raises(InputError, match=r"checkpoint: expected the sweep .* of at least \d networks, got 1"):
        fit_many(
            [model],
            points(),
            loss=nn.CrossEntropyLoss(),
            optimizers=[optim.Adam(model.parameters())],
            epochs=2,
            batch_size=8,
            checkpoint=tmp_path / "run",
        )
    assert sorted(tmp_path.glob("run/*")) == before


@pytest.mark.parametrize("engine", ["eager", "native"])
@pytest.mark.parametrize("seeds", [None, 7])
def test_a_sweep_trains_no_network_twice(engine: str, seeds: int | None, tmp_path: Path) -> None:
    torch.manual_seed(0)
    with pytest.raises(Killed):
        sweep(tmp_path / "run", 3, engine=engine, seeds=seeds)
    assert len(list((tmp_path / "run").iterdir())) > 1
    resumed = sweep(tmp_path / "run", engine=engine, seeds=seeds)
    assert not (tmp_path / "run").exists()
    if seeds is not None:
        expect_equal(resumed, sweep(None, engine=engine, seeds=seeds))
