import json
from pathlib import Path

import pytest
import torch
from matplotlib.image import imread

from cli.shell import failed, refused, succeed, told
from plaingrad import data
from plaingrad.interop import load
from plaingrad.train import predict


def test_leaves_curve_boundary_history_and_model(tmp_path: Path) -> None:
    said = succeed("demo", "--epochs", 3, "--seed", 5, "-o", tmp_path / "new" / "folder")
    assert said.count("epoch ") == 3
    assert "test   loss" in said
    folder = tmp_path / "new" / "folder"
    assert sorted(path.name for path in folder.iterdir()) == [
        "boundary.png",
        "history.json",
        "loss.png",
        "model.safetensors",
    ]
    assert all(imread(folder / name).std() > 0.01 for name in ("loss.png", "boundary.png"))
    assert len(json.loads((folder / "history.json").read_text())["epochs"]["loss"]) == 3


def test_the_saved_model_has_the_error_that_was_told(tmp_path: Path) -> None:
    said = succeed("demo", "--epochs", 2, "--seed", 5, "--architecture", "2,9,2", "-o", tmp_path)
    file = load(tmp_path / "model.safetensors")
    model, facts = file.module, file.facts
    assert facts["architecture"] == [2, 9, 2]
    torch.manual_seed(5)
    test = data.disc(2000).take(slice(1000, None))
    inputs = (test.inputs - torch.tensor(facts["input_mean"])) / torch.tensor(facts["input_deviation"])
    error = 100 * (predict(model, inputs).argmax(1) != test.targets).double().mean()
    assert f"error {error:.2f} %" in next(line for line in said.splitlines() if line.startswith("test "))


def test_the_same_seed_gives_the_same_model(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        succeed("demo", "--epochs", 1, "--batch-size", 100, "--seed", seed, "-o", tmp_path / name)
    a, b, c = (load(tmp_path / name / "model.safetensors").module.state_dict()["0.weight"] for name in "abc")
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_rounds_tell_how_errors_spread(tmp_path: Path) -> None:
    said = succeed("demo", "--rounds", 3, "--seed", 4, "--epochs", 1, "-o", tmp_path).splitlines()
    found = json.loads((tmp_path / "rounds.json").read_text())
    errors = torch.tensor([each["test"] for each in found["rounds"]], dtype=torch.float64)
    assert [each["seed"] for each in found["rounds"]] == [4, 5, 6]
    assert said[-2] == (
        f"test error over 3 seeds: mean {errors.mean():.2f} %, standard deviation {errors.std():.2f} %, "
        f"median {errors.median():.2f} %, worst {errors.max():.2f} %"
    )
    alone = succeed("demo", "--seed", 5, "--epochs", 1, "-o", tmp_path / "alone")
    assert f"error {errors[1]:.2f} %" in alone


@pytest.mark.parametrize("schedule", ["linear", "constant", "cosine"])
def test_the_learning_rate_follows_its_schedule(tmp_path: Path, schedule: str) -> None:
    options = ("--epochs", 4, "--batch-size", 250, "--lr", 0.1, "--schedule", schedule)
    succeed("demo", *options, "-o", tmp_path)
    rates = json.loads((tmp_path / "history.json").read_text())["epochs"]["lr"]
    expected = {
        "linear": [0.1, 0.075, 0.05, 0.025],
        "constant": [0.1] * 4,
        "cosine": [0.1, 0.085355, 0.05, 0.014645],
    }
    assert rates == pytest.approx(expected[schedule], abs=1e-6)


@pytest.mark.parametrize("loss", ["mse", "l1", "smooth_l1", "huber", "bce-with-logits", "Cross_Entropy"])
def test_every_loss_learns(tmp_path: Path, loss: str) -> None:
    options = ("--epochs", 6, "--batch-size", 10, "--lr", 0.3, "--loss", loss)
    said = succeed("demo", *options, "-o", tmp_path)
    error = float(said.split("test   loss")[1].split("error")[1].split("%")[0])
    assert error < 25


@pytest.mark.parametrize("activation", ["relu", "GELU", "leaky_relu", "hardtanh", "rrelu"])
def test_activations_are_found_by_name(tmp_path: Path, activation: str) -> None:
    succeed("demo", "--epochs", 1, "--batch-size", 100, "--activation", activation, "-o", tmp_path)
    assert load(tmp_path / "model.safetensors").facts["activation"] == activation


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--lr", "-1"], "Invalid value for '--lr': expected a number of more than 0, got -1"),
        (["--lr", "nan"], "Invalid value for '--lr': expected a number of more than 0, got nan"),
        (["--architecture", "3,2"], "Invalid value for '--architecture': expected 2 inputs and 2 outputs"),
        (["--architecture", "2,x,2"], "Invalid value for '--architecture': expected sizes of at least 1"),
        (["--architecture", "2,0,2"], "Invalid value for '--architecture': expected sizes of at least 1"),
        (["--activation", "reluu"], "Invalid value for '--activation': expected one of celu, elu, gelu"),
        (["--activation", "softmax"], "Invalid value for '--activation': expected one of celu, elu, gelu"),
        (["--loss", "mce"], "Invalid value for '--loss': expected one of mse, l1"),
        (["--schedule", "up"], "Invalid value for '--schedule': expected one of constant, linear"),
        (["--engine", "steam"], "engine: expected 'auto', 'eager'"),
        (["--epochs", "0"], "Invalid value for '--epochs'"),
        (["--batch-size", "1001"], "Invalid value for '--batch-size'"),
        (["--batch-size", "many"], "Invalid value for '--batch-size'"),
        (["--rounds", "0"], "Invalid value for '--rounds'"),
        (["--seed", "-3"], "Invalid value for '--seed'"),
        (["--colour", "red"], "No such option: --colour"),
    ],
)
def test_what_cannot_be_used_is_refused(tmp_path: Path, options: list[str], message: str) -> None:
    line = refused("demo", *options, "-o", tmp_path / "out")
    assert line.startswith(f"plaingrad demo: {message}")
    assert list(tmp_path.iterdir()) == []


def test_a_training_that_diverges_fails(tmp_path: Path) -> None:
    options = ("--lr", "1e30", "--activation", "relu", "-o", tmp_path / "out")
    assert failed("demo", *options).startswith("plaingrad demo: training diverged in epoch 1")
    assert list(tmp_path.iterdir()) == []


def test_programs_get_json_and_quiet_says_nothing(tmp_path: Path) -> None:
    found = told("demo", "--epochs", 2, "--seed", 5, "-o", tmp_path)
    said = succeed("demo", "--epochs", 2, "--seed", 5, "-o", tmp_path)
    assert f"error {100 * found['test']['error']:.2f} %" in said
    assert found["epochs"] == 2
    rounds = told("demo", "--rounds", 2, "--epochs", 1, "-o", tmp_path)
    assert json.loads((tmp_path / "rounds.json").read_text()) == {
        k: v for k, v in rounds.items() if k != "output"
    }
    assert succeed("demo", "--epochs", 1, "--quiet", "-o", tmp_path) == ""


def test_a_hundredth_of_the_test_points_is_wrong_at_the_paper_s_setting(tmp_path: Path) -> None:
    found = told("demo", "--rounds", 5, "-o", tmp_path)
    assert found["setting"]["sizes"] == [2, 25, 25, 25, 2]
    assert (found["setting"]["epochs"], found["setting"]["batch_size"]) == (25, 1)
    errors = found["test error in percent"]
    assert errors["median"] <= 1
    assert errors["worst"] <= 1.7
