from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_iris

import plaingrad
from bad.models import BAD, good
from conformance.case import Case
from interop.rows import assert_same, every_case, examples, outputs, row
from plaingrad import nn, optim
from plaingrad.errors import InputError
from plaingrad.interop import ModelFile, read_file, save
from plaingrad.train.checkpoint import load_state, save_model
from saving.facts import keys, plain

FILES = Path(__file__).parent / "files"


@every_case
@examples
@given(data=st.data())
def test_a_module_comes_back_to_the_bit(case: Case, data: st.DataObject, tmp_path: Path) -> None:
    module, inputs = row(case, data)
    save(module, tmp_path / "model.safetensors")
    again = read_file(tmp_path / "model.safetensors").module
    assert_same(again.state_dict(), module.state_dict())
    for training in (False, True):
        found, wanted = (outputs(each.train(training), inputs) for each in (again, module))
        for y, expected in zip(found, wanted, strict=True):
            torch.testing.assert_close(y, expected, rtol=0, atol=0, equal_nan=True)


@examples
@given(
    facts=st.dictionaries(keys, plain, max_size=4), attachments=st.dictionaries(keys, st.binary(max_size=50))
)
def test_facts_and_attachments_come_back(
    facts: dict[str, Any], attachments: dict[str, bytes], tmp_path: Path
) -> None:
    path = tmp_path / "model.safetensors"
    save(nn.Linear(2, 1), path, facts, attachments)
    found = read_file(path)
    assert found.facts == facts
    assert list(found.facts) == list(facts)
    assert found.attachments == attachments
    content = path.read_bytes()
    save(found.module, path, found.facts, found.attachments)
    assert path.read_bytes() == content


def test_a_trained_network_predicts_the_same_elsewhere(tmp_path: Path) -> None:
    x, y = (torch.tensor(array) for array in load_iris(return_X_y=True))
    hidden = nn.Linear(8, 8)
    network = nn.Sequential(
        nn.Linear(4, 8),
        nn.BatchNorm1d(8),
        nn.Residual(hidden, nn.Tanh()),
        nn.Dropout(0.2),
        hidden,
        nn.Linear(8, 3),
    )
    optimizer = optim.Adam(network.parameters(), lr=0.01)
    history = plaingrad.fit(
        network,
        (x.float(), y),
        loss=nn.CrossEntropyLoss(),
        optimizer=optimizer,
        epochs=3,
        batch_size=16,
        seed=0,
        progress=False,
    )
    path = tmp_path / "iris.safetensors"
    plaingrad.save(
        network, path, {"classes": ["setosa"], "history": history.to_dict()}, {"scaler": b"\0\xff"}
    )
    torch.save(network.eval()(x.float()), tmp_path / "wanted.pt")
    program = """
import sys, torch, plaingrad
found = plaingrad.read_file(sys.argv[1])
x, wanted = torch.load(sys.argv[2]), torch.load(sys.argv[3])
assert torch.equal(found.module(x), wanted)
assert found.facts["history"]["epochs"]["loss"] and found.attachments == {"scaler": b"\\0\\xff"}
assert found.versions["torch"] == torch.__version__ and "pickle" not in found.versions
"""
    torch.save(x.float(), tmp_path / "x.pt")
    files = [path, tmp_path / "x.pt", tmp_path / "wanted.pt"]
    subprocess.run([sys.executable, "-c", program, *files], check=True)
    again = plaingrad.read_file(path).module
    assert again[2][0] is again[4]
    assert len(again.parameters()) == len(network.parameters())
    assert all(torch.equal(grad, torch.zeros_like(value)) for value, grad in again.parameters())


def test_a_loaded_network_is_independent_of_its_file(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save(nn.Linear(3, 2), path)
    found = read_file(path).module
    before = [value.clone() for value, _ in found.parameters()]
    path.write_bytes(bytes(path.stat().st_size))  # the same file, not another one in its place
    assert all(torch.equal(a, b) for a, (b, _) in zip(before, found.parameters()))
    assert not found.training


def test_state_of_any_kind_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    table = nn.Embedding.from_pretrained(torch.tensor([[1.0, float("nan")], [float("inf"), -0.0]]))
    network = nn.Sequential(
        table, nn.Linear(2, 2, dtype=torch.bfloat16), nn.Linear(2, 0, dtype=torch.float16)
    )
    save(network, path)
    again = read_file(path).module
    assert_same(again.state_dict(), network.state_dict())
    assert [p.frozen for p in again.parameters()] == [True, False, False, False, False]


def test_a_file_from_before_frozen_parameters_were_listed() -> None:
    file = read_file(FILES / "version_0.safetensors")
    network, columns = file.module
    expected = torch.tensor(file.facts["y"], dtype=torch.float64)
    torch.testing.assert_close(network(torch.tensor(file.facts["x"])), expected)
    expected = torch.tensor(file.facts["columns"], dtype=torch.float64)
    assert torch.equal(columns(torch.ones(2, 24, dtype=torch.float64)), expected)
    assert [name for name, p in file.module.named_parameters() if p.frozen] == ["network.0.weight"]


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"loss": float("nan")}, "Out of range float values"),
        ({"a": object()}, "not JSON serializable"),
        ({"a": {(1, 2): 3}}, "keys must be str"),
        ({"a": {1: 0, "1": 0}}, "the key '1' twice"),
    ],
)
def test_facts_that_json_cannot_hold_are_refused(facts: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    with pytest.raises(ValueError, match=f"save: expected facts that JSON can hold, got .*{message}"):
        save(nn.ReLU(), path, facts)
    with pytest.raises(TypeError, match="attachment 'a': expected bytes, got str"):
        save(nn.ReLU(), path, attachments={"a": "text"})  # type: ignore[dict-item]
    assert not path.exists()


def test_an_attachment_cannot_pass_for_a_parameter(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    network = nn.Sequential({"attachment": nn.Linear(1, 1), "sha256": nn.Linear(1, 1)})
    attachments = {"weight": b"1", "attachment.weight": b"2", ".sha256": b"3", "": b"4"}
    save(network, path, attachments=attachments)
    found = read_file(path)
    assert found.attachments == attachments
    assert_same(found.module.state_dict(), network.state_dict())


def test_the_corpus_begins_from_a_good_file(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(good())
    found = read_file(path)
    assert isinstance(found, ModelFile)
    assert repr(found.module) == repr(nn.Sequential(nn.Linear(3, 2), nn.ReLU()))
    assert found.attachments == {"scaler": b"mean 5.8"}


@contextmanager
def little_memory() -> Iterator[None]:
    """Let the process have 256 MiB more than it has now."""
    limits = resource.getrlimit(resource.RLIMIT_AS)
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + 2**28, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_refused_in_one_line(name: str, tmp_path: Path) -> None:
    make, words = BAD[name]
    path = tmp_path / "model.safetensors"
    path.write_bytes(make())
    with little_memory(), pytest.raises(ValueError, match=r".") as caught:
        read_file(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert words in message
    assert "\n" not in message
    assert len(message) < len(str(path)) + 300
    assert isinstance(caught.value, InputError)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    os.mkfifo(path)
    with pytest.raises(ValueError, match=r"expected a model file .*, got what is no file$"):
        read_file(path)


@examples
@given(data=st.data())
def test_no_byte_can_change_unnoticed(data: st.DataObject, tmp_path: Path) -> None:
    content = bytearray(good())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    wanted = tmp_path / "wanted.safetensors"
    wanted.write_bytes(good())
    try:
        found = read_file(path)
    except ValueError:
        return
    # Another spelling of the same.
    assert repr(found) == repr(read_file(wanted))
    assert_same(found.module.state_dict(), read_file(wanted).module.state_dict())


def test_a_checkpoint_and_a_missing_file_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_model(nn.Linear(1, 1), path, {"epoch": 1})
    with pytest.raises(ValueError, match="parameters without an architecture, as checkpoints are"):
        read_file(path)
    with pytest.raises(FileNotFoundError):
        read_file(tmp_path / "none.safetensors")
    with pytest.raises(IsADirectoryError):
        read_file(tmp_path)


def test_the_metadata_are_for_reading(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save(nn.ReLU(), path, {"task": "none"})
    assert load_state(path)[1]["facts"] == {"task": "none"}
    length = int.from_bytes(path.read_bytes()[:8], "little")
    header = json.loads(path.read_bytes()[8 : 8 + length])
    assert json.loads(header["__metadata__"]["plaingrad"])["architecture"]["class"] == "ReLU"
