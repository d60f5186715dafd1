"""A writer of model files of all kinds.

It is one of its own, as the page of the format describes it, so that a file can be wrong in one
respect and right in all others, checksums included.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Stored = tuple[str, list[int], bytes]  # dtype, shape, data

DTYPES = {"float32": "F32", "float64": "F64", "int64": "I64", "uint8": "U8", "float16": "F16"}


def stored(array: np.ndarray) -> Stored:
    return DTYPES[str(array.dtype)], list(array.shape), array.tobytes()


def linear(**changed: Any) -> dict[str, Any]:
    arguments = {"in_features": 3, "out_features": 2, "bias": True, "dtype": "float32", **changed}
    return {"class": "Linear", "arguments": arguments}


def sequential(*children: dict[str, Any]) -> dict[str, Any]:
    named = [{"name": str(i), **child} for i, child in enumerate(children)]
    return {"class": "Sequential", "arguments": {}, "children": named}


def layer(name: str, **arguments: Any) -> dict[str, Any]:
    return {"class": name, "arguments": arguments}


@dataclass
class Model:
    """The parts of a file, each to be changed; as they stand, they make a good one."""

    document: dict[str, Any] = field(
        default_factory=lambda: {
            "format": 1,
            "architecture": sequential(linear(), layer("ReLU")),
            "facts": {"task": "regression"},
            "versions": {"plaingrad": "0.1.0"},
        }
    )
    tensors: dict[str, Stored] = field(
        default_factory=lambda: {
            "0.weight": stored(np.ones((2, 3), np.float32)),
            "0.bias": stored(np.zeros(2, np.float32)),
            ".attachment.scaler": stored(np.frombuffer(b"mean 5.8", np.uint8)),
        }
    )
    text: str | None = None  # instead of the document
    sums: dict[str, Any] = field(default_factory=dict)  # changes to the checksums; None removes one
    sums_text: bytes | None = None
    sums_stored: Stored | None = None
    header: Callable[[dict[str, Any]], Any] = lambda header: None  # changes it in place
    header_text: str | None = None
    entry: str = "plaingrad"

    def content(self) -> bytes:
        text = json.dumps(self.document) if self.text is None else self.text
        sums = {name: hashlib.sha256(data).hexdigest() for name, (_, _, data) in self.tensors.items()}
        sums[".metadata"] = hashlib.sha256(text.encode()).hexdigest()
        sums = {name: value for name, value in {**sums, **self.sums}.items() if value is not None}
        found = json.dumps(sums).encode() if self.sums_text is None else self.sums_text
        tensors = {**self.tensors, ".sha256": self.sums_stored or ("U8", [len(found)], found)}
        header: dict[str, Any] = {"__metadata__": {self.entry: text}}
        data = b""
        for name, (dtype, shape, numbers) in tensors.items():
            offsets = [len(data), len(data) + len(numbers)]
            header[name] = {"dtype": dtype, "shape": shape, "data_offsets": offsets}
            data += numbers
        self.header(header)
        coded = (json.dumps(header) if self.header_text is None else self.header_text).encode()
        return struct.pack("<Q", len(coded)) + coded + data


def good() -> bytes:
    return Model().content()


def architecture(description: Any, **tensors: Stored) -> bytes:
    """A file of this architecture with no tensors but these."""
    model = Model(tensors=tensors)
    model.document["architecture"] = description
    return model.content()


def document(**changed: Any) -> bytes:
    model = Model()
    model.document |= changed
    return model.content()


def tensors(**changed: Stored | None) -> bytes:
    """A good file with tensors replaced, added or (None) left out; a name's dots are written as __."""
    model = Model()
    for name, value in changed.items():
        model.tensors.pop(name.replace("__", "."), None)
        if value is not None:
            model.tensors[name.replace("__", ".")] = value
    return model.content()


def header(change: Callable[[dict[str, Any]], Any]) -> bytes:
    return Model(header=change).content()


def deep(levels: int) -> bytes:
    """An architecture of so many levels, as text, since no Python data could be that deep."""
    inner = '{"name": "0", "class": "Sequential", "children": [' * levels + "]}" * levels
    outer = f'{{"class": "Sequential", "children": [{inner}]}}'
    return text(f'{{"format": 1, "architecture": {outer}, "facts": {{}}, "versions": {{}}}}')


def flipped(where: bytes, offset: int = 0) -> bytes:
    """A good file in which one bit is another, at some bytes in it."""
    content = bytearray(good())
    content[content.index(where) + offset] ^= 1
    return bytes(content)


def text(content: str) -> bytes:
    return Model(text=content).content()


HUGE = 2**31 - 1
ONES = stored(np.ones((2, 3), np.float32))
SHARED = sequential(linear(out_features=3), {"shared": "0"})
SQUARE, THREE = stored(np.ones((3, 3), np.float32)), stored(np.zeros(3, np.float32))


def shared(second: Stored) -> bytes:
    tensors = {"0.weight": SQUARE, "0.bias": THREE, "1.weight": second, "1.bias": THREE}
    return architecture(SHARED, **tensors)


# A file, and words of the message that refuses it, by what is wrong with it.
Table = dict[str, tuple[Callable[[], bytes], str]]
