"""The tables of a report, as rows of text: the same on the terminal and on the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from plaingrad.console.output import duration, plural
from plaingrad.tables.metric import name_of_metric
from plaingrad.tables.report.intervals import REPLICATES
from plaingrad.tables.report.names import HEADS, NAMES, ends, number, sign_of
from plaingrad.tables.report.scale import scale_rows
from plaingrad.tables.report.verdict import verdict

FEW_ROWS = 50  # of which an interval by drawing again is too narrow
MOST_COLUMNS = 40
MOST_CLASSES = 40
MOST_TRIALS = 10
WEIGHTED = (
    "predictions follow them, probabilities are those of the classes as they occur in the data, so that a "
    "prediction need not be the most probable class"
)
SHORT = {
    "activation": "act.",
    "normalization": "norm",
    "weight_decay": "weight decay",
    "batch_size": "batch size",
}

NUMBERS = ("dropout", "lr", "weight_decay", "batch_size")  # of a setting

Data = Mapping[str, Any]


@dataclass(frozen=True)
class Grid:
    """A table of texts.

    Attributes:
        title: stands above.
        head: of the columns.
        rows: as many texts in each.
        numbers: which columns hold numbers, which stand at the right.
        note: stands below.
    """

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: Sequence[int] = ()
    note: str = ""
    bars: Mapping[int, Sequence[float]] = field(default_factory=dict)


def columns_grid(columns: Sequence[Data], most: int = MOST_COLUMNS) -> Grid:
    """The encoding of each column, or of the first so many."""
    rows = [
        [
            each["name"],
            each["kind"],
            each["done"],
            f"{each['features']:,}",
            f"{each['missing']:,}" if each["missing"] else "",
        ]
        for each in columns[:most]
    ]
    return Grid(
        "Columns",
        ["column", "kind", "what is done", "features", "missing in training"],
        rows,
        (3, 4),
        more(columns, most),
    )


def more(things: Sequence[object], shown: int) -> str:
    """The number of things left out, in words; nothing if none are."""
    return f"{len(things) - shown:,} more are not shown." if len(things) > shown else ""


def scores_grid(test: Data) -> Grid:
    """The network's scores beside those of the baselines."""
    baselines, intervals = test.get("baselines", {}), test.get("intervals", {})
    spread = _spread(test.get("folds", []))
    rows = []
    for key, score in test["scores"].items():
        cells = [number(score) + (f" ± {number(spread[key])}" if key in spread else "")]
        cells += [ends(intervals[key]) if intervals.get(key) else "—"] if intervals else []
        rows.append([NAMES.get(key, key), *cells, *(number(each[key]) for each in baselines.values())])
    head = ["score", "network", *(["95 %"] if intervals else []), *(HEADS[name] for name in baselines)]
    notes = ["± is the standard deviation over the folds."] if spread else []
    notes += verdict(test)
    if intervals:
        few = f" Of {plural(test['rows'], 'row')} they are rough." if test["rows"] < FEW_ROWS else ""
        notes += [f"95 % are intervals by drawing the rows again {REPLICATES:,} times.{few}"]
    for key, models in (("baseline_rows", "Dummy and linear model were"), ("boosting_rows", "Boosting was")):
        if 0 < (test.get(key) or 0) < test.get("training_rows", 0):
            sample = f"{test[key]:,} of {test['training_rows']:,} training rows"
            notes += [f"{models} trained on {sample}, drawn at random."]
    return Grid("Scores", head, rows, range(1, len(head)), " ".join(notes))


def _spread(folds: Sequence[Data]) -> dict[str, float]:
    import statistics

    deviations = {}
    for key in folds[0] if folds else ():
        values = [fold[key] for fold in folds if fold[key] is not None]
        if len(values) > 1:
            deviations[key] = statistics.stdev(values)
    return deviations


def classes_grid(test: Data) -> Grid:
    """Precision, recall and F1 of each class."""
    items = list(test["classes"].items())
    rows = [
        [name, *(number(each[key]) for key in ("precision", "recall", "f1")), f"{each['rows']:,}"]
        for name, each in items[:MOST_CLASSES]
    ]
    return Grid(
        "Classes",
        ["class", "precision", "recall", "F1", "rows"],
        rows,
        range(1, 5),
        more(items, MOST_CLASSES),
    )


def importance_grid(importance: Data, most: int = 15) -> Grid:
    """The columns that matter most."""
    columns = importance["columns"]
    shown = columns[:most]
    largest = max((each["mean"] for each in shown), default=0.0)
    repeats = importance["repeats"]
    spread = [f" ± {number(each['deviation'])}" if repeats > 1 else "" for each in shown]
    rows = [[each["name"], number(each["mean"]) + more] for each, more in zip(shown, spread)]
    lengths = [max(0.0, each["mean"] / largest) if largest > 0 else 0.0 for each in shown]
    sample = plural(importance["rows"], "row")
    if importance["rows"] < importance["of_rows"]:
        sample = f"{importance['rows']:,} of the {plural(importance['of_rows'], 'row')}"
    where = f"on {sample} that the network was not trained on"
    often = "once" if repeats == 1 else f"{repeats} times"
    note = f"The {importance['measure']} when a column is shuffled, {often}, {where}."
    rest = more(columns, most)
    return Grid(
        "Most important columns",
        ["column", importance["measure"]],
        rows,
        (1,),
        f"{note} {rest}".strip(),
        {1: lengths},
    )


def errors_grid(errors: Data) -> Grid:
    """The distribution of the errors of predicted numbers."""
    edges, counts = errors["edges"], errors["counts"]
    largest = max(counts)
    rows = [[f"{low:.4g} to {high:.4g}", f"{count:,}"] for low, high, count in zip(edges, edges[1:], counts)]
    return Grid(
        "Errors (predicted minus true)",
        ["error", "rows"],
        rows,
        (1,),
        "",
        {1: [count / largest for count in counts]},
    )


def search_grid(search: Data) -> Grid:
    """The best settings that a search has met."""
    trials = [
        trial for trial in search["trials"] if trial["value"] is not None and trial["state"] == "complete"
    ]
    measure = name_of_metric(search.get("metric") or "loss")
    sign = -1 if sign_of(measure) > 0 and measure in NAMES else 1
    best = sorted(trials, key=lambda trial: sign * trial["value"])[:MOST_TRIALS]
    names = list(search["best"])
    rows = [
        [
            str(trial["number"] + 1),
            number(trial["value"]),
            *(_setting(trial["settings"].get(name), digits=2) for name in names),
        ]
        for trial in best
    ]
    states = [trial["state"] for trial in search["trials"]]
    note = (
        f"{len(states):,} settings searched: {states.count('complete'):,} trained to the end, "
        f"{states.count('pruned'):,} given up early, {states.count('fail'):,} failed. "
        f"The {measure.replace('_', ' ')} is that of the validation rows."
    )
    return Grid(
        "Search",
        [
            "trial",
            measure.replace("_", " "),
            *(SHORT.get(name, name) for name in names),
        ],  # nine columns, for 80 characters
        rows,
        (0, 1, *(2 + i for i, name in enumerate(names) if name in NUMBERS)),
        note,
    )


def _setting(value: Any, digits: int = 3) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "none"
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value)


def loss_rows(task: str, settings: Data, weights: Mapping[str, float] | None) -> list[list[str]]:
    """The loss of a training, and its weights of the classes.

    Args:
        task: as of a `Target`.
        settings: of the training, of which no more than "loss" need be there.
        weights: by class; None if they counted alike.
    """
    automatic = "squared_error" if task == "regression" else "log_loss"
    loss = automatic if settings["loss"] == "auto" else settings["loss"]
    more = [name for name in ("quantile",) if loss == name] + ["label_smoothing"]
    options = [
        f"{name.replace('_', ' ')} {settings[name]:.3g}" for name in more if _is_set(settings.get(name))
    ]
    rows = [["loss", ", ".join([options[0]] if loss == "quantile" and options else [loss, *options])]]
    if weights is not None:
        each = ", ".join(f"{name}: {weight:.3g}" for name, weight in list(weights.items())[:MOST_CLASSES])
        rows.append(["class weights", f"{each}; {WEIGHTED}"])
    return rows


def _decision_rows(report: Data) -> list[list[str]]:
    decision = report.get("decision")
    if decision is None or decision["threshold"] is None:
        return []
    name = list(report["test"]["classes"])[decision["positive"]]
    chosen = f"chosen by {decision['metric']} on the validation rows, whatever class weights ask for"
    return [["threshold", f"{name} from a probability of {decision['threshold']:.3g} on, {chosen}"]]


def _is_set(value: Any) -> bool:
    return isinstance(value, float) and value != 0


def training_grid(report: Data) -> Grid:
    """The task, the network and its training."""
    network, training, settings = report["network"], report["training"], report["settings"]
    lost = report["rows"].get("without_target", 0)
    counts = ", ".join(
        f"{count:,} {name}" for name, count in report["rows"].items() if name != "without_target"
    )
    kept = f"; kept: epoch {training['best_epoch']}" if training["best_epoch"] else ""
    sizes, parameters = "-".join(map(str, network["architecture"])), f"{network['parameters']:,} parameters"
    many = f" × {network['models']}" if network["models"] > 1 else ""
    options = [
        f"{name.replace('_', ' ')} {_setting(settings[name])}"
        for name in ("dropout", "normalization")
        if settings[name] not in (0, "none")
    ]
    embedded = network["embedded_columns"]
    options += [f"{embedded} column{'s' * (embedded > 1)} embedded"] if embedded else []
    rate = f"learning rate {settings['lr']:.3g} ({settings['schedule']})"
    size = f"batch size {training['batch_size']}"
    weighted = f"by {settings['weight']!r} in training; scores count all rows alike"
    rows = [
        ["task", f"{report['task']}: {report['reason']}"],
        *scale_rows(report.get("target_transform")),
        ["rows", counts + (f"; {lost:,} without target left out" if lost else "")],
        *([["weights", weighted]] if settings["weight"] is not None else []),
        ["network", ", ".join([sizes + many, settings["activation"], *options, parameters])],
        *loss_rows(report["task"], settings, report["class_weights"]),
        *_decision_rows(report),
        ["training", f"{settings['optimizer']}, {rate}, {size}"],
        ["epochs", f"{training['epochs']} ({training['stopped']}{kept})"],
        ["time", f"{duration(training['seconds'])}, {training['engine']} engine"],
        ["seed", str(settings["seed"])],
        ["versions", ", ".join(f"{name} {version}" for name, version in report["versions"].items())],
    ]
    return Grid("How it was made", ["", ""], rows)
