from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from plaingrad.train.checkpoint import load_state, save_model
from train.small import network, plane, run, values


def test_a_model_comes_back_to_the_bit_with_its_metadata(tmp_path: Path) -> None:
    model, again = network(2, 3, 1), network(2, 3, 1, seed=1)
    run(model, plane(), epochs=1)
    facts = {"epoch": 3, "classes": ["é", "b"], "scale": {"mean": [0.5]}, "nothing": None}
    save_model(model, tmp_path / "model.safetensors", facts)
    state, metadata = load_state(tmp_path / "model.safetensors")
    assert metadata == facts
    assert sorted(state) == ["0.bias", "0.weight", "2.bias", "2.weight"]
    again.load_state_dict(state)
    assert all(torch.equal(a, b) for a, b in zip(values(again), values(model)))


def test_a_file_that_cannot_be_finished_is_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: Path, data: bytes) -> None:
        file.write_text("half")
        raise OSError("no space left")

    path = tmp_path / "model.safetensors"
    save_model(network(2, 1), path)
    before = path.read_bytes()
    with pytest.raises(TypeError):
        save_model(network(2, 3, 1), path, {"no JSON": object()})
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="no space left"):
        save_model(network(2, 3, 1), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_files_from_elsewhere(tmp_path: Path) -> None:
    save_file({"x": torch.ones(2)}, tmp_path / "plain.safetensors", metadata={"format": "pt"})
    state, metadata = load_state(tmp_path / "plain.safetensors")
    assert torch.equal(state["x"], torch.ones(2))
    assert metadata == {"format": "pt"}
    (tmp_path / "text.safetensors").write_text("no tensors")
    with pytest.raises(ValueError, match=r"text.safetensors: expected a safetensors file, got "):
        load_state(tmp_path / "text.safetensors")
    with pytest.raises(FileNotFoundError):
        load_state(tmp_path / "none.safetensors")


def test_the_same_model_and_facts_give_the_same_bytes(tmp_path: Path) -> None:
    facts = {f"fact {k}": k for k in range(10)}
    paths = [tmp_path / f"{k}.safetensors" for k in range(4)]
    for k, path in enumerate(paths):
        save_model(network(2, 1), path, dict(sorted(facts.items(), reverse=bool(k % 2))))
    assert len({path.read_bytes() for path in paths}) == 1
