"""A run as one page."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import torch
from matplotlib.image import imread
from torch import Tensor

import plaingrad
from plaingrad import nn, optim
from plaingrad.data import Dataset, disc
from plaingrad.errors import InputError
from plaingrad.inspect import Health, health, record, report
from plaingrad.train import History

Run = tuple[History, Health, Dataset]


@pytest.fixture(scope="module")
def run() -> Run:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 2))
    data, monitor, loss = disc(60, seed=0), Health(), nn.CrossEntropyLoss()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    history = plaingrad.fit(
        model, data, loss=loss, optimizer=optimizer, epochs=3, batch_size=20, seed=0, validation=data,
        metrics=["accuracy"], callbacks=[monitor], progress=False, engine="eager",
    )  # fmt: skip
    return history, monitor, data


def headings(page: str) -> list[str]:
    return re.findall("<h2>(.*?)</h2>", page)


def test_a_run_is_one_page_that_needs_nothing_else(run: Run, tmp_path: Path) -> None:
    history, monitor, _ = run
    path = report(history, tmp_path / "run.html", health=monitor, settings={"pupils": "<12>"}, title="R & D")
    page = path.read_text(encoding="utf-8")
    assert [each.name for each in tmp_path.iterdir()] == ["run.html"]
    assert headings(page) == [
        "Findings", "Curves", "Decision boundary", "Confusion", "Network", "Layers",
        "Gradients and units by epoch", "Activations and gradients", "Settings", "Versions",
    ]  # fmt: skip
    assert not re.findall(r"(?:src|href)=\"(?!data:|#)|url\((?!#)|@import|<script|<link", page)
    names = set(re.findall(r"\shttps?://[^\s\"]*|\"https?://[^\"]*", page))
    assert all("www.w3.org" in name for name in names)  # of namespaces, which nothing fetches
    assert page.count("<svg") == 2 + 1 + 3 + 3  # curves, boundary, by epoch, layers
    assert "<title>R &amp; D</title>" in page
    assert "<td>pupils</td><td>&lt;12&gt;</td>" in page
    assert re.search(r"<td>optimizer</td><td>SGD\(lr=0.1, ", page)
    assert plaingrad.__version__ in page


def test_the_table_of_classes_counts_the_predictions(run: Run, tmp_path: Path) -> None:
    history, monitor, data = run
    for judged in (data, data.one_hot()):
        page = report(history, tmp_path / "run.html", health=monitor, data=judged).read_text()
        table = page[page.index('<table class="confusion">') :].partition("</table>")[0]
        counts = [0 if cell == "·" else int(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", table)]
        right = round(history["accuracy"][-1] * len(data))
        assert sum(counts) == len(data)
        assert counts[0] + counts[3] == right


Targets = Callable[[Tensor], Tensor]
BINARY: dict[str, tuple[nn.Loss, list[nn.Module], float, Targets]] = {
    "logits": (nn.BCEWithLogitsLoss(), [], 0.0, lambda t: t.float()[:, None]),
    "probabilities": (nn.BCELoss(), [nn.Sigmoid()], 0.5, lambda t: t.float()[:, None]),
    "numbers": (nn.MSELoss(), [nn.Flatten(0)], 0.5, lambda t: t.float()),
    "signs": (nn.SoftMarginLoss(), [], 0.0, lambda t: 2 * t[:, None] - 1),
    "signs as numbers": (nn.MSELoss(), [nn.Tanh()], 0.0, lambda t: 2 * t.float()[:, None] - 1),
}


@pytest.mark.parametrize("of_run", [True, False])
@pytest.mark.parametrize("kind", BINARY)
def test_a_single_output_decides_between_two_classes(kind: str, of_run: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    loss, last, threshold, targets = BINARY[kind]
    inputs, classes = torch.rand(30, 2) - 0.3, torch.arange(30) % 2
    model = nn.Sequential(nn.Linear(2, 1), *last)
    model[0].weight.value.fill_(1.0)
    predicted = model(inputs).reshape(-1) > threshold
    assert 0 < predicted.sum() < 30
    data, monitor = (inputs, targets(classes)), Health()
    if of_run:
        history = plaingrad.fit(
            model, data, loss=loss, optimizer=optim.SGD(model.parameters(), lr=1e-9), epochs=1,
            batch_size=30, callbacks=[monitor], progress=False, engine="eager",
        )  # fmt: skip
        page = report(history, tmp_path / "run.html", health=monitor).read_text()
    else:
        step = record(model, *data, loss=loss)
        page = report(History(), tmp_path / "run.html", record=step, model=model, data=data).read_text()
    table = page[page.index('<table class="confusion">') :].partition("</table>")[0]
    counts = [0 if cell == "·" else int(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", table)]
    right = int((predicted == classes).sum())
    assert counts == [int(((classes == t) & (predicted == p)).sum()) for t in (0, 1) for p in (0, 1)]
    assert counts[0] + counts[3] == right
    assert re.findall(r"<tr><th>(.*?)</th>\s*<td", table) == (["-1", "1"] if "signs" in kind else ["0", "1"])
    assert "Decision boundary" in headings(page)


def test_misclassified_images_of_a_single_output(tmp_path: Path) -> None:
    inputs = torch.rand(4, 6, 8) + torch.tensor([-1.0, 0, -1, 0])[:, None, None]
    model = nn.Sequential(nn.Flatten(), nn.Linear(48, 1))
    model[1].weight.value.fill_(1.0)
    data = Dataset(inputs, torch.tensor([[0.0], [1], [1], [1]]), class_names=["dark", "bright"])
    page = report(History(), tmp_path / "run.html", model=model, data=data).read_text()
    assert re.findall(r"base64,.*?<figcaption>(.*?)</figcaption>", page) == ["bright, predicted dark"]


def test_findings_are_listed(run: Run, tmp_path: Path) -> None:
    history, _, data = run
    model = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 2))
    model[0].bias.value.fill_(-100)
    step = record(model, data.inputs, data.targets, loss=nn.CrossEntropyLoss())
    diagnosis = health(step)
    page = report(history, tmp_path / "run.html", health=diagnosis).read_text()
    assert page.count("<li>") == len(diagnosis) > 0
    assert "Sequential[1] ReLU(): 100 % of its 8 units are dead" in page


def test_a_history_alone_has_its_curves(run: Run, tmp_path: Path) -> None:
    page = report(run[0], tmp_path / "run.html").read_text()
    assert headings(page) == ["Curves", "Settings", "Versions"]
    assert headings(report(History(), tmp_path / "run.html").read_text()) == headings(page)


def test_a_record_is_shown_with_its_layers(run: Run, tmp_path: Path) -> None:
    history, monitor, data = run
    step = record(monitor.run.model, data.inputs, data.targets, loss=nn.CrossEntropyLoss())
    page = report(history, tmp_path / "run.html", record=step).read_text()
    assert headings(page) == [
        "Curves",
        "Layers",
        "Activations and gradients",
        "One step, forward and backward",
        "One step, call by call",
        "Settings",
        "Versions",
    ]
    assert step.to_html() in page


@pytest.mark.parametrize("shape", [(6, 8), (1, 6, 8), (3, 6, 8)])
def test_misclassified_samples_are_images(run: Run, tmp_path: Path, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    inputs = torch.rand(10, *shape)
    model = nn.Sequential(nn.Flatten(), nn.Linear(inputs[0].numel(), 3))
    predicted = model.forward(inputs).argmax(1)
    truth = torch.where(torch.arange(10) < 4, (predicted + 1) % 3, predicted)
    data = Dataset(inputs, truth, class_names=["a", "b", "c"])
    page = report(run[0], tmp_path / "run.html", model=model, data=data).read_text()
    images = re.findall(r"base64,([^\"]*)\".*?<figcaption>(.*?)</figcaption>", page)
    assert [caption for _, caption in images] == [
        f"{'abc'[truth[i]]}, predicted {'abc'[predicted[i]]}" for i in range(4)
    ]
    drawn = torch.from_numpy(imread(BytesIO(base64.b64decode(images[2][0]))))[..., :3]
    low, high = inputs.min(), inputs.max()
    pixels = ((inputs[2] - low) / (high - low)).reshape(-1, 6, 8).movedim(0, -1).expand(6, 8, 3)
    torch.testing.assert_close(drawn, pixels, atol=1 / 200, rtol=0)


def test_numbers_have_no_table_of_classes(run: Run, tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(2, 1))
    page = report(
        run[0], tmp_path / "run.html", model=model, data=(torch.randn(9, 2), torch.randn(9, 1))
    ).read_text()
    assert headings(page) == ["Curves", "Network", "Settings", "Versions"]


def test_a_page_that_cannot_be_finished_leaves_the_old_one(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.html"
    path.write_text("old")

    def fail(file: Path, *_: Any, **__: Any) -> None:
        file.write_bytes(b"half")
        raise OSError("full")

    monkeypatch.setattr(Path, "write_text", fail)
    with pytest.raises(OSError, match="full"):
        report(run[0], path)
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("history", "what plaingrad.fit returns"),
        ("path", "the path of a file"),
        ("health", "a Health callback or what inspect.health returns"),
        ("record", "what inspect.record returns"),
        ("model", "a plaingrad Module"),
    ],
)
def test_arguments_of_another_kind_are_refused(name: str, expected: str, tmp_path: Path) -> None:
    arguments = {"history": History(), "path": tmp_path / "run.html", name: [1]}
    with pytest.raises(InputError, match=rf"^{name}: expected {expected}, got \[1\]$"):
        report(**arguments)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_the_page_changes_nothing_of_the_network(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Sigmoid())
    data = (torch.randn(9, 2), torch.tensor([0, 1, 0] * 3))
    report(History(), tmp_path / "run.html", model=model, data=data)
    assert not any(parameter.has_grad for parameter in model.parameters())
    assert model.training
