"""Networks with modules of one's own in model files, and what `load` gives."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import plaingrad
from plaingrad import Module, Parameter, nn
from plaingrad.errors import InputError
from plaingrad.saving import build, describe


class Scaled(Module):
    """A module of one's own, with a parameter and a layer."""

    def __init__(self, width: int, *, factors: tuple[float, ...] = (1.0,), kind: str = "mean") -> None:
        self.factors, self.kind = factors, kind
        self.scale = Parameter(torch.randn(width))
        self.inner = nn.Sequential(nn.Linear(width, width), nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        inner = self.inner(x)
        y = inner * self.scale.value * sum(self.factors)
        self.save(inner, y)
        return y

    def backward(self, dy: Tensor) -> Tensor:
        inner = self.restore(dy)
        self.scale.grad += (dy * inner).sum(0) * sum(self.factors)
        dx: Tensor = self.inner.backward(dy * self.scale.value * sum(self.factors))
        return dx


class Takes(Module):
    """A module that is made of another one, which JSON cannot hold."""

    def __init__(self, inner: Module) -> None:
        self.inner = inner

    def forward(self, x: Tensor) -> Any:
        return self.inner(x)

    def backward(self, dy: Tensor) -> Any:
        return self.inner.backward(dy)


class Linear(Module):
    """A name that plaingrad.nn has."""

    def forward(self, x: Tensor) -> Tensor:
        return x

    def backward(self, dy: Tensor) -> Tensor:
        return dy


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 4), Scaled(4, factors=(2.0, float("inf"))[:1], kind="sum"))


def test_a_network_of_ones_own_comes_back(tmp_path: Path) -> None:
    model, path, x = network().to(torch.float64), tmp_path / "m.safetensors", torch.randn(5, 3).double()
    model[1].scale.frozen = True
    plaingrad.save(model, path)
    before = torch.get_rng_state()
    again = plaingrad.load(path, classes=[Scaled])
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(again(x), model.eval()(x))
    assert type(again[1]) is Scaled
    assert again[1].factors == (2.0,)
    assert again[1].scale.frozen
    assert not again[0].weight.frozen
    plaingrad.save(again, tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


def test_the_outermost_may_be_ones_own(tmp_path: Path) -> None:
    model = Scaled(2)
    plaingrad.save(model, tmp_path / "m")
    x = torch.randn(3, 2)
    assert torch.equal(plaingrad.load(tmp_path / "m", classes=[Scaled])(x), model(x))


def test_without_the_class_the_file_is_refused(tmp_path: Path) -> None:
    plaingrad.save(network(), tmp_path / "m")
    hint = r"expected a class of plaingrad.nn, got 'Scaled'; load\(path, classes=\[...\]\) takes classes"
    with pytest.raises(InputError, match=hint):
        plaingrad.load(tmp_path / "m")


@pytest.mark.parametrize(
    "value", [None, True, 3, -0.5, float("inf"), "a", [1, [2]], (1, ("b",)), {"a": (1,)}]
)
def test_arguments_come_back_as_they_were(value: Any) -> None:
    description = describe(Scaled(2, factors=value), own=True)
    assert build(description, classes=[Scaled]).factors == value
    assert type(build(description, classes=[Scaled]).factors) is type(value)


def test_what_json_cannot_hold_is_refused_with_the_way_that_remains(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"Takes: argument 'inner': .*torch.save\(model.state_dict\(\), path\)"
    ):
        plaingrad.save(nn.Sequential(Takes(nn.Tanh())), tmp_path / "m")


def test_a_field_that_was_changed_since_is_refused(tmp_path: Path) -> None:
    model = Scaled(2)
    model.kind = "other"
    with pytest.raises(InputError, match="expected 'kind' to be 'mean', got 'other'"):
        plaingrad.save(model, tmp_path / "m")


def test_names_must_tell_classes_apart(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected another name than that of plaingrad.nn.Linear"):
        plaingrad.save(Linear(), tmp_path / "m")
    with pytest.raises(InputError, match=r"expected subclasses of Module, got 3"):
        build({"class": "Tanh"}, classes=[3])  # type: ignore[list-item]
    with pytest.raises(InputError, match=r"got 'Scaled' twice"):
        build({"class": "Tanh"}, classes=[Scaled, type("Scaled", (Scaled,), {})])


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"arguments": {"colour": 1}}, "expected the arguments of the class as it is now"),
        ({"arguments": []}, "expected class, arguments and dtype"),
        ({"dtype": "int3"}, "expected a dtype from float16"),
        ({"arguments": {"width": {"run": "rm"}}}, "expected a number, text, list"),
        ({"children": []}, "expected class, arguments and dtype"),
    ],
)
def test_a_description_that_does_not_fit_is_refused(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        build({**describe(Scaled(2), own=True), **changes}, classes=[Scaled])


def test_describe_alone_takes_the_classes_of_plaingrad_only() -> None:
    with pytest.raises(InputError, match="got one of your own"):
        describe(network())


def test_load_gives_the_network_and_the_file_once_more(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(2, 1))
    plaingrad.save(model, tmp_path / "m", {"task": "test"}, {"note": b"bytes"})
    loaded, x = plaingrad.load(tmp_path / "m"), torch.randn(3, 2)
    assert type(loaded) is nn.Sequential
    assert torch.equal(loaded(x), model(x))
    file = plaingrad.read_file(tmp_path / "m")
    with pytest.warns(
        DeprecationWarning, match=r"load gives the network itself now: write read_file\(path\)"
    ):
        assert loaded.module is loaded
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        assert (loaded.facts, loaded.attachments, loaded.versions) == (
            file.facts,
            file.attachments,
            file.versions,
        )
        assert copy.deepcopy(loaded).facts == file.facts
        plaingrad.save(loaded, tmp_path / "again", loaded.facts, loaded.attachments)
    assert (tmp_path / "again").read_bytes() == (tmp_path / "m").read_bytes()


def test_other_networks_have_no_file() -> None:
    model: Any = nn.Linear(2, 1)
    for name in ("module", "facts", "colour"):
        with pytest.raises(AttributeError, match=f"'Linear' object has no attribute '{name}'$"):
            getattr(model, name)
    with pytest.raises(AttributeError, match=r"has no attribute 'cuda'; write .to\('cuda'\)"):
        model.cuda()


def test_arguments_in_the_wrong_order_or_form_are_refused_with_what_to_write(tmp_path: Path) -> None:
    model, path = Scaled(3), tmp_path / "model.safetensors"
    expected = r"module: expected a network or a trained estimator, got .*; write save\(model, path\)"
    with pytest.raises(InputError, match=expected):
        plaingrad.save(path, model)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="got torch's Linear"):
        plaingrad.save(torch.nn.Linear(2, 2), path)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())
    plaingrad.save(model, path)
    with pytest.raises(
        InputError, match=r"classes: expected a list of classes, .*; write classes=\[Scaled\]"
    ):
        plaingrad.load(path, classes=Scaled)  # type: ignore[arg-type]


@pytest.mark.parametrize("is_archive", [True, False])
def test_a_file_of_torch_save_is_named(is_archive: bool, tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save({"weight": torch.ones(2)}, path, _use_new_zipfile_serialization=is_archive)
    with pytest.raises(InputError, match=r"got a file of torch\.save"):
        plaingrad.load(path)
