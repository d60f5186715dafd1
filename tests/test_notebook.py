"""What objects show of themselves in a notebook."""

from __future__ import annotations

import re
import sys
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from plaingrad import Parameter, data, fit, nn, optim
from plaingrad.console.notebook import NotebookProgress, in_notebook
from plaingrad.contract.html import escaped, html_table
from plaingrad.data import Dataset
from plaingrad.drawing import new_figure
from plaingrad.inspect import check_gradients, health, record
from plaingrad.train import History


class Shell:
    """IPython as a kernel has it, with what was displayed and updated."""

    kernel = None

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.updates = 0

    def display(self, bundle: dict[str, str], **options: Any) -> Shell:
        assert options == {"raw": True, "display_id": True}
        self.shown.append(bundle["text/plain"])
        return self

    def update(self, bundle: dict[str, str], raw: bool) -> None:
        assert raw
        self.updates += 1
        self.shown[-1] = bundle["text/plain"]


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Shell:
    shell = Shell()
    ipython = SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=shell.display))
    return shell


def test_a_picture_is_a_png_of_the_size_that_is_shown() -> None:
    figure, _ = new_figure("title", (4, 2))
    image, size = figure._repr_png_()
    assert image.startswith(b"\x89PNG")
    assert size == {"width": 384, "height": 192}


def test_a_kernel_is_told_from_a_terminal(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    assert in_notebook()
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None))
    assert not in_notebook()
    monkeypatch.delitem(sys.modules, "IPython")
    assert not in_notebook()


def trained(progress: bool) -> History:
    model = nn.Linear(2, 1)
    return fit(
        model,
        (torch.randn(8, 2), torch.randn(8, 1)),
        loss=nn.MSELoss(),
        optimizer=optim.SGD(model.parameters(), lr=0.1),
        epochs=5,
        batch_size=4,
        engine="eager",
        progress=progress,
    )


def test_fit_updates_one_line(shell: Shell) -> None:
    history = trained(progress=True)
    (line,) = shell.shown
    assert re.fullmatch(rf"epoch 5/5  0:\d\d  loss {history.loss[-1]:.4g}", line)
    assert shell.updates >= 1


def test_fit_is_silent_where_it_is_asked_to(shell: Shell) -> None:
    trained(progress=False)
    assert shell.shown == []


def test_the_line_has_a_bar(shell: Shell) -> None:
    progress = NotebookProgress("epoch")
    task = progress.add_task("", total=4)
    progress.update(task, completed=1, description="loss <1>")
    assert 'epoch 1/4&ensp;<progress value="1" max="4"></progress>' in progress.bundle()["text/html"]
    assert "loss &lt;1&gt;" in progress.bundle()["text/html"]
    progress.update(task, completed=2)
    assert len(shell.shown) == 1
    assert shell.updates == 0
    progress.stop()
    assert "2/4" in shell.shown[0]


def test_a_history_is_one_line_and_a_curve() -> None:
    history = History({"loss": [2.0, 1.0], "val_loss": [3.0, 2.0]}, 4, 0.5, "eager", "", "all 2 epochs done")
    text = "History(2 epochs: loss 1, val_loss 2; all 2 epochs done; eager, 0.5 s)"
    assert repr(history) == text
    assert text in history._repr_html_()
    assert history._repr_html_().count("<polyline") == 2
    assert repr(History()) == "History(0 epochs)"
    assert "<svg" not in History()._repr_html_()
    assert "<svg" not in History({"loss": [float("nan")] * 3})._repr_html_()


def test_a_curve_falls_where_the_loss_does() -> None:
    points = re.search(r'points="([^"]+)"', History({"loss": [100.0, 10.0, 1.0]})._repr_html_())
    assert points is not None
    heights = [float(point.split(",")[1]) for point in points[1].split()]
    assert heights == [3.0, 24.0, 45.0]  # logarithmic, downwards


def test_a_data_set_says_sizes_dtypes_and_names() -> None:
    points = data.moons(20, seed=0)
    assert repr(points) == "Dataset(20 samples: inputs (20, 2) float32, targets (20,) int64, 2 classes)"
    several = Dataset((torch.zeros(3, 1), torch.zeros(3, 2)), {"a": torch.zeros(3)}, ["<x>"])
    html = several._repr_html_()
    assert "Dataset of 3 samples" in html
    assert "inputs[1]" in html
    assert "targets[&#x27;a&#x27;]" in html
    assert "&lt;x&gt;" in html


def test_a_module_is_a_table_of_its_layers() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.Tanh(), nn.Linear(3, 1)))
    html = model._repr_html_()
    assert "Linear(2, 3)" in html
    assert "1.1" in html
    assert '<td class="number">13</td>' in html
    assert "(5, 3)" not in html
    model(torch.zeros(5, 2))
    assert "(5, 3)" in model._repr_html_()
    assert "(5, 1)" in model._repr_html_()


def test_the_shapes_stay_after_backward_and_without_saving() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.GELU())
    model.eval()(torch.zeros(4, 2))
    assert model._repr_html_().count("(4, 3)") == 3
    model.train()(torch.zeros(6, 2))
    assert model._repr_html_().count("(6, 3)") == 3
    model.backward(torch.zeros(6, 3))
    assert model._repr_html_().count("(4, 3)") == 3


@pytest.mark.parametrize("engine", ["eager", "native"])
def test_a_trained_module_has_its_shapes(engine: Any) -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 2))
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    fit(
        model, data.moons(20, seed=0), loss=nn.CrossEntropyLoss(), optimizer=optimizer, epochs=1,
        batch_size=5, engine=engine, progress=False,
    )  # fmt: skip
    assert len(re.findall(r">\(\d+, 3\)<", model._repr_html_())) == 2


def test_a_module_without_shapes_yet_has_a_table() -> None:
    assert "LazyLinear(3)" in nn.LazyLinear(3)._repr_html_()


def test_a_parameter_shows_its_numbers_and_no_gradient_is_noted() -> None:
    parameter = Parameter(torch.tensor([3.0, -4.0]))
    html = parameter._repr_html_()
    assert html is not None
    assert "<tr><th>value</th><td>5</td><td>-4</td><td>3</td></tr>" in html
    assert not parameter.has_grad
    assert Parameter.unshaped()._repr_html_() is None


def test_cells_are_escaped_and_numbers_have_commas() -> None:
    html = html_table("a&b", ("<i>",), [("x", 12345)], total=("all", 1))
    assert "<caption>a&amp;b</caption>" in html
    assert "<th>&lt;i&gt;</th>" in html
    assert '<td class="number">12,345</td>' in html
    assert '<tr class="total"><td>all</td>' in html


def test_columns_of_numbers_stand_at_the_right() -> None:
    html = html_table("", ("a", "b"), [("x", "1.5")], kinds=["module"], is_numeric=True)
    assert '<thead><tr><th>a</th><th class="number">b</th></tr></thead>' in html
    assert '<tr class="module"><td>x</td><td class="number">1.5</td></tr>' in html


def test_a_record_a_diagnosis_and_a_check_are_tables_of_one_style() -> None:
    model, x = nn.Sequential(nn.Linear(2, 2)), torch.randn(4, 2)
    step = record(model, x, x, loss=nn.MSELoss())
    for shown in (step, health(step), check_gradients(model, x)):
        html = shown._repr_html_()
        assert html_table("", (), []).partition("<table")[0] in html
        assert html.count("<table") == html.count('<table class="plaingrad">') == 1


def test_a_check_shows_what_is_wrong_and_why() -> None:
    class Negative(nn.Tanh):
        """With a sign that is turned, <b>on purpose</b>."""

        def backward(self, dy: torch.Tensor) -> torch.Tensor:
            return -super().backward(dy)

    report = check_gradients(Negative(), torch.randn(3, 2))
    html = report._repr_html_()
    assert f"<li><b>wrong</b> {escaped(report.findings[0].problem)}<ul>" in html
    assert "<li>likely <b>wrong-sign</b>: " in html
    assert html.endswith("<p><b>wrong gradients</b></p>")
    assert '<td class="number">wrong</td>' in html
