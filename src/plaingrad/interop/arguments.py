"""The constructor arguments of a layer: read from it as plain data, and checked when they are plain data."""

from __future__ import annotations

import inspect
import math
import numbers
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import NoneType
from typing import Any, get_args, get_type_hints

import torch
from torch import Tensor

from plaingrad.parameter import Buffer

LARGEST = 2**31 - 1  # of any integer
LARGEST_WINDOW = 4096  # of the sizes of kernels, strides and paddings, which nothing else would limit
MOST_AXES = 8
MOST_NUMBERS = 1000  # in a list of them

DTYPES = {name: getattr(torch, name) for name in ("float16", "bfloat16", "float32", "float64")}

# What does not outlive the constructor, or says where and not what: none of it changes what is computed.
LEFT_OUT = {"device", "inplace", "sparse", "min_value", "max_value", "_weight"}

# How an argument shows in a module of plaingrad.nn or torch.nn, where it is not the attribute of its name.
SHOWN: dict[str, Callable[[Any], Any]] = {
    "affine": lambda module: module.weight is not None,
    "elementwise_affine": lambda module: module.weight is not None,
    "bias": lambda module: module.bias is not None,
    "track_running_stats": lambda module: module.running_mean is not None,
    "dtype": lambda module: next(
        (x.dtype for x in module.state_dict().values() if x.is_floating_point()), None
    ),
    "columns": lambda module: [
        (column, table.num_embeddings, table.embedding_dim) for column, table in module.columns.items()
    ],
    "_freeze": lambda module: (
        isinstance(module.weight, Buffer) or not getattr(module.weight, "requires_grad", True)
    ),
}


@dataclass(frozen=True)
class Kind:
    """What a value of one type looks like as plain data.

    Attributes:
        told: what was expected, for messages.
        fits: whether plain data is such a value.
        made: the value from plain data that fits, with tensors on a device.
    """

    told: str
    fits: Callable[[Any], bool]
    made: Callable[[Any, str | None], Any] = lambda value, device: value


def _integers(value: Any, least: int, most: int, largest: int) -> bool:
    return (
        type(value) is list
        and least <= len(value) <= most
        and all(type(each) is int and abs(each) <= largest for each in value)
    )


def _tables(value: Any) -> bool:
    return (
        type(value) is list
        and 1 <= len(value) <= MOST_NUMBERS
        and all(_integers(each, 3, 3, LARGEST) for each in value)
        and len({column for column, *_ in value}) == len(value)
    )


def _tensor(value: Any) -> bool:
    return (
        type(value) is dict
        and value.keys() == {"shape", "dtype"}
        and _integers(value["shape"], 0, MOST_AXES, LARGEST)
        and KINDS[torch.dtype].fits(value["dtype"])
    )


KINDS: dict[Any, Kind] = {
    NoneType: Kind("null", lambda value: value is None),
    bool: Kind("true or false", lambda value: type(value) is bool),
    int: Kind(f"an integer up to {LARGEST:,}", lambda value: type(value) is int and abs(value) <= LARGEST),
    float: Kind(
        "a number",
        lambda value: (
            (type(value) is float and math.isfinite(value))
            or KINDS[int].fits(value)
            or (type(value) is str and value in ("inf", "-inf"))
        ),
        lambda value, device: float(value),
    ),
    str: Kind("a short string", lambda value: type(value) is str and len(value) <= 40),
    torch.dtype: Kind(
        f"one of {', '.join(DTYPES)}",
        lambda value: type(value) is str and value in DTYPES,
        lambda value, device: DTYPES[value],
    ),
    tuple[int, int]: Kind(
        f"two integers up to {LARGEST_WINDOW:,}",
        lambda value: _integers(value, 2, 2, LARGEST_WINDOW),
        lambda value, device: tuple(value),
    ),
    Sequence[int]: Kind(
        f"a list of 1 to {MOST_AXES} integers up to {LARGEST:,}",
        lambda value: _integers(value, 1, MOST_AXES, LARGEST),
        lambda value, device: tuple(value),
    ),
    Iterable[float]: Kind(
        f"a list of 1 to {MOST_NUMBERS:,} numbers",
        lambda value: (
            type(value) is list and 1 <= len(value) <= MOST_NUMBERS and all(map(KINDS[float].fits, value))
        ),
        lambda value, device: tuple(map(float, value)),
    ),
    Mapping[int, tuple[int, int]]: Kind(
        f"a list of 1 to {MOST_NUMBERS:,} columns, each with its number of codes and the size of its vectors",
        _tables,
        lambda value, device: {column: (codes, size) for column, codes, size in value},
    ),
    Tensor: Kind(
        "the shape and dtype of a tensor",
        _tensor,
        lambda value, device: torch.ones(value["shape"], dtype=DTYPES[value["dtype"]], device=device),
    ),
}


@dataclass(frozen=True)
class Argument:
    """One argument of a constructor.

    Attributes:
        kinds: what it may be.
        default: its default; ``inspect.Parameter.empty`` if it has none.
    """

    kinds: tuple[Kind, ...]
    default: Any

    def made(self, value: Any, device: str | None) -> Any:
        """The argument from plain data.

        Raises:
            ValueError: it is of no kind that this argument may be.
        """
        for kind in self.kinds:
            if kind.fits(value):
                return kind.made(value, device)
        raise ValueError(f"{' or '.join(kind.told for kind in self.kinds)}, got {brief(value)}")

    def is_default(self, value: Any) -> bool:
        """Whether a constructor makes the same of this value as of none."""
        pairs = KINDS[tuple[int, int]] in self.kinds
        same = (self.default, (self.default, self.default)) if pairs else (self.default,)
        return not isinstance(value, Tensor) and value in same


@cache
def arguments(layer: type) -> dict[str, Argument]:
    """The arguments of a class of plaingrad.nn that say what it computes; children are none of them."""
    hints, found = get_type_hints(layer.__init__), {}  # type: ignore[misc]
    for name, parameter in list(inspect.signature(layer.__init__).parameters.items())[1:]:  # type: ignore[misc]
        if name in LEFT_OUT or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        types = get_args(hints[name]) or (hints[name],)
        if hints[name] in KINDS:
            types = (hints[name],)
        elif any(each in types for each in (tuple[int, int], Sequence[int])):
            types = tuple(each for each in types if each is not int)  # one number for all is kept as several
        found[name] = Argument(tuple(KINDS[each] for each in types), parameter.default)
    return found


def read(layer: type, module: Any) -> dict[str, Any]:
    """The arguments of a module of this class, or of torch.nn's class of the same name, as plain data."""
    found = {}
    for name, argument in arguments(layer).items():
        value = _plain(SHOWN[name](module) if name in SHOWN else getattr(module, name))
        if name == "dtype" and value is None:  # it has no numbers
            continue
        one_for_both = type(value) is int and KINDS[tuple[int, int]] in argument.kinds
        found[name] = [value, value] if one_for_both else value
    return found


def check(layer: type, given: Any, device: str | None) -> dict[str, Any]:
    """The arguments from plain data, for the constructor of this class.

    Raises:
        ValueError: there is an unknown one, one without default is missing, or one is not what it should be.
    """
    if type(given) is not dict:
        raise ValueError(f"expected arguments by name, got {brief(given)}")
    known, made = arguments(layer), {}
    for name in given:
        if name not in known:
            raise ValueError(
                f"expected arguments from {', '.join(known) or 'none at all'}; got {brief(name)}"
            )
    for name, argument in known.items():
        if name in given:
            try:
                made[name] = argument.made(given[name], device)
            except ValueError as error:
                raise ValueError(f"expected {name} to be {error}") from None
        elif argument.default is inspect.Parameter.empty:
            raise ValueError(f"expected an argument {name}, got none")
    return made


def construct(layer: type, maker: Callable[..., Any], given: Mapping[str, Any], device: str | None) -> Any:
    """Call a constructor that takes the arguments of this class, as people do: what is default is left out.

    Args:
        layer: the class of plaingrad.nn.
        maker: the constructor.
        given: checked arguments by name.
        device: where its tensors shall live.
    """
    positional, keywords = [], {}
    for name, argument in arguments(layer).items():
        if argument.default is inspect.Parameter.empty:
            positional.append(given[name])
        elif name in given and not argument.is_default(given[name]):
            keywords[name] = given[name]
    if "device" in inspect.signature(maker).parameters:
        keywords["device"] = device
    if "_freeze" in keywords:  # heeded only for a table that is given
        size = (given["num_embeddings"], given["embedding_dim"])
        keywords["_weight"] = torch.zeros(size, dtype=given.get("dtype"), device=device)
    return maker(*positional, **keywords)


def _plain(value: Any) -> Any:
    value = value.value if isinstance(value, Buffer) else value
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        number = float(value)
        return number if math.isfinite(number) else str(number)
    if isinstance(value, (tuple, list)):
        return [_plain(each) for each in value]
    if isinstance(value, torch.dtype):
        return str(value).removeprefix("torch.")
    if isinstance(value, Tensor):
        return {"shape": list(value.shape), "dtype": _plain(value.dtype)}
    return repr(value)  # of no kind, and refused as such


def brief(value: Any) -> str:
    """Plain data as text, for messages."""
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:97]}..."
