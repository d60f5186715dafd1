"""A network in one file, with all that is needed to use it elsewhere and nothing that could run."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from plaingrad._version import __version__
from plaingrad.data.checks import one_line
from plaingrad.errors import InputError
from plaingrad.module import Module
from plaingrad.parameter import Buffer, Parameter
from plaingrad.saving.build import build
from plaingrad.saving.describe import describe, fields, first_names
from plaingrad.saving.holder import Holder
from plaingrad.saving.schema import Strict, decode
from plaingrad.strict_json import strict_json
from plaingrad.tensor_file import ENTRY, TensorFile, open_tensors, write_tensors

FORMAT = 1
EXPECTED = "a model file that plaingrad has written (safetensors)"
# No parameter's name begins with a dot, as no child's name is empty.
ATTACHMENT = ".attachment."
CHECKSUMS = ".sha256"
METADATA = ".metadata"  # the checksum of the metadata stands under this name

DTYPES = {
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.float32: "F32",
    torch.float64: "F64",
    torch.int64: "I64",
    torch.bool: "BOOL",
}


class Document(Strict, frozen=True):
    """The metadata of a model file."""

    format: int
    architecture: Any
    facts: dict[str, Any]
    versions: dict[str, str]


@dataclass(frozen=True)
class ModelFile:
    """The contents of a model file.

    Attributes:
        module: the network, in evaluation mode, on the CPU.
        facts: what was to be known about it.
        attachments: byte strings by name.
        versions: of plaingrad, Python and PyTorch, when it was written.
    """

    module: Module
    facts: dict[str, Any] = field(default_factory=dict)
    attachments: dict[str, bytes] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)


def save(
    module: Module | Holder,
    path: str | os.PathLike[str],
    facts: Mapping[str, Any] | None = None,
    attachments: Mapping[str, bytes] | None = None,
) -> None:
    """Write a network to one safetensors file, for `load`; the file is either whole or not there.

    The same network, facts and attachments give the same bytes.

    Args:
        module: a network, whose gradients and saved state are not kept; or a trained estimator, which its
            class method ``load`` makes again of the file. Modules of your own classes are kept if their
            constructors were called with numbers, strings and collections of them and make all that is in
            them; then `load` needs the classes.
        path: the file, by custom ``*.safetensors``; its folder must exist.
        facts: anything that JSON can hold, such as the task, the columns, preprocessing and history. Tuples
            come back as lists, and keys as strings.
        attachments: byte strings by name, such as preprocessing that another library has written.

    Raises:
        ValueError: the network has a module of your own with other arguments, or was changed since it was
            made (`describe`), or has state of a dtype that the format does not know; or a fact is nothing
            that JSON can hold.
        TypeError: an attachment is not bytes.
        OSError: the file cannot be written, or not to the end, as on a full disk.
    """
    if not isinstance(module, (Module, Holder)):
        expected, got = "a network or a trained estimator", one_line(module)
        hint = "; write save(model, path)" if isinstance(module, (str, os.PathLike)) else ""
        raise InputError(f"module: expected {expected}, got {got:.80}{hint}")
    own: dict[str, Any] = {}
    is_holder = isinstance(module, Holder)
    if isinstance(module, Holder):
        module, own = module._contents()
    both = sorted(own.keys() & (facts or {}).keys())
    if both:
        raise InputError(f"save: expected facts under names that the estimator leaves free, got {both[0]!r}")
    document = {
        "format": FORMAT,
        "architecture": describe(module, own=not is_holder),
        "facts": {**own, **(facts or {})},
        "versions": {
            "plaingrad": __version__,
            "python": platform.python_version(),
            "torch": str(torch.__version__),
        },
    }
    try:
        text = json.dumps(document, allow_nan=False)
        strict_json(text)  # what cannot be read back is not written
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(
            f"save: expected facts that JSON can hold, got some that it cannot: {error}"
        ) from error
    tensors = {name: value.cpu() for name, value in module.state_dict().items()}
    for name, data in (attachments or {}).items():
        tensors[ATTACHMENT + name] = _tensor(name, data)
    sums = {name: _checksum(value) for name, value in tensors.items()}
    sums[METADATA] = hashlib.sha256(text.encode()).hexdigest()
    tensors[CHECKSUMS] = _tensor(CHECKSUMS, json.dumps(sums, sort_keys=True).encode())
    write_tensors(path, tensors, text)


def load(path: str | os.PathLike[str], *, classes: Iterable[type[Module]] = ()) -> Module:
    """Read a network from a file that `save` wrote; it is in evaluation mode, on the CPU.

    Arguments and errors are those of `read_file`, which gives what else is in the file. For a while the
    network has the attributes of a `ModelFile` too, each with a `DeprecationWarning`.
    """
    file = read_file(path, classes=classes)
    vars(file.module)["_file"] = replace(file, module=None)  # type: ignore[arg-type]
    return file.module


def read_file(path: str | os.PathLike[str], *, classes: Iterable[type[Module]] = ()) -> ModelFile:
    """Read all that is in a file that `save` wrote.

    Only the classes of `plaingrad.nn` are called, with arguments that have been checked, and memory is taken
    in proportion to what the file really holds. A file from anyone can be opened.

    Args:
        path: the file.
        classes: classes of your own that are in it. Their constructors are called with the arguments that the
            file has, so name only those of which you know what they do with any.

    Raises:
        ValueError: the file is no model file, is truncated, was altered since it was written, is of a newer
            format, or contradicts itself; the message names the file and what is wrong with it.
        OSError: the file cannot be read.
    """
    with open_tensors(path, EXPECTED) as file:
        try:
            return _loaded(file, classes)
        except ValueError as error:
            raise InputError(str(error), file=os.fspath(path)) from None


def _loaded(file: TensorFile, classes: Iterable[type[Module]]) -> ModelFile:
    text = _text(file)
    document = _document(text)
    sums = _checksums(file)
    _expect_sum(sums, METADATA, hashlib.sha256(text.encode()).hexdigest())
    module = build(document.architecture, "meta", classes)
    held = fields(module)
    attached = [name for name in file.names if name.startswith(ATTACHMENT)]
    _expect_names(file.names, [*held, *attached, CHECKSUMS])
    for name, each in held.items():
        _expect_layout(file, name, DTYPES[each.value.dtype], tuple(each.value.shape))
    first = first_names(held)
    for name, each in held.items():
        value = file.tensor(name)
        _expect_sum(sums, name, _checksum(value))
        if first[name] == name:
            _bind(each, value)
        elif sums[name] != sums[first[name]]:
            raise InputError(f"expected {name!r} to equal {first[name]!r}, which is the same parameter")
    attachments = {name.removeprefix(ATTACHMENT): _attachment(file, name, sums) for name in attached}
    return ModelFile(module.eval(), document.facts, attachments, document.versions)


def _text(file: TensorFile) -> str:
    if ENTRY not in file.metadata:
        raise InputError(f"expected {EXPECTED}, got one without metadata {ENTRY!r}")
    return file.metadata[ENTRY]


def _document(text: str) -> Document:
    try:
        document = strict_json(text)
    except ValueError as error:
        raise InputError(f"expected metadata as JSON, got some with {error}") from None
    if type(document) is not dict or "format" not in document:
        raise InputError(f"expected {EXPECTED}, got parameters without an architecture, as checkpoints are")
    number, versions = document["format"], document.get("versions")
    if type(number) is int and number > FORMAT:
        writer = versions.get("plaingrad") if type(versions) is dict else None
        came = f"the newer {number!s:.20} of plaingrad {writer!r:.40}; update plaingrad"
        raise InputError(f"expected format {FORMAT}, got {came}")
    if type(number) is not int or number != FORMAT:
        raise InputError(f"expected format {FORMAT}, got {number!r:.40}")
    return decode(Document, document, "metadata")


def _checksums(file: TensorFile) -> dict[str, str]:
    """The checksums, of which there is one for each other tensor and for the metadata."""
    if CHECKSUMS not in file.names:
        raise InputError(f"missing tensor {CHECKSUMS!r}")
    _expect_layout(file, CHECKSUMS, "U8", None)
    try:
        sums = strict_json(_bytes(file.tensor(CHECKSUMS)))
    except ValueError as error:
        raise InputError(f"altered since it was written: the checksums have {error}") from None
    sums = decode(dict[str, str], sums, "checksums")
    _expect_names([*sums, CHECKSUMS], [*file.names, METADATA], "checksum")
    return sums


def _expect_names(got: list[str], expected: list[str], kind: str = "tensor") -> None:
    problems = [f"missing {kind} {name!r:.100}" for name in sorted({*expected} - {*got})]
    problems += [f"unexpected {kind} {name!r:.100}" for name in sorted({*got} - {*expected})]
    if problems:
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise InputError(", ".join(problems[:3]) + more)


def _expect_layout(file: TensorFile, name: str, dtype: str, shape: tuple[int, ...] | None) -> None:
    """Refuse a tensor of another dtype or shape, before it is read; None stands for any length."""
    actual, size = file.layout(name)
    fits = len(size) == 1 if shape is None else size == shape
    if actual != dtype or not fits:
        expected = "(bytes,)" if shape is None else shape
        raise InputError(f"{name!r:.100}: expected {expected} of {dtype}, got {size} of {actual}")


def _expect_sum(sums: Mapping[str, str], name: str, actual: str) -> None:
    if sums[name] != actual:
        what = "the metadata" if name == METADATA else f"tensor {name!r:.100}"
        raise InputError(f"altered since it was written: {what} has another checksum")


def _bind(held: Parameter | Buffer, value: Tensor) -> None:
    if isinstance(held, Parameter):
        held.bind(value, torch.zeros_like(value))
    else:
        held.value = value


def _attachment(file: TensorFile, name: str, sums: Mapping[str, str]) -> bytes:
    _expect_layout(file, name, "U8", None)
    value = file.tensor(name)
    _expect_sum(sums, name, _checksum(value))
    return _bytes(value)


def _tensor(name: str, data: bytes) -> Tensor:
    if not isinstance(data, (bytes, bytearray)):
        raise TypeError(f"attachment {name!r}: expected bytes, got {type(data).__name__}")
    return torch.frombuffer(bytearray(data), dtype=torch.uint8) if data else torch.empty(0, dtype=torch.uint8)


def _bytes(tensor: Tensor) -> bytes:
    return tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def _checksum(tensor: Tensor) -> str:
    """Of the numbers as safetensors lays them out: one after another, the last axis first to move."""
    return hashlib.sha256(_bytes(tensor)).hexdigest()
