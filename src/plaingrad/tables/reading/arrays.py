"""NumPy's archives of arrays."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

from plaingrad.errors import InputError
from plaingrad.tables.errors import expect_column, expect_names
from plaingrad.tables.reading.compression import COMPRESSIONS, opened

MATRICES = ("X", "data")


def read_arrays(path: Path, columns: list[str] | None, empty: bool = False) -> pd.DataFrame:
    """An ``.npz`` archive of columns ``(rows,)``, and perhaps a matrix ``(rows, columns)`` named X or data.

    The columns of the matrix are named x0, x1, ... Nothing that would need unpickling is read.
    """
    with opened(path) as stream:
        source = io.BytesIO(stream.read()) if path.suffix.lower() in COMPRESSIONS else path
    if not zipfile.is_zipfile(source):
        raise InputError("not an .npz archive, or a damaged one")
    with np.load(source, allow_pickle=False) as archive:
        arrays = {name: _array(archive, name) for name in archive.files}
    by_name: dict[str, np.ndarray] = {}
    names: list[str] = []
    for name, array in arrays.items():
        parts = _columns(name, array)
        names += parts
        by_name |= parts
    expect_names(names)
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        sizes = ", ".join(f"{name!r} {length}" for name, length in lengths.items())
        raise InputError(f"expected arrays of one length, got {sizes}")
    if not by_name or not (len(next(iter(by_name.values()))) or empty):
        raise InputError("the file has no rows")
    for name in columns or ():
        expect_column(name, names)
    return pd.DataFrame({name: by_name[name] for name in columns or names}, copy=False)


def _array(archive: np.lib.npyio.NpzFile, name: str) -> np.ndarray:
    try:
        array = archive[name]
    except ValueError as error:  # pickled objects, or damage
        raise InputError(f"array {name!r}: expected numbers, text or dates ({error})") from None
    if not isinstance(array, np.ndarray):
        raise InputError(f"{name!r}: expected an array, got other bytes")
    return array


def _columns(name: str, array: np.ndarray) -> dict[str, np.ndarray]:
    if array.ndim == 2 and name in MATRICES:
        return {f"x{i}": array[:, i] for i in range(array.shape[1])}
    if array.ndim != 1:
        expected = "(rows,) or (rows, columns)" if name in MATRICES else "(rows,)"
        raise InputError(f"array {name!r}: expected shape {expected}, got {array.shape}")
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8")
    return {name: array}
