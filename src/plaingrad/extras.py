"""Libraries that come with an extra of plaingrad, and the one line for those who lack it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

# The package that is imported: the library's name, and the extra that brings it.
EXTRAS = {
    "narwhals": ("narwhals", "tables"),
    "pandas": ("pandas", "tables"),
    "pyarrow": ("pyarrow", "tables"),
    "scipy": ("scipy", "tables"),
    "joblib": ("joblib", "tables"),
    "sklearn": ("scikit-learn", "tables"),
    "threadpoolctl": ("threadpoolctl", "tables"),
    "onnx": ("onnx", "onnx"),
    "tensorboard": ("tensorboard", "tensorboard"),
    "optuna": ("Optuna", "tune"),
    "sqlalchemy": ("SQLAlchemy", "tune"),
    "anywidget": ("anywidget", "playground"),
    "traitlets": ("traitlets", "playground"),
    "starlette": ("Starlette", "playground"),
    "uvicorn": ("uvicorn", "playground"),
    "websockets": ("websockets", "playground"),
}


class MissingExtra(ImportError):
    """A library that is not installed, because it comes with an extra.

    Args:
        user: the function, class or command that needs it.
        package: the name under which it is imported, one of `EXTRAS`.
    """

    def __init__(self, user: str, package: str) -> None:
        library, extra = EXTRAS[package]
        super().__init__(f"{user} needs {library}: pip install 'plaingrad[{extra}]'", name=package)
        self.user = user


@contextmanager
def needed_by(user: str) -> Iterator[None]:
    """Raise `MissingExtra` for an import inside that fails because an extra is not installed.

    Args:
        user: the function, class or command that needs what is imported, as the error names it.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in EXTRAS:
            raise
        raise MissingExtra(user, package) from error
