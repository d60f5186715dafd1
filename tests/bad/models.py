"""Model files that are not what they should be: how each is made, and the words of the refusal.

The writer is one of its own, as the page of the format describes it, so that a file can be wrong in one
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


# name: how to make the file, and words of the message
BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    # no safetensors file, or not all of one
    "nothing at all": (lambda: b"", "expected a safetensors file, got 0 bytes"),
    "seven bytes": (lambda: b"\0" * 7, "expected a safetensors file, got 7 bytes"),
    "a picture": (lambda: b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "expected a safetensors file, got 108 bytes"),
    "a pickle": (lambda: b"\x80\x04cos\nsystem\n(S'true'\ntR.", "expected a safetensors file, got"),
    "a text": (lambda: b"x,y\n1,2\n" * 100, "expected a safetensors file, got"),
    "a header of no length": (lambda: struct.pack("<Q", 0) + b"{}", "with a header of 0"),
    "a header longer than the file": (
        lambda: struct.pack("<Q", 10**6) + good()[8:],
        "with a header of 1,000,000",
    ),
    "a header of 2^63 bytes": (lambda: struct.pack("<Q", 2**63) + good()[8:], "a header of 9,223,372"),
    "a header cut off": (lambda: good()[:100], "expected a safetensors file, got 100 bytes"),
    "data cut off": (lambda: good()[:-1], "expected a safetensors file, got"),
    "data cut in the middle": (lambda: good()[:-300], "expected a safetensors file, got"),
    "bytes after the data": (lambda: good() + b"more", "expected a safetensors file, got"),
    "a header that is no JSON": (lambda: Model(header_text="{").content(), "got a header with no JSON"),
    "a header that is no UTF-8": (
        lambda: struct.pack("<Q", 4) + b'{"\xff\xfe' + b"}",
        "got a header with 'utf-8' codec",
    ),
    "a header that is a list": (
        lambda: Model(header_text="[]").content(),
        "expected a safetensors file, got",
    ),
    "a header of 10,000 levels": (
        lambda: Model(header_text="[" * 10_000 + "]" * 10_000).content(),
        "got a header with too many levels",
    ),
    "a tensor twice in the header": (
        lambda: Model(header_text='{"a": {}, "a": {}}').content(),
        "the key 'a' twice",
    ),
    # the library's own checks
    "overlapping tensors": (
        lambda: header(lambda h: h["0.bias"].update(data_offsets=[20, 28])),
        "expected a safetensors file, got",
    ),
    "a hole between tensors": (
        lambda: header(lambda h: h["0.bias"].update(data_offsets=[25, 32], shape=[7], dtype="U8")),
        "expected a safetensors file, got",
    ),
    "offsets behind the end": (
        lambda: header(lambda h: h["0.bias"].update(data_offsets=[10**15, 10**15 + 8])),
        "expected a safetensors file, got",
    ),
    "offsets that run backwards": (
        lambda: header(lambda h: h["0.bias"].update(data_offsets=[32, 24])),
        "expected a safetensors file, got",
    ),
    "a shape of more than 2^64 numbers": (
        lambda: header(lambda h: h["0.bias"].update(shape=[2**40, 2**40])),
        "expected a safetensors file, got",
    ),
    "a shape that is not that of the data": (
        lambda: header(lambda h: h["0.bias"].update(shape=[10**9])),
        "expected a safetensors file, got",
    ),
    "a negative shape": (
        lambda: header(lambda h: h["0.bias"].update(shape=[-2])),
        "expected a safetensors file, got",
    ),
    "an unknown dtype in the header": (
        lambda: header(lambda h: h["0.bias"].update(dtype="F128")),
        "expected a safetensors file, got",
    ),
    "metadata that is no text": (
        lambda: header(lambda h: h["__metadata__"].update(plaingrad={"format": 1})),
        "expected a safetensors file, got",
    ),
    # metadata
    "no metadata": (
        lambda: header(lambda h: h.pop("__metadata__")),
        "got safetensors without metadata 'plaingrad'",
    ),
    "another program's metadata": (lambda: Model(entry="pt").content(), "without metadata 'plaingrad'"),
    "metadata that is no JSON": (
        lambda: text("{'format': 1}"),
        "expected metadata as JSON, got some with no JSON",
    ),
    "metadata that is empty": (lambda: text(""), "expected metadata as JSON, got some with no JSON"),
    "metadata that is a number": (lambda: text("1"), "parameters without an architecture"),
    "a checkpoint": (lambda: text('{"epoch": 3, "loss": 0.5}'), "parameters without an architecture"),
    "NaN in the metadata": (
        lambda: document(facts={"loss": float("nan")}),
        "the number NaN, which is not finite",
    ),
    "infinity in the metadata": (
        lambda: document(facts={"loss": float("inf")}),
        "the number Infinity, which is not finite",
    ),
    "1e999 in the metadata": (lambda: text('{"format": 1e999}'), "the number 1e999, which is not finite"),
    "a key twice in the metadata": (lambda: text('{"format": 1, "format": 1}'), "the key 'format' twice"),
    "an integer of 5,000 digits": (lambda: text(f'{{"format": 1{"0" * 5000}}}'), "expected metadata as JSON"),
    "metadata of 100,000 levels": (lambda: text("[" * 100_000), "too many levels"),
    "a newer format": (
        lambda: document(format=2, versions={"plaingrad": "9.0"}),
        "expected format 1, got the newer 2 of plaingrad '9.0'; update plaingrad",
    ),
    "a newer format with other content": (
        lambda: text('{"format": 7, "layers": []}'),
        "got the newer 7 of plaingrad None; update plaingrad",
    ),
    "format 0": (lambda: document(format=0), "expected format 1, got 0"),
    "format true": (lambda: document(format=True), "expected format 1, got True"),
    "a format that is a string": (lambda: document(format="1"), "expected format 1, got '1'"),
    "an unknown part": (
        lambda: document(code="import os"),
        "expected metadata architecture, facts, format, versions; got architecture, code,",
    ),
    "no architecture": (
        lambda: text('{"format": 1, "facts": {}, "versions": {}}'),
        "expected metadata architecture, facts, format, versions; got facts, format, versions",
    ),
    "facts that are a list": (lambda: document(facts=[1]), "expected facts by name, got a list"),
    "versions that are a string": (lambda: document(versions="1"), "expected versions by name, got a str"),
    "a version that is a number": (
        lambda: document(versions={"torch": 2}),
        "expected the version of 'torch'",
    ),
    # architecture
    "an architecture that is null": (lambda: architecture(None), "class and arguments, got a NoneType"),
    "an unknown layer": (
        lambda: architecture(layer("Transformer")),
        "a class of plaingrad.nn, got 'Transformer'",
    ),
    "a function as layer": (lambda: architecture(layer("os.system", command="true")), "got 'os.system'"),
    "the base of losses": (lambda: architecture(layer("Loss")), "a class of plaingrad.nn, got 'Loss'"),
    "a layer without class": (lambda: architecture({"arguments": {}}), "a class of plaingrad.nn, got None"),
    "a class that is a list": (lambda: architecture({"class": ["ReLU"]}), "got ['ReLU']"),
    "an unknown layer deep inside": (
        lambda: architecture(
            sequential(layer("ReLU"), {"class": "Residual", "children": [{"name": "x", "class": "?"}]})
        ),
        "Sequential[1].Residual[x] architecture: expected a class of plaingrad.nn, got '?'",
    ),
    "an unknown argument": (
        lambda: architecture(linear(device="cuda")),
        "Linear: expected arguments from in_features, out_features, bias, dtype; got 'device'",
    ),
    "an argument for a layer that has none": (
        lambda: architecture(layer("ReLU", inplace=True)),
        "ReLU: expected arguments from none at all; got 'inplace'",
    ),
    "a missing argument": (
        lambda: architecture(layer("Linear", in_features=3)),
        "Linear: expected an argument out_features, got none",
    ),
    "arguments that are a list": (
        lambda: architecture({"class": "Linear", "arguments": [3, 2]}),
        "Linear: expected arguments by name, got [3, 2]",
    ),
    "a size that is a string": (
        lambda: architecture(linear(in_features="3")),
        "expected in_features to be an integer up to 2,147,483,647, got '3'",
    ),
    "a size that is a fraction": (lambda: architecture(linear(in_features=3.0)), "got 3.0"),
    "a size that is true": (lambda: architecture(linear(in_features=True)), "got True"),
    "a size below zero": (lambda: architecture(linear(in_features=-3)), "Linear: "),
    "a size of 2^70": (lambda: architecture(linear(in_features=2**70)), "got 1180591620717411303424"),
    "a layer of 2^62 numbers": (
        lambda: architecture(linear(in_features=HUGE, out_features=HUGE)),
        "Linear: Storage size calculation overflowed",
    ),
    "a layer of 10^12 numbers": (
        lambda: architecture(linear(in_features=10**6, out_features=10**6)),
        "Linear: expected at most 1,000,000,000 parameters up to here, got more",
    ),
    "many layers of 10^8 numbers": (
        lambda: architecture(sequential(*[linear(in_features=10**4, out_features=10**4)] * 11)),
        "Sequential[9] Linear: expected at most 1,000,000,000 parameters up to here, got more",
    ),
    "a kernel of 2^40 pixels": (
        lambda: architecture(layer("MaxPool2d", kernel_size=[2**20, 2**20])),
        "expected kernel_size to be two integers up to 4,096, got [1048576, 1048576]",
    ),
    "a norm over 2^217 numbers": (
        lambda: architecture(layer("LayerNorm", normalized_shape=[HUGE] * 7)),
        "LayerNorm: Storage size calculation overflowed",
    ),
    "a norm over 100 axes": (
        lambda: architecture(layer("LayerNorm", normalized_shape=[1] * 100)),
        "expected normalized_shape to be a list of 1 to 8 integers",
    ),
    "an unknown dtype": (
        lambda: architecture(linear(dtype="complex64")),
        "expected dtype to be one of float16,",
    ),
    "a probability of 2": (
        lambda: architecture(layer("Dropout", p=2)),
        "Dropout: expected p between 0 and 1",
    ),
    "a mode that there is not": (
        lambda: architecture(layer("GELU", approximate="x" * 10**6)),
        "GELU: expected approximate to be a short string, got 'x",
    ),
    "children of a layer": (
        lambda: architecture({**linear(), "children": []}),
        "Linear: expected class, arguments; got 'children'",
    ),
    "children by name": (
        lambda: architecture({"class": "Sequential", "children": {"0": linear()}}),
        "Sequential: expected a list of children, got something else",
    ),
    "two children of one name": (
        lambda: architecture({"class": "Sequential", "children": [{"name": "a", **linear()}] * 2}),
        "Sequential: expected a name of its own for each child, got 'a'",
    ),
    "a child without name": (
        lambda: architecture({"class": "Sequential", "children": [linear()]}),
        "expected a name of its own for each child, got None",
    ),
    "a child's name with a dot": (
        lambda: architecture({"class": "Sequential", "children": [{"name": "a.b", **linear()}]}),
        "Sequential: expected a name without dots, got 'a.b'",
    ),
    "a child's empty name": (
        lambda: architecture({"class": "Sequential", "children": [{"name": "", **linear()}]}),
        "Sequential: expected a name without dots, got ''",
    ),
    "no branches": (lambda: architecture(layer("Parallel", combine="sum")), "expected at least one branch"),
    "a module shared with one that comes later": (
        lambda: architecture(sequential({"shared": "1"}, linear())),
        "Sequential[0] shared: expected the path of a module before it, got '1'",
    ),
    "a module inside itself": (
        lambda: architecture(sequential({"shared": ""})),
        "Sequential[0] shared: expected the path of a module before it, got ''",
    ),
    "65 levels": (lambda: deep(65), "architecture: expected at most 64 levels, got more"),
    "100,000 levels": (lambda: deep(100_000), "too many levels"),
    "20,000 modules": (
        lambda: architecture(sequential(*[layer("ReLU")] * 20_000)),
        "architecture: expected at most 10,000 modules, got more",
    ),
    # tensors
    "a missing tensor": (lambda: tensors(**{"0__bias": None}), "missing tensor '0.bias'"),
    "an unexpected tensor": (lambda: tensors(extra=ONES), "unexpected tensor 'extra'"),
    "a tensor of another shape": (
        lambda: tensors(**{"0__bias": stored(np.zeros(3, np.float32))}),
        "'0.bias': expected (2,) of F32, got (3,) of F32",
    ),
    "a tensor of another dtype": (
        lambda: tensors(**{"0__bias": stored(np.zeros(2, np.float64))}),
        "'0.bias': expected (2,) of F32, got (2,) of F64",
    ),
    "a tensor of integers": (
        lambda: tensors(**{"0__bias": stored(np.zeros(2, np.int64))}),
        "'0.bias': expected (2,) of F32, got (2,) of I64",
    ),
    "an attachment of floats": (
        lambda: tensors(__attachment__scaler=stored(np.zeros(2, np.float32))),
        "'.attachment.scaler': expected (bytes,) of U8, got (2,) of F32",
    ),
    "an attachment of two axes": (
        lambda: tensors(__attachment__scaler=stored(np.zeros((2, 2), np.uint8))),
        "'.attachment.scaler': expected (bytes,) of U8, got (2, 2) of U8",
    ),
    "a shared module with two weights": (
        lambda: shared(stored(np.zeros((3, 3), np.float32))),
        "expected '1.weight' to equal '0.weight', which is the same parameter",
    ),
    # alterations
    "a weight altered": (
        lambda: flipped(np.ones(1, np.float32).tobytes()),
        "altered since it was written: tensor '0.weight' has another checksum",
    ),
    "an attachment altered": (
        lambda: flipped(b"mean 5.8"),
        "altered since it was written: tensor '.attachment.scaler' has another checksum",
    ),
    "a fact altered": (
        lambda: flipped(b"regression"),
        "altered since it was written: the metadata has another checksum",
    ),
    "an argument altered": (
        lambda: flipped(b'in_features\\": 3', 15),
        "altered since it was written: the metadata has another checksum",
    ),
    "a checksum altered": (
        lambda: Model(sums={"0.bias": "0" * 64}).content(),
        "altered since it was written: tensor '0.bias' has another checksum",
    ),
    "checksums that are no JSON": (
        lambda: Model(sums_text=b"{").content(),
        "altered since it was written: the checksums have no JSON",
    ),
    "checksums that are no UTF-8": (
        lambda: Model(sums_text=b"\xff").content(),
        "altered since it was written: the checksums have 'utf-8' codec",
    ),
    "checksums that are a list": (lambda: Model(sums_text=b"[]").content(), "expected checksums by name"),
    "a checksum that is a number": (
        lambda: Model(sums={"0.bias": 5}).content(),
        "expected checksums by name",
    ),
    "a checksum left out": (lambda: Model(sums={"0.bias": None}).content(), "missing checksum '0.bias'"),
    "a checksum of nothing": (lambda: Model(sums={"1.bias": ""}).content(), "unexpected checksum '1.bias'"),
    "the metadata's checksum left out": (
        lambda: Model(sums={".metadata": None}).content(),
        "missing checksum '.metadata'",
    ),
    "checksums as floats": (
        lambda: Model(sums_stored=stored(np.zeros(2, np.float32))).content(),
        "'.sha256': expected (bytes,) of U8, got (2,) of F32",
    ),
    "no checksums": (
        lambda: header(lambda h: h.update(sums=h.pop(".sha256"))),
        "missing tensor '.sha256'",
    ),
}
