"""Commands whose options are the fields of a class, on the command line and in TOML files alike."""

from __future__ import annotations

import csv
import inspect
import io
import tomllib
from collections.abc import Callable
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from plaingrad.console.options import output_path
from plaingrad.console.toml import toml_text
from plaingrad.errors import InputError
from plaingrad.files import replacing
from plaingrad.nearest import did_you_mean

# What a file of options cannot say: it is about the call itself.
NOT_IN_FILES = ("config", "save_config", "quiet", "json", "help")


def _configure(context: typer.Context, path: Path | None) -> Path | None:
    if path is not None and not context.resilient_parsing:
        context.default_map = {**(context.default_map or {}), **_read(path, context)}
    return path


Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        is_eager=True,  # before the options that it gives
        callback=_configure,
        metavar="FILE",
        help="TOML file with any of these options; the command line wins.",
    ),
]
SaveConfig = Annotated[
    Path | None,
    typer.Option(
        "--save-config",
        parser=output_path,
        metavar="FILE",
        help="Write all options to a TOML file, for --config.",
    ),
]


def with_options(options: type) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorate a command to take the fields of a dataclass as options, and an instance as ``settings``."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = [
            p for p in inspect.signature(command, eval_str=True).parameters.values() if p.name != "settings"
        ]
        hints = get_type_hints(options, include_extras=True)
        option_parameters = [
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=inspect.Parameter.empty if field.default is MISSING else field.default,
                annotation=hints[field.name],
            )
            for field in fields(options)
        ]

        def called(**values: Any) -> None:
            settings = options(
                **{parameter.name: values.pop(parameter.name) for parameter in option_parameters}
            )
            command(settings=settings, **values)

        parameters = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
        at = 1  # arguments, then the class's options, then those of the call
        parameters[at:at] = option_parameters
        called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        called.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        called.__name__, called.__doc__ = command.__name__, command.__doc__
        return called

    return decorate


def _read(path: Path, context: typer.Context) -> dict[str, Any]:
    """The options in a file, each checked as if it stood on the command line."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        problem = f"not a TOML file in UTF-8 (byte {error.object[error.start]:#x})"
        raise InputError(problem, file=path) from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"not a TOML file: {error}", file=path) from None
    except RecursionError:
        raise InputError("expected options, got values in many levels of each other", file=path) from None
    options = {
        name: parameter
        for parameter in context.command.params
        for name in [parameter.name.replace("_", "-")]
        if parameter.name not in NOT_IN_FILES
    }
    values = {}
    for key, value in document.items():
        name = key.replace("_", "-")
        if name not in options:
            raise InputError(f"there is no option {key!r}{did_you_mean(name, options)}", file=path)
        parameter = options[name]
        text = _as_typed(value, parameter.multiple)
        if text is None:
            expected = "expected a text, a number, true, false or a list"
            raise InputError(f"{key}: {expected}, got {_shown(value)}", file=path)
        try:
            parameter.process_value(context, text)
        except typer.BadParameter as error:
            raise InputError(f"{key}: {error.message}", file=path) from None
        values[parameter.name] = text
    return values


def _as_typed(value: Any, multiple: bool) -> Any:
    """A value as it would be typed on the command line; None if it could not be."""
    if isinstance(value, bool):
        text: Any = str(value).lower()
    elif isinstance(value, (str, int, float)):
        text = str(value)
    elif isinstance(value, list) and not any(isinstance(each, list) for each in value):
        parts = [_as_typed(each, False) for each in value]
        if None in parts:
            return None
        return parts if multiple else _joined(parts)
    else:
        return None
    return [text] if multiple else text


def _joined(parts: list[str]) -> str:
    """A line of these texts, those with a comma in double quotes."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(parts)
    return line.getvalue()


def _shown(value: Any) -> str:
    return "a table" if isinstance(value, dict) else repr(value)


def save_options(path: Path, arguments: dict[str, Any], settings: Any) -> None:
    """Write a command's arguments and options as TOML, for ``--config``; None is left out.

    Raises:
        OSError: the file cannot be written.
    """
    values = arguments | {field.name: getattr(settings, field.name) for field in fields(settings)}
    lines = [
        f"{name.replace('_', '-')} = {toml_text(value)}"
        for name, value in values.items()
        if value is not None
    ]
    with replacing(path, parents=True) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
