"""The constructor arguments of a layer: read from it as data for JSON, and checked when read back."""

from __future__ import annotations

import inspect
import math
import numbers
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_type_hints

import msgspec
import torch
from msgspec import Meta
from torch import Tensor

from plaingrad.errors import InputError
from plaingrad.module import Module
from plaingrad.nn.parametrization.base import Derived
from plaingrad.parameter import Buffer, Parameter
from plaingrad.saving.index import from_data, to_data
from plaingrad.saving.schema import Strict

LARGEST = 2**31 - 1  # of any integer
LARGEST_WINDOW = 4096  # of the sizes of kernels, strides and paddings, which nothing else would limit
MOST_AXES = 8
MOST_ENDS = 6  # of the axes of a window, two for each
MOST_NUMBERS = 1000  # in a list of them
MOST_LAYERS = 1000  # of a recurrent network

DTYPES = {name: getattr(torch, name) for name in ("float16", "bfloat16", "float32", "float64")}

# They say where or how and not what is computed, are other spellings of what is there, or modules, of which
# the default alone can be described.
LEFT_OUT = {
    *("device", "inplace", "sparse", "min_value", "max_value", "_weight", "_freeze"),
    *("distance_function", "custom_encoder", "custom_decoder", "options"),
}


Integer = Annotated[int, Meta(ge=-LARGEST, le=LARGEST)]
Window = Annotated[int, Meta(ge=-LARGEST_WINDOW, le=LARGEST_WINDOW)]
Float = (
    Integer | Annotated[float, Meta(ge=-sys.float_info.max, le=sys.float_info.max)] | Literal["inf", "-inf"]
)
Short = Annotated[str, Meta(max_length=40)]
DtypeName = Literal[tuple(DTYPES)]  # type: ignore[valid-type]
Several = Meta(min_length=1, max_length=MOST_NUMBERS)

# Attributes that have another name than the argument.
RENAMED = {"p": "norm"}


Shape = Annotated[tuple[Integer, ...], Meta(max_length=MOST_AXES)]


class Layout(Strict, frozen=True):
    """The shape and dtype of a tensor."""

    shape: Shape
    dtype: DtypeName


@dataclass(frozen=True)
class Kind:
    """The JSON data that stands for values of one type.

    Attributes:
        expected: what that is, for messages.
        schema: the type of the data.
        parse: the value from data of this type, with tensors on a device; a ValueError if it is none.
    """

    expected: str
    schema: Any
    parse: Callable[[Any, str | None], Any] = lambda value, device: value


def _tables(value: list[tuple[int, int, int]], device: str | None) -> dict[int, tuple[int, int]]:
    tables = {column: (codes, size) for column, codes, size in value}
    if len(tables) < len(value):
        raise InputError("expected distinct columns")
    return tables


KINDS: dict[Any, Kind] = {
    NoneType: Kind("null", None),
    bool: Kind("true or false", bool),
    int: Kind(f"an integer up to {LARGEST:,}", Integer),
    float: Kind("a number", Float, lambda value, device: float(value)),
    str: Kind("a short string", Short),
    torch.dtype: Kind(f"one of {', '.join(DTYPES)}", DtypeName, lambda value, device: DTYPES[value]),
    tuple[int, ...]: Kind(
        f"a list of 1 to {MOST_ENDS} integers up to {LARGEST_WINDOW:,}",
        Annotated[tuple[Window, ...], Meta(min_length=1, max_length=MOST_ENDS)],
    ),
    tuple[int | None, ...]: Kind(
        f"a list of 1 to {MOST_ENDS} integers up to {LARGEST_WINDOW:,} or null",
        Annotated[tuple[Window | None, ...], Meta(min_length=1, max_length=MOST_ENDS)],
    ),
    Sequence[int]: Kind(
        f"a list of 1 to {MOST_AXES} integers up to {LARGEST:,}",
        Annotated[tuple[Integer, ...], Meta(min_length=1, max_length=MOST_AXES)],
    ),
    Sequence[str]: Kind(
        f"a list of 1 to {MOST_NUMBERS:,} short strings", Annotated[tuple[Short, ...], Several]
    ),
    list[int]: Kind(
        f"a list of 1 to {MOST_NUMBERS:,} integers up to {LARGEST:,}",
        Annotated[list[Integer], Several],
    ),
    Any: Kind("an index", Any, lambda value, device: from_data(value)),
    Iterable[int]: Kind(
        f"a list of at most {MOST_ENDS} integers up to {LARGEST_WINDOW:,}",
        Annotated[tuple[Window, ...], Meta(max_length=MOST_ENDS)],
    ),
    Iterable[float]: Kind(
        f"a list of 1 to {MOST_NUMBERS:,} numbers",
        Annotated[tuple[Float, ...], Several],
        lambda value, device: tuple(map(float, value)),
    ),
    Mapping[int, tuple[int, int]]: Kind(
        f"a list of 1 to {MOST_NUMBERS:,} columns, each with its number of codes and the size of its vectors",
        Annotated[list[tuple[Integer, Integer, Integer]], Several],
        _tables,
    ),
    Tensor: Kind(
        "the shape and dtype of a tensor",
        Layout,
        lambda layout, device: torch.ones(layout.shape, dtype=DTYPES[layout.dtype], device=device),
    ),
}
KINDS[Iterable[int | float]] = KINDS[Iterable[float]]

SIZES = (tuple[int, ...], tuple[int | None, ...])
LAYERS = Kind(
    f"an integer up to {MOST_LAYERS:,}", Annotated[int, Meta(le=MOST_LAYERS)]
)  # each takes time, whatever its size


@dataclass(frozen=True)
class Argument:
    """One argument of a constructor.

    Attributes:
        kinds: what it may be.
        default: its default; ``inspect.Parameter.empty`` if it has none.
    """

    kinds: tuple[Kind, ...]
    default: Any

    def parse(self, value: Any, device: str | None) -> Any:
        """The argument from plain data.

        Raises:
            ValueError: it is of no kind that this argument may be.
        """
        for kind in self.kinds:
            with suppress(ValueError, msgspec.ValidationError):
                return kind.parse(msgspec.convert(value, kind.schema), device)
        raise InputError(f"{' or '.join(kind.expected for kind in self.kinds)}, got {brief(value)}")

    def is_default(self, value: Any) -> bool:
        """True if a constructor makes the same of this value as of none."""
        if self.has_sizes and type(value) is tuple:
            return value == (self.default,) * len(value)
        return not isinstance(value, Tensor) and value == self.default

    @property
    def has_sizes(self) -> bool:
        """True if a number for each axis is one number if they are alike."""
        return any(KINDS[each] in self.kinds for each in SIZES)


@cache
def arguments(layer: type) -> dict[str, Argument]:
    """The arguments of a class of plaingrad.nn that say what it computes; children are none of them."""
    hints, described = get_type_hints(layer.__init__), {}  # type: ignore[misc]
    for name, parameter in list(inspect.signature(layer.__init__).parameters.items())[1:]:  # type: ignore[misc]
        if name in LEFT_OUT or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        types = tuple(each for each in get_args(hints[name]) or (hints[name],) if each is not Module)
        if name in parts(layer):
            continue
        if hints[name] in KINDS:
            types = (hints[name],)
        elif any(each in types for each in (*SIZES, Sequence[int])):
            types = tuple(each for each in types if each is not int)  # one number for all is kept as several
        kinds = (LAYERS,) if name == "num_layers" else tuple(KINDS[each] for each in types)
        described[name] = Argument(kinds, parameter.default)
    return described


def parts(layer: type) -> tuple[str, ...]:
    """The arguments of a class of plaingrad.nn that are modules, and are described as its children."""
    hints = get_type_hints(layer.__init__)  # type: ignore[misc]
    allowed = ({Module}, {Module, NoneType})
    return tuple(
        name
        for name, hint in hints.items()
        if set(get_args(hint) or (hint,)) in allowed and name not in {*LEFT_OUT, "return", "modules"}
    )


def read(layer: type, module: Any) -> dict[str, Any]:
    """The arguments of a module of this class, or of torch.nn's class of the same name, as plain data."""
    described = {}
    for name, argument in arguments(layer).items():
        value = to_builtins(_current(module, name, argument))
        if value is None and KINDS[torch.dtype] in argument.kinds:  # it has no numbers
            continue
        if type(value) is int and argument.has_sizes:  # of torch.nn, where one stands for all axes
            value = [value] * len(getattr(layer, "axes", ("rows", "columns")))
        described[name] = value
    return described


def _current(module: Any, name: str, argument: Argument) -> Any:
    """The attribute of the argument's name, as it is now; without one, what the constructor was given."""
    if KINDS[torch.dtype] in argument.kinds:
        return next((x.dtype for x in module.state_dict().values() if x.is_floating_point()), None)
    value = getattr(module, name, getattr(module, RENAMED.get(name, name), ...))
    if value is ... and "linear" in dict(module.named_children()):  # of a loss with a linear layer
        value = getattr(module.linear, name, ...)
    if name == "cutoffs" and type(value) is list:  # which end with the number of classes
        value = value[:-1]
    is_converted = callable(value) or (isinstance(value, Mapping) and holds_state(value))
    if value is ... or is_converted:
        return module.arguments()[name]
    is_flag = KINDS[bool] in argument.kinds and KINDS[NoneType] not in argument.kinds
    if is_flag and (value is None or holds_state(value)):
        return value is not None
    return value


def check(layer: type, described: Any, device: str | None) -> dict[str, Any]:
    """The arguments from plain data, for the constructor of this class.

    Raises:
        ValueError: there is an unknown one, one without default is missing, or one is not what it should be.
    """
    if type(described) is not dict:
        raise InputError(f"expected arguments by name, got {brief(described)}")
    known, parsed = arguments(layer), {}
    for name in described:
        if name not in known:
            expected = f"arguments from {', '.join(known) or 'none at all'}"
            raise InputError(f"expected {expected}; got {brief(name)}")
    for name, argument in known.items():
        if name in described:
            try:
                parsed[name] = argument.parse(described[name], device)
            except ValueError as error:
                raise InputError(f"expected {name} to be {error}") from None
        elif argument.default is inspect.Parameter.empty:
            raise InputError(f"expected an argument {name}, got none")
    return parsed


def construct(
    layer: type,
    maker: Callable[..., Any],
    parsed: Mapping[str, Any],
    device: str | None,
    inside: Mapping[str, Any] | None = None,
) -> Any:
    """Call a constructor that takes the arguments of this class, as people do: what is default is left out.

    Args:
        layer: the class of plaingrad.nn.
        maker: the constructor.
        parsed: checked arguments by name.
        device: where its tensors shall live.
        inside: the modules that it takes, by the names of their arguments.
    """
    positional, keywords = [], dict(inside or {})
    for name, argument in arguments(layer).items():
        if argument.default is inspect.Parameter.empty and not inside:
            positional.append(parsed[name])
        elif name in parsed and not argument.is_default(parsed[name]):
            keywords[name] = parsed[name]
    if "device" in inspect.signature(maker).parameters:
        keywords["device"] = device
    return maker(*positional, **keywords)


def holds_state(value: Any) -> bool:
    """True for a tensor or a module, or a collection with one."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, (tuple, list)):
        return any(map(holds_state, value))
    return isinstance(value, (Tensor, Parameter, Buffer, Derived, Module, torch.nn.Module))


def to_builtins(value: Any) -> Any:
    """A value as JSON can hold it; the repr of one of another type."""
    value = value.value if isinstance(value, (Parameter, Buffer)) else value
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        number = float(value)
        return number if math.isfinite(number) else str(number)
    if isinstance(value, (tuple, list)):
        return [to_builtins(each) for each in value]
    if isinstance(value, Mapping):
        return [
            to_builtins([key, *entry] if type(entry) is tuple else [key, entry])
            for key, entry in value.items()
        ]
    if isinstance(value, torch.dtype):
        return str(value).removeprefix("torch.")
    if isinstance(value, slice) or value is ...:
        return to_data(value)
    if isinstance(value, Tensor):
        return {"shape": list(value.shape), "dtype": to_builtins(value.dtype)}
    return repr(value)


def brief(value: Any) -> str:
    """Plain data as text, for messages."""
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:97]}..."
