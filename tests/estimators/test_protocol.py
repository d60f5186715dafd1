"""scikit-learn's own callbacks."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.callback import ScoringMonitor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from estimators.data import classes, numbers
from plaingrad.estimators import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class Recorder:
    """Notes which hooks were called; ends training after so many epochs."""

    def __init__(self, epochs: int = 1000, fails: bool = False) -> None:
        self.calls: list[str] = []
        self.scores: list[float] = []
        self.epochs, self.fails = epochs, fails

    def setup(self, estimator: Any, context: Any) -> None:
        self.calls.append("setup")

    def teardown(self, estimator: Any, context: Any) -> None:
        self.calls.append("teardown")

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        self.calls.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator: Any, context: Any, *, X: Any, y: Any, fitted_estimator: Any) -> bool:
        if self.fails:
            raise ValueError("no more")
        self.calls.append(f"end {context.task_name}")
        self.scores.append(fitted_estimator.score(X, y))
        return len(self.scores) >= self.epochs


def test_each_epoch_is_a_task_with_an_estimator_that_predicts() -> None:
    x, y = classes("multiclass")
    recorder = Recorder()
    model = MLPClassifier(max_iter=3, random_state=0).set_callbacks(recorder).fit(x, y)
    epochs = [f"{hook} epoch {i}" for i in (1, 2, 3) for hook in ("begin", "end")]
    assert recorder.calls == ["setup", "begin fit", *epochs, "end fit", "teardown"]
    assert recorder.scores[-1] == model.score(x, y)
    assert recorder.scores[0] != recorder.scores[-1]


def test_a_callback_may_end_training() -> None:
    recorder = Recorder(epochs=2)
    model = MLPRegressor(random_state=0).set_callbacks(recorder).fit(*numbers("one"))
    assert model.n_iter_ == 2
    assert recorder.calls[-1] == "teardown"


def test_a_callback_that_fails_is_torn_down() -> None:
    recorder = Recorder(fails=True)
    with pytest.raises(ValueError, match="no more"):
        MLPRegressor(random_state=0).set_callbacks(recorder).fit(*numbers("one"))
    assert recorder.calls == ["setup", "begin fit", "begin epoch 1", "teardown"]


def test_a_monitor_of_scikit_learn_works_in_a_pipeline() -> None:
    x, y = classes("binary")
    monitor = ScoringMonitor(scoring="accuracy")
    network = MLPClassifier(max_iter=4, random_state=0).set_callbacks(monitor)
    pipeline = make_pipeline(StandardScaler(), network).fit(x, y)
    frame = monitor.get_logs().data_as_pandas
    network_rows = frame[frame["task_name"].str.startswith("epoch")]
    assert list(network_rows["task_name"]) == [f"epoch {i}" for i in (1, 2, 3, 4)]
    assert network_rows["accuracy"].iloc[-1] == pipeline.score(x, y)


@pytest.mark.parametrize("options", [{"solver": "lbfgs"}, {"n_models": 2}])
def test_a_training_without_epochs_to_tell_of_is_one_task(options: dict[str, Any]) -> None:
    class Plain(Recorder):
        def on_fit_task_end(self, estimator: Any, context: Any) -> None:  # type: ignore[override]
            self.calls.append("end")

    recorder = Plain()
    MLPClassifier(max_iter=3, **options).set_callbacks(recorder).fit(*classes("binary"))
    assert recorder.calls == ["setup", "begin fit", "end", "teardown"]
