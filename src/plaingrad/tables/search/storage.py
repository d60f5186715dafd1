"""The database of a search: a file in the folder, or any that SQLAlchemy reaches."""

from __future__ import annotations

import errno
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import optuna
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from sqlalchemy import create_engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from plaingrad.console.output import plural
from plaingrad.errors import InputError
from plaingrad.tables.model.encoded import Encoded
from plaingrad.tables.model.monitoring import smaller_is_better
from plaingrad.tables.model.rows import Samples
from plaingrad.tables.search.workers import GRACE, HEARTBEAT
from plaingrad.tables.settings import STUDY, Settings

ATTEMPTS = 8  # to create the tables, which several workers may begin at once
BUSY = 60  # seconds to wait for another worker's lock on the file
ROWS = 65_536  # that are summed at once
# The package of each module that speaks with a database; of another module the name is no package's for sure.
DRIVERS = {
    "MySQLdb": "mysqlclient",
    "oracledb": "oracledb",
    "psycopg": "psycopg[binary]",
    "psycopg2": "psycopg2-binary",
    "pymysql": "pymysql",
    "pyodbc": "pyodbc",
}
# Settings that must be the same for the losses of two searches to be comparable.
SHARED = (
    "optimizer", "schedule", "clip_norm", "epochs", "loss", "quantile", "label_smoothing", "class_weight",
    "patience", "max_time", "seed",
)  # fmt: skip


def expect_usable(settings: Settings) -> None:
    """Refuse a database that cannot be reached, before anything is read or searched.

    Raises:
        InputError: the URL is none, or its driver is not installed.
        OSError: the database cannot be reached.
    """
    if settings.storage is None:
        return
    url = _url(settings.storage)
    try:
        url.get_dialect().import_dbapi()
    except ImportError as error:
        raise _missing_driver(error) from None
    if url.get_backend_name() != "sqlite":  # where a look would create the file
        engine = create_engine(url)
        try:
            with _database_errors(url.render_as_string()):
                engine.connect().close()
        finally:
            engine.dispose()


@contextmanager
def connected(settings: Settings, output: Path) -> Iterator[tuple[RDBStorage, str]]:
    """The storage of a search, and its name for people, without a password.

    Raises:
        InputError: the URL is none, or its driver is not installed.
        OSError: the database cannot be reached, read or written.
    """
    if settings.storage is None:
        url, name = URL.create("sqlite", database=str(output / STUDY)), str(output / STUDY)
    else:
        url = _url(settings.storage)
        name = url.render_as_string()
    is_file = url.get_backend_name() == "sqlite"
    options = {"connect_args": {"timeout": BUSY}} if is_file else {"pool_pre_ping": True}
    with _database_errors(name):
        storage = _storage(url, options)
        try:
            yield storage, name
        finally:
            storage.remove_session()
            storage.engine.dispose()


def _url(text: str) -> URL:
    try:
        url = make_url(text)
        url.get_dialect()
    except (ArgumentError, NoSuchModuleError, ValueError):
        problem = "expected the URL of a database such as postgresql+psycopg://host/name"
        raise InputError(problem, argument="storage") from None
    except ImportError as error:
        raise _missing_driver(error) from None
    return url


def _missing_driver(error: BaseException) -> InputError:
    name = getattr(error, "name", None)
    problem = f"needs the module {name}" if name else "needs its driver"
    hint = f"pip install '{DRIVERS[name]}'" if name in DRIVERS else None
    return InputError(problem, argument="storage", hint=hint)


def _storage(url: URL, options: dict[str, Any]) -> RDBStorage:
    text = url.render_as_string(hide_password=False).replace("{", "{{").replace("}", "}}")
    for attempt in range(ATTEMPTS):
        try:
            return RDBStorage(text, options, heartbeat_interval=HEARTBEAT, grace_period=GRACE)
        except ImportError as error:
            raise _missing_driver(error.__cause__ or error) from None
        except (DBAPIError, StorageInternalError):
            if attempt == ATTEMPTS - 1:
                raise
            time.sleep(random.uniform(0.05, 0.3))
    raise AssertionError


@contextmanager
def _database_errors(name: str) -> Iterator[None]:
    """Raise errors of the database as those of a file."""
    try:
        yield
    except (SQLAlchemyError, StorageInternalError) as error:
        cause = error.__cause__ if isinstance(error, StorageInternalError) else error
        reason = str(getattr(cause, "orig", None) or cause).strip().splitlines()[0]
        full = "full" in reason and "disk" in reason
        raise OSError(errno.ENOSPC if full else errno.EIO, reason, name) from error


def opened(storage: RDBStorage, name: str, encoded: Encoded, settings: Settings, output: Path) -> Any:
    """The study of a search, created if there is none.

    In a file it is the only one; in a database that several searches share it is named by the output folder.

    Args:
        storage: as `connected` yields it.
        name: of the storage, for people.
        encoded: what is trained on, and by what settings are judged.
        settings: that are not searched.
        output: the folder of the model.

    Raises:
        InputError: there is a search of other data or settings.
    """
    direction: Literal["minimize", "maximize"] = "minimize" if smaller_is_better(settings) else "maximize"
    study_name = "plaingrad" if settings.storage is None else f"plaingrad {output.resolve().name}"
    study = optuna.create_study(
        study_name=study_name, storage=storage, direction=direction, load_if_exists=True
    )
    fingerprint: dict[str, Any] = {"settings": _readable(settings), "data": _data(encoded)}
    if other := _difference(study.user_attrs.get("fingerprint", fingerprint), fingerprint):
        problem = f"a search of other data or settings ({other})"
        where = name if settings.storage is None else f"{name}, {study_name!r}"
        raise InputError(problem, file=where, hint="remove it, or choose another folder")
    study.set_user_attr("fingerprint", fingerprint)
    return study


def _difference(before: dict[str, Any], now: dict[str, Any]) -> str | None:
    """The difference between two fingerprints, in words; None if they are alike."""
    try:
        for name, value in now["settings"].items():
            if before["settings"][name] != value:
                return f"{name} {value}, was {before['settings'][name]}"
        for name, part in now["data"].items():
            was = before["data"][name]
            if was["shape"] != part["shape"]:
                return f"{name} {part['shape']}, were {was['shape']}"
            for kind, total in part["sums"].items():
                if not np.allclose(was["sums"][kind], total, rtol=1e-6, atol=0.01):
                    return f"other {kind} of {name}"
    except (KeyError, TypeError):
        return "of another version"
    return None


def _readable(settings: Settings) -> dict[str, str]:
    """The settings that must be the same, as text."""
    return {name: str(getattr(settings, name)) for name in (*SHARED, "metric")}


def _data(encoded: Encoded) -> dict[str, Any]:
    """Numbers that stay within rounding from machine to machine, and differ if the data do."""
    parts = {"rows for training": encoded.train, "rows for validation": encoded.validation}
    return {name: {"shape": _shape(part), "sums": _sums(part)} for name, part in parts.items()}


def _shape(part: Samples | None) -> str:
    if part is None:
        return "none"
    weighted = "" if part.weights is None else " with weights"
    return f"{len(part.X)} of {plural(part.X.shape[1], 'feature')}{weighted}"


def _sums(part: Samples | None) -> dict[str, float]:
    arrays = {} if part is None else {"inputs": part.X, "targets": part.y, "weights": part.weights}
    return {kind: checksum(array) for kind, array in arrays.items() if array is not None}


def checksums(part: Samples | None) -> list[float]:
    """The sum of each array of a part."""
    return list(_sums(part).values())


def checksum(array: np.ndarray) -> float:
    """The sum of an array with random signs: a cell that changes cannot hide among many."""
    table = array.reshape(len(array), -1)
    signs = np.random.Generator(np.random.PCG64(0))
    columns = signs.integers(0, 2, table.shape[1]) * 2.0 - 1.0
    total = 0.0
    for start in range(0, len(table), ROWS):
        block = table[start : start + ROWS].astype(np.float64)
        rows = signs.integers(0, 2, len(block)) * 2.0 - 1.0
        total += float((rows @ block) @ columns)
    return total
