"""The options of `plaingrad train`, declared once: for the command line, for files and for the search."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Option

from plaingrad.console.options import character, integer, names, number, one_of, output_path, refused, sizes
from plaingrad.errors import InputError
from plaingrad.tables.metric import CLASS_METRICS, NUMBER_METRICS, RANK_METRICS, as_metric

if TYPE_CHECKING:
    from plaingrad.tables.reading.options import ReadOptions

# What a training writes into its folder, and --tune besides.
MODEL = "model.safetensors"
FILES = (MODEL, "report.html", "report.json", "history.json")
STUDY = "search.db"
FORMATS = ("csv", "tsv", "parquet", "arrow", "jsonl", "npz")
# As plaingrad.estimators has them; named here because the help must not wait for torch.
ACTIVATIONS = (
    "relu", "leakyrelu", "prelu", "rrelu", "elu", "selu", "celu", "gelu", "silu", "mish", "hardswish",
    "softplus", "tanh", "hardtanh", "sigmoid", "hardsigmoid", "logsigmoid", "softsign", "tanhshrink",
    "softshrink", "hardshrink", "relu6", "identity", "logistic",
)  # fmt: skip
TASKS = ("auto", "classification", "ordinal", "regression")
TRANSFORMS = ("auto", "none", "log")
OPTIMIZERS = ("adam", "adamw", "sgd", "rmsprop", "adagrad")
SCHEDULES = ("constant", "cosine", "linear", "one_cycle", "invscaling", "adaptive")
LOSSES = ("auto", "log_loss", "squared_error", "absolute_error", "huber", "quantile", "poisson")

WIDEST = 20  # characters of the names that fit beside an option
MOST_NAMES = 7

TABLE, PARTS, NETWORK, TRAINING, SEARCH = "Table", "Parts", "Network", "Training", "Search"


def encoding(text: Any) -> str:
    """An encoding of text that Python knows."""
    if text != "utf-8":  # the default shall not wait for the libraries
        from plaingrad.tables.reading.encoding import canonical

        if canonical(text) is None:
            raise refused(f"expected an encoding that Python knows, such as cp1252, got {text!r}")
    return str(text)


def _option(
    panel: str, help: str, parser: Any = None, metavar: str | None = None, *names: str, **more: Any
) -> Any:
    return Option(*names, help=help, parser=parser, metavar=metavar, rich_help_panel=panel, **more)


def _automatic(panel: str, help: str, *bounds: int) -> Any:
    return _option(panel, help, integer(*bounds, word="auto"), "INTEGER|auto", show_default="auto")


def _choice(panel: str, help: str, names: tuple[str, ...]) -> Any:
    # Few names are shown in the help, longer ones where they can be broken; the shell completes all of them.
    metavar = "|".join(names)
    if len(metavar) > WIDEST:
        metavar = "NAME"
        help += f" One of {', '.join(names)}." if len(names) <= MOST_NAMES else ""
    return _option(panel, help, one_of(*names), metavar, autocompletion=lambda: list(names))


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The options of `plaingrad train`; the help of each is its documentation."""

    target: Annotated[str, _option(TABLE, "Column to predict.", None, "COLUMN")]
    output: Annotated[
        Path | None,
        _option(
            TABLE, "Folder for what is made; out/DATA by default.", output_path, "FOLDER", "--output", "-o"
        ),
    ] = None
    task: Annotated[
        str,
        _choice(TABLE, "What kind of target it is; auto looks.", TASKS),
    ] = "auto"
    order: Annotated[
        tuple,
        _option(
            TABLE,
            "Classes from the lowest to the highest, for --task ordinal.",
            names,
            "A,B,C",
            show_default=False,
        ),
    ] = ()
    target_transform: Annotated[
        str,
        _choice(TABLE, "Scale that numbers are learned on; auto tries log if they are skewed.", TRANSFORMS),
    ] = "auto"
    ignore: Annotated[list[str], _option(TABLE, "Column to leave out; may be repeated.", None, "COLUMN")] = ()  # type: ignore[assignment]
    weight: Annotated[
        str | None,
        _option(TABLE, "Column that tells how much each row counts in training.", None, "COLUMN"),
    ] = None
    format: Annotated[str | None, _choice(TABLE, "Of the files; by default their suffix tells.", FORMATS)] = (
        None
    )
    separator: Annotated[
        str | None,
        _option(TABLE, "What stands between two fields; by default found.", character, "CHARACTER"),
    ] = None
    encoding: Annotated[
        str, _option(TABLE, "Of the files, if they are text, such as cp1252.", encoding, "NAME")
    ] = "utf-8"
    header: Annotated[
        bool | None,
        _option(
            TABLE,
            "Whether the first line names the columns; without, they are column_1, column_2, ...",
            None,
            None,
            "--header/--no-header",
        ),
    ] = None
    columns: Annotated[
        Path | None,
        _option(
            TABLE, "TOML file with the meaning of some columns; plaingrad columns writes one.", None, "FILE"
        ),
    ] = None
    infinite_as_missing: Annotated[
        bool, _option(TABLE, "Take infinite numbers for missing ones.", None, None, "--infinite-as-missing")
    ] = False
    max_levels: Annotated[
        Any,
        _automatic(
            TABLE,
            "Levels of a category that get a feature of their own; by the number of rows if auto.",
            1,
            10_000,
        ),
    ] = None
    bins: Annotated[
        Any,
        _automatic(
            TABLE,
            "Intervals of a number that get a feature each, at most; by the size of the table if auto.",
            0,
            1000,
        ),
    ] = None

    test_size: Annotated[
        float,
        _option(
            PARTS,
            "Fraction of the rows held out for the report.",
            number(0, 1, above=True, below=True),
            "FRACTION",
        ),
    ] = 0.2
    test: Annotated[
        Path | None, _option(PARTS, "Table to report on instead, of the same columns.", None, "FILE")
    ] = None
    validation_size: Annotated[
        float,
        _option(
            PARTS,
            "Fraction of the rest that tells when to stop.",
            number(0, 1, above=True, below=True),
            "FRACTION",
        ),
    ] = 0.2
    validation: Annotated[
        Path | None, _option(PARTS, "Table that tells when to stop instead.", None, "FILE")
    ] = None
    cv: Annotated[
        int | None,
        _option(
            PARTS,
            "Report by cross-validation over all rows, then train on all that do not tell when to stop.",
            integer(2, 100),
            "FOLDS",
        ),
    ] = None
    group: Annotated[
        str | None,
        _option(
            PARTS,
            "Column of what has several rows, such as a patient: no group is in two parts.",
            None,
            "COLUMN",
        ),
    ] = None
    time: Annotated[
        str | None,
        _option(
            PARTS,
            "Column of dates or numbers: the newest rows are held out, not some drawn at random.",
            None,
            "COLUMN",
        ),
    ] = None
    importance: Annotated[
        bool,
        _option(PARTS, "Report which columns matter, by shuffling each among rows held out."),
    ] = True
    baselines: Annotated[
        bool,
        _option(PARTS, "Compare with boosted trees too; a dummy and a linear model cost next to nothing."),
    ] = True
    report: Annotated[
        bool,
        _option(PARTS, "Write report.html; without it there is no importance and no boosting either."),
    ] = True
    gradient_importance: Annotated[
        bool,
        _option(PARTS, "Report besides how predictions depend on each column, by gradients on these rows."),
    ] = False

    hidden: Annotated[
        tuple,
        _option(NETWORK, "Sizes of the hidden layers; '' for none.", sizes, "SIZES", show_default="64,64"),
    ] = (64, 64)
    embedding: Annotated[
        bool,
        _option(NETWORK, "Learn a vector for each level of a category, in place of a feature each."),
    ] = False
    activation: Annotated[
        str, _choice(NETWORK, "Between the layers: relu, gelu, silu, tanh...", ACTIVATIONS)
    ] = "relu"
    dropout: Annotated[
        float, _option(NETWORK, "Probability to drop a hidden value.", number(0, 1, below=True), "FRACTION")
    ] = 0.2
    normalization: Annotated[str, _choice(NETWORK, "Before each activation.", ("none", "batch", "layer"))] = (
        "none"
    )
    models: Annotated[
        Any,
        _automatic(
            NETWORK, "Networks to train side by side and average; by the size of the table if auto.", 1, 1000
        ),
    ] = None

    optimizer: Annotated[str, _choice(TRAINING, "Update rule.", OPTIMIZERS)] = "adam"
    lr: Annotated[
        float, _option(TRAINING, "Learning rate at the start.", number(0, above=True), "NUMBER")
    ] = 1e-3
    schedule: Annotated[
        str, _choice(TRAINING, "How it changes; invscaling and adaptive with sgd alone.", SCHEDULES)
    ] = "constant"
    weight_decay: Annotated[
        float, _option(TRAINING, "Penalty on large weights (scikit-learn's alpha).", number(0), "NUMBER")
    ] = 1e-4
    clip_norm: Annotated[
        float | None,
        _option(TRAINING, "Norm that gradients are clipped to.", number(0, above=True), "NUMBER"),
    ] = None
    epochs: Annotated[
        int, _option(TRAINING, "How often to visit all the data, at most.", integer(1, 10**7), "INTEGER")
    ] = 200
    batch_size: Annotated[
        Any,
        _automatic(TRAINING, "Samples per step; by the number of rows if auto.", 1),
    ] = None
    loss: Annotated[
        str, _choice(TRAINING, "auto: log_loss for classes, squared_error for numbers.", LOSSES)
    ] = "auto"
    quantile: Annotated[
        float,
        _option(TRAINING, "That --loss quantile aims at.", number(0, 1, above=True, below=True), "FRACTION"),
    ] = 0.5
    label_smoothing: Annotated[
        float,
        _option(TRAINING, "Share of a label spread over the classes.", number(0, 1, below=True), "FRACTION"),
    ] = 0.0
    class_weight: Annotated[
        list[str], _option(TRAINING, "balanced, or CLASS=WEIGHT; may be repeated.", None, "WEIGHT")
    ] = ()  # type: ignore[assignment]
    metric: Annotated[
        str | None,
        _option(
            TRAINING,
            "That ends training, tunes, and sets the threshold between two classes, instead of the loss: "
            "accuracy, balanced_accuracy, f1, mcc, cost=FP:FN, log_loss, roc_auc, average_precision; "
            "r2, rmse, mae.",
            as_metric,
            "NAME",
            autocompletion=lambda: [*CLASS_METRICS, *RANK_METRICS, *NUMBER_METRICS],
        ),
    ] = None
    patience: Annotated[
        int,
        _option(
            TRAINING,
            "Epochs to wait for a better validation loss; 0: no end, no validation.",
            integer(0),
            "INTEGER",
        ),
    ] = 20
    max_time: Annotated[
        float | None,
        _option(TRAINING, "Seconds after which to end a training.", number(0, above=True), "SECONDS"),
    ] = None
    seed: Annotated[
        int, _option(TRAINING, "Of splits, weights, order and search.", integer(0, 2**32 - 1), "INTEGER")
    ] = 0
    engine: Annotated[
        str, _choice(TRAINING, "auto takes what is done first.", ("auto", "eager", "native"))
    ] = "auto"

    tune: Annotated[
        int | None,
        _option(
            SEARCH,
            "Search so many settings first, with all that run this command; goes on where it was left.",
            integer(1, 100_000),
            "TRIALS",
        ),
    ] = None
    storage: Annotated[
        str | None,
        _option(
            SEARCH,
            "Database of the search, as postgresql+psycopg://HOST/NAME; a file in the folder by default.",
            None,
            "URL",
        ),
    ] = None

    def expect_sound(self) -> None:
        """Refuse what options say against each other."""
        if self.target in self.ignore:
            raise InputError(f"the target {self.target!r} cannot be ignored")
        for option in ("weight", "group", "time"):
            if getattr(self, option) == self.target:
                raise InputError(f"expected another column than the target {self.target!r}", argument=option)
        self._expect_one_split()
        if self.storage is not None and self.tune is None:
            raise InputError("expected --tune with it", argument="storage")
        if self.cv is not None and (self.test is not None or self.validation is not None):
            raise InputError("expected neither --test nor --validation with it", argument="cv")
        if self.cv is not None and self.tune is not None:
            problem = "expected no --cv with it: the search judges settings by the validation rows"
            raise InputError(problem, argument="tune")
        if self.schedule in ("invscaling", "adaptive") and self.optimizer != "sgd":
            problem = f"expected --optimizer sgd with {self.schedule}, got {self.optimizer}"
            raise InputError(problem, argument="schedule")
        if self.patience == 0 and self.metric is not None:
            problem = "expected none with --patience 0, which leaves no validation rows to measure it on"
            raise InputError(problem, argument="metric")
        if self.gradient_importance and self.embedding:
            problem = "expected no --embedding with it: a vector's category has no gradient"
            raise InputError(problem, argument="gradient_importance")
        if self.patience == 0 and (self.validation is not None or self.tune is not None):
            option = "--validation" if self.validation is not None else "--tune"
            raise InputError(f"expected at least 1 with {option}, got 0", argument="patience")

    @property
    def reading(self) -> ReadOptions:
        """The options that say how the files are to be read."""
        from plaingrad.tables.reading.options import ReadOptions  # not for the help, which must not wait

        return ReadOptions(self.format, self.separator, self.encoding, self.header)

    def _expect_one_split(self) -> None:
        """Refuse two ways to hold out rows, and one where no rows are held out."""
        splitting = [option for option in ("group", "time") if getattr(self, option) is not None]
        if len(splitting) > 1:
            raise InputError("expected no --group with it", argument="time")
        ending = self.patience == 0 or self.validation is not None
        if splitting and self.test is not None and ending:
            stopping = "--patience 0" if self.validation is None else "--validation"
            problem = f"expected not both --test and {stopping} with it, which leave nothing to split"
            raise InputError(problem, argument=splitting[0])

    def chosen(self) -> dict[str, Any]:
        """The values that differ from the defaults, by option."""
        return {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if getattr(self, field.name) != field.default
        }
